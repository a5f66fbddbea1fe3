"""What is written down, and what never is: tornado_app/logs.py."""

import contextlib
import io
import json
import logging
import os
from types import SimpleNamespace

import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, RequestHandler

from tornado_app.logs import (
    HIDDEN,
    _Handler,
    configure,
    get_logger,
    log_request,
    scrub,
    scrub_text,
    session_logger,
)
from tornado_app.policy.fields import FIELDS

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl-_x"
OPENAI = "sk-proj-abcdEFGH1234_canary"


def fail(token):
    local = "canary-" + "local" * len(token[:1])
    raise ValueError(f"bad token {token} {local[:0]}")


@pytest.fixture(autouse=True)
def _restore():
    root, websocket = logging.getLogger(), logging.getLogger("websocket")
    before = (root.handlers[:], root.level, websocket.level)
    root.handlers[:] = []
    yield
    root.handlers[:], level, quiet = before
    root.setLevel(level)
    websocket.setLevel(quiet)
    structlog.reset_defaults()


@pytest.fixture
def lines():
    """Configure JSON at debug level, and read what was written."""
    stream = io.StringIO()
    configure("debug", "json", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


class TestSecrets:
    def test_what_no_client_is_shown_is_not_logged_under_its_name_either(self, lines):
        """Whoever adds such a field to a call adds it there."""
        hidden = {field.name: "canary" for field in FIELDS.values() if field.is_hidden}
        get_logger().info("draining", **hidden)

        assert hidden
        assert all(lines()[0][name] == HIDDEN for name in hidden)

    @pytest.mark.parametrize(
        ("expected", "text"),
        [
            (f"bad {HIDDEN} here", f"bad {JWT} here"),
            (f"key {HIDDEN}", f"key {OPENAI}"),
            (f"secret {HIDDEN}.", "secret ek_68af1234567890."),
            (f"Authorization: Bearer {HIDDEN}", f"Authorization: Bearer {JWT}"),
            (f"bearer.{HIDDEN}", "bearer.abc.def.ghi"),
            (f"GET /ws?token={HIDDEN}&voice=marin", "GET /ws?token=abc&voice=marin"),
            (f"/ws?resume={HIDDEN}&last_seq=7", "/ws?resume=r-77&last_seq=7"),
            (f"?api-key={HIDDEN}", "?api-key=0f0f0f"),
            (f"GET http://{HIDDEN}@h/healthz 200", "GET http://user:hush@h/healthz 200"),
            (f"at 'rediss://{HIDDEN}@[::1]:6379/0'", "at 'rediss://:hush@[::1]:6379/0'"),
            (f"PARLEY_AUTH_SECRET={HIDDEN}", "PARLEY_AUTH_SECRET=hush"),
            (f"Sec-WebSocket-Protocol: {HIDDEN}", "Sec-WebSocket-Protocol: voice.v1, bearer.x"),
            (f'{{"token": "{HIDDEN}", "id": 7}}', '{"token": "a\\"b c", "id": 7}'),
            (f"{{'api-key': '{HIDDEN}'}}", "{'api-key': 'a b'}"),
            (f'{{"type":"x","audio":"{HIDDEN}"}}', '{"type":"x","audio":"AAAA"}'),
            (f'{{"delta":"{HIDDEN}"', '{"delta":"cut off in the mid'),
            ("got <bytes>, wanted text", "got b'\\x00\\x01 \\'x', wanted text"),
            (f"body {HIDDEN}", "body " + "QUJD" * 100 + "=="),
        ],
    )
    def test_shape(self, expected, text):
        """A secret is known by its shape, whatever text it is in."""
        assert expected == scrub_text(text)

    @pytest.mark.parametrize(
        "text",
        [
            "session s-8f2c41d09b opened",
            "task-force risk-assessment desk_lamp",
            "the bearer token is missing",
            "token_expired: The token has expired. Connect with a fresh one.",
            "GET /ws 101 in 3.2 ms from 2001:db8::1",
            '{"input_tokens": 12, "audio_ms": 20}',
            "https://example.com:8443/mail/a@b.example?c=d@e",
            "upstream closed with 1006",
        ],
    )
    def test_ordinary_text_stays(self, text):
        """A line without secrets is written as it is."""
        assert text == scrub_text(text)

    @pytest.mark.parametrize(
        "key",
        [
            "authorization", "Authorization", "token", "resume_token", "secret", "auth.secret",
            "api_key", "api-key", "upstream_api_key", "password", "Sec-WebSocket-Protocol", "audio",
            "input_audio", "delta", "transcript", "instructions", "cookie",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("value", ["x", b"x", 7, ["x"], {"a": "x"}], ids=str)
    def test_key(self, key, value):
        """What is under a secret's name is hidden, whatever it is and however deep."""
        assert {key: HIDDEN} == scrub(None, "info", {key: value})
        assert {"data": [{key: HIDDEN}]} == scrub(None, "info", {"data": [{key: value}]})

    @pytest.mark.parametrize(
        "value", [b"\1\2\3", bytearray(3), memoryview(b"abc"), np.zeros(3, "i1")]
    )
    def test_bytes(self, value):
        """Of audio there is nothing but its size."""
        assert scrub(None, "info", {"chunk": value}) == {"chunk": "<3 bytes>"}

    def test_other_values(self):
        """Numbers stay numbers, anything else is its scrubbed repr, and nothing is endless."""
        endless: list[object] = []
        endless.append(endless)
        event = {"n": 1, "x": 0.5, "ok": True, "no": None, "nan": float("nan"), "endless": endless}
        actual = scrub(None, "info", event | {"error": ValueError(JWT), "token": None})

        assert actual == {
            "n": 1,
            "x": 0.5,
            "ok": True,
            "no": None,
            "nan": "nan",
            "endless": [[[["..."]]]],
            "error": f"ValueError('{HIDDEN}')",
            "token": None,
        }

    def test_value_that_cannot_be_printed(self):
        """A repr that raises costs the value, not the line."""

        class Broken:
            def __repr__(self):
                raise RuntimeError

        assert scrub(None, "info", {"x": Broken()}) == {"x": "<Broken>"}

    def test_long_text_is_cut(self):
        """A megabyte of text is not worth a megabyte of log."""
        actual = scrub_text("no secret " * 100_000)

        assert len(actual) < 17_000
        assert actual.endswith("(1000000 characters)")

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30), st.text(max_size=30))
    def test_canary(self, before, after):
        """No text around a token or key brings it out."""
        for secret in (JWT, OPENAI):
            assert "canary" not in scrub_text(f"{before} {secret} {after}")
            assert "c2lnbmF0dXJl" not in scrub_text(f"{before} {secret} {after}")


class TestLines:
    def test_json(self, lines):
        """An event is one line of JSON with time, level and who speaks."""
        get_logger("tornado_app.server").info("listening", port=8765)

        [line] = lines()
        assert line.pop("timestamp").endswith("Z")
        expected = {"event": "listening", "level": "info", "logger": "tornado_app.server"}
        assert expected | {"port": 8765} == line

    def test_session(self, lines):
        """Every line of a session says which and whose."""
        session_logger("s-1", "ada").bind(ip="::1").warning("slow client")

        [line] = lines()
        assert (line["session_id"], line["user_id"], line["ip"]) == ("s-1", "ada", "::1")

    def test_libraries(self, lines):
        """What libraries log goes the same way, arguments and all."""
        logging.getLogger("tornado.access").warning("refused %s", f"/ws?token={JWT}")

        [line] = lines()
        assert f"refused /ws?token={HIDDEN}" == line["event"]
        assert (line["logger"], line["level"]) == ("tornado.access", "warning")

    def test_what_strangers_can_have_tornado_say(self, lines):
        """A reset or a header that cannot be read is nobody's business; a fault is."""
        for level in ("info", "warning", "error"):
            getattr(logging.getLogger("tornado.general"), level)(level)

        assert ["error"] == [line["event"] for line in lines()]

    @pytest.mark.parametrize("output", ["json", "console"])
    @pytest.mark.parametrize("ours", [True, False], ids=["ours", "library"])
    def test_exception(self, output, ours):
        """A stack trace is kept, without secrets in its message and without local variables."""
        stream = io.StringIO()
        configure("info", output, stream)
        logger = get_logger() if ours else logging.getLogger("tornado.application")
        try:
            fail(JWT)
        except ValueError:
            logger.exception("failed")

        written = stream.getvalue()
        assert f"ValueError: bad token {HIDDEN}" in written
        assert "in fail" in written
        assert "eyJ" not in written
        assert "canary-local" not in written
        assert output == "console" or written.count("\n") == 1

    def test_console_is_one_line_without_terminal_codes(self):
        """What a stranger sends can neither start a line of its own nor drive the terminal."""
        stream = io.StringIO()
        configure("info", "console", stream)
        get_logger().info("said\nroot logged in", name="a\x1b[2J\u202eb\r\n")

        written = stream.getvalue()
        assert written.count("\n") == 1
        assert "said\\nroot logged in" in written
        assert not {"\x1b", "\r", "\u202e"} & set(written)

    @pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("error", 1)])
    def test_level(self, level, expected):
        """Below the level nothing is written, of ours and of libraries."""
        stream = io.StringIO()
        configure(level, "json", stream)
        for logger in (get_logger(), logging.getLogger("asyncio")):
            for name in ("debug", "info", "warning", "error"):
                getattr(logger, name)("event")

        assert 2 * expected == len(stream.getvalue().splitlines())

    def test_websocket_client_is_quiet(self, lines):
        """websocket-client raises what it logs: once is enough."""
        logging.getLogger("websocket").error("error from callback")

        assert lines() == []

    def test_configure_again(self):
        """The last call counts, alone."""
        first, second = io.StringIO(), io.StringIO()
        configure("info", "json", first)
        configure("info", "json", second)
        get_logger().info("event")

        assert (first.getvalue(), len(second.getvalue().splitlines())) == ("", 1)

    def test_standard_error_unless_told(self, capsys):
        """Lines go to standard error."""
        configure("info", "json")
        get_logger().info("event")

        assert "event" in capsys.readouterr().err

    def test_line_that_cannot_be_formatted(self, capsys):
        """A log call with a mistake tells where it is, and not what it was given."""
        stream = io.StringIO()
        configure("info", "json", stream)
        logging.getLogger("library").warning("%d", JWT)

        assert stream.getvalue().startswith("a log line failed: library ")
        assert "test_logs.py" in stream.getvalue()
        assert "eyJ" not in stream.getvalue() + capsys.readouterr().err

    def test_closed_stream(self):
        """A log that cannot be written disturbs nobody."""
        stream = io.StringIO()
        configure("info", "json", stream)
        stream.close()

        get_logger().info("event")


class TestUnread:
    """A pipe whose reader hangs: a log driver, a pager, a terminal that is held."""

    @pytest.fixture
    def pipe(self):
        reading, writing = os.pipe()
        with os.fdopen(writing, "w", encoding="utf-8") as stream:
            configure("info", "json", stream)
            yield reading
        os.close(reading)

    def read(self, pipe):
        """All that is there, which may end in the middle of a line."""
        os.set_blocking(pipe, False)
        text = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(pipe, 1 << 20):
                text += piece
        return text.decode()

    def has_room(self, answers):
        """Whenever the log asks whether there is room for a piece."""
        [handler] = (each for each in logging.getLogger().handlers if isinstance(each, _Handler))
        handler._room = SimpleNamespace(is_there=lambda: answers.pop(0))
        return handler

    @pytest.mark.parametrize(("count", "size"), [(900, 10), (20, 10_000)])
    def test_lines_are_lost_and_counted(self, pipe, count, size):
        """Nobody waits, and whoever reads again is told how many there were."""
        for number in range(count):
            get_logger().info("event", number=number, text="." * size)
        text = self.read(pipe)
        get_logger().info("again")
        lines = [line for line in (text + self.read(pipe)).split("\n") if line]
        cut = [line for line in lines if not line.endswith("}")]
        *whole, again, lost = (json.loads(line) for line in lines if line not in cut)

        assert list(range(len(whole))) == [line["number"] for line in whole]
        assert 0 < len(whole) < count
        assert len(cut) <= 1
        assert ("again", "lines_lost") == (again["event"], lost["event"])
        assert count - len(whole) == lost["unlogged"]

    def test_that_lines_are_lost_may_be_lost_too(self, pipe):
        """And is told with the next for which there is room."""
        self.has_room([False, True, False, True, True, True])
        for name in ("lost", "written", "written"):
            get_logger().info(name)
        lines = [json.loads(line) for line in self.read(pipe).splitlines()]

        assert ["written", "written", "lines_lost"] == [line["event"] for line in lines]
        assert 2 == lines[-1]["unlogged"]

    def test_a_line_that_cannot_be_formatted_is_counted_as_any_other(self, pipe):
        """It is told where it comes from, if there is room."""
        wrong = logging.LogRecord("library", logging.WARNING, __file__, 1, "%d", ("one",), None)
        self.has_room([False, True, True]).handle(wrong)
        get_logger().info("written")

        assert '"unlogged": 1' in self.read(pipe)


class TestRequests:
    @staticmethod
    def handler(uri, status):
        class Connection:
            context = None

            def set_close_callback(self, callback):
                pass

        request = HTTPServerRequest(
            start_line=RequestStartLine("GET", uri, "HTTP/1.1"),
            headers=HTTPHeaders({"Host": "localhost"}),
            connection=Connection(),
        )
        request.remote_ip = "203.0.113.9"
        handler = RequestHandler(Application(), request)
        handler.set_status(status)
        return handler

    @pytest.mark.parametrize("status", [101, 200, 404, 503])
    def test_line(self, lines, status):
        """A request is a line without its query, at debug level: anybody can send any number."""
        log_request(self.handler(f"/ws?token={JWT}&x=canary", status))

        [line] = lines()
        assert line.pop("ms") >= 0
        assert ("request", "debug", "GET", "/ws", status, "203.0.113.9") == tuple(
            line[key] for key in ("event", "level", "method", "path", "status", "ip")
        )
        assert "canary" not in str(line)

    def test_token_in_the_path(self, lines):
        """Even in a path a token is known."""
        log_request(self.handler(f"/ws/{JWT}", 404))

        assert f"/ws/{HIDDEN}" == lines()[0]["path"]
