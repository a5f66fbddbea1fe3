"""Lines for people: tornado_app/console_lines.py."""

import io
import logging
import re

import pytest
import structlog

from tests.calls.house import House, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.logs import configure, get_logger, session_logger

COLUMNS = 100


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore():
    with whole_log():
        yield
    structlog.reset_defaults()


def written(stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    configure("debug", "console", stream)
    return stream


def test_columns():
    """Time, level, call, event and fields begin where they began in the line before."""
    stream = written()
    get_logger().warning("visitors_cut", limit="unauthenticated", ip="10.0.0.9")
    log = session_logger("sess_0123456789abcdef", "ada").bind(ip="::1")
    log.info("session_opened", input="pcm16/24000/1", session="realtime", scopes=[])
    log.info("audio_lost", lost_ms=120)
    log.info("session_closed", duration_s=33.7, size_bytes=7, close_code=1000)

    lines = [line[8:] for line in stream.getvalue().splitlines()]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in stream.getvalue().splitlines())
    assert [
        " warn      visitors_cut       limit=unauthenticated ip=10.0.0.9",
        " info cdef session_opened     user=ada in=pcm16/24000/1",
        " info cdef audio_lost         lost=120ms",
        " info cdef session_closed     duration=33.7s size=7B close=1000",
    ] == lines


def test_nothing_that_says_nothing():
    """Zero, empty and None are left out; what is false is not."""
    stream = written()
    get_logger().info("event", a=0, b="", c=None, d=[], e=False, f=0.0, g=1.50000001, h=["x", "y"])

    assert stream.getvalue().endswith("event              e=False g=1.5 h=x,y\n")


def test_a_text_of_several_words_is_one_field():
    """Where it ends can be seen."""
    stream = written()
    get_logger().error("model_rejects", advice="Check the key.", cause="a=b")

    assert stream.getvalue().endswith("advice='Check the key.' cause='a=b'\n")


def test_what_a_library_says_bears_its_name():
    """Ours goes without saying."""
    stream = written()
    logging.getLogger("asyncio").warning("slow")

    assert stream.getvalue().endswith(" warn      asyncio: slow\n")


def test_a_trace_stands_below_its_line():
    """As Python writes it."""
    stream = written()
    try:
        int("no")
    except ValueError:
        get_logger().exception("handler_failed")

    first, *trace = stream.getvalue().splitlines()
    assert first.endswith("handler_failed")
    assert ("Traceback (most recent call last):", "ValueError") == (trace[0], trace[-1][:10])


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {}, False),
    ],
)
def test_colours(monkeypatch, stream, environ, coloured):
    """On a terminal whose user has nothing against them."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    log = written(stream())
    get_logger().error("handler_failed")

    assert coloured == ("\x1b[31merr " in log.getvalue())
    assert coloured == ("\x1b" in log.getvalue())


@pytest.mark.gen_test
async def test_a_call_fits_in_a_terminal():
    """From the opening to the end no line is wider than a hundred columns."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        log = written()
        client = await house.connected(user="developer")
        await client.audio(bytes(9600))
        await client.say("commit_audio")
        client.socket.close(1000)
        await client.closed()

    lines = log.getvalue().splitlines()
    assert len(lines) >= 3
    assert [] == [line for line in lines if len(line) > COLUMNS]
