"""Whom `talk` may meet in place of a gateway: one calm sentence for each of them."""

import asyncio
import contextlib

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from tests.calls.house import ROOT
from tests.fakes.upstream import make_certificate, unused_port
from tornado_app.commands.talk import dial
from tornado_app.commands.talk.address import address_as_it_is, read_address
from tornado_app.commands.talk.conversation import Wish, run
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.turns import Spoken, given
from workers.recordings import open_recording

AMIABLE = ROOT / "tests" / "data" / "amiable.wav"


async def call(url, capsys, token="t"):
    """What is said of a gateway at *url*, which is none."""
    with contextlib.closing(open_recording(AMIABLE)) as recording:
        address = read_address(url, recording.rate_hz)
        assert 1 == await run(Wish(given([Spoken(recording)]), address, token, is_fast=True))
    printed = capsys.readouterr()
    assert "" == printed.out
    assert token not in printed.err or token == "t"
    return printed.err.splitlines()


@contextlib.asynccontextmanager
async def listening(answer, tls=None):
    """A server that answers the first bytes of each caller with *answer*, and closes."""

    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            if answer is None:
                await reader.read()
            elif answer:
                if answer.startswith(b"HTTP"):
                    await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("host", ["a..b", ".", "a" * 64, "", "127.0.0.1:0", "a:b"])
def test_what_no_resolver_can_be_asked_for(host):
    """It is the address that is wrong, and nothing else is blamed."""
    with pytest.raises(Failed, match="address begins with ws://"):
        read_address(f"ws://{host}/ws", 24_000)


@pytest.mark.parametrize("path", ["", "/", "/ws"])
def test_a_gateway_that_is_named_by_its_host(path):
    """As a browser shows it; another path is somebody's own."""
    assert "ws://a:1/ws?x=1" == address_as_it_is(f"ws://a:1{path}?x=1")
    assert "ws://a:1/voice" == address_as_it_is("ws://a:1/voice")


def http(status, body=b"", headers=b""):
    length = str(len(body)).encode()
    return b"HTTP/1.1 %b\r\n%bContent-Length: %b\r\n\r\n%b" % (status, headers, length, body)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "What listens at {} is no gateway, or it closed at once. If it wants TLS, say"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "What listens at {} is no gateway"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "What listens at {} is no gateway"),
        (http(b"200 OK", b"<html>"), "What listens at {} is no gateway"),
        (http(b"302 Found", headers=b"Location: /login\r\n"), "{} sends us elsewhere (HTTP 302)"),
        (http(b"404 Not Found", b"<html>"), "Something answers at {}, but no gateway is there"),
        (http(b"502 Bad Gateway", b"<html>"), "{} refused with HTTP 502, and not in words of"),
        (http(b"401 Unauthorized", b'{"error": {"no": "text"}}'), "{} refused with HTTP 401"),
        (
            http(b"401 Unauthorized", b'{"error": "No \\u001b[31m\\u202e token."}'),
            "The gateway refused: No [31m token. Give it",
        ),
    ],
)
@pytest.mark.gen_test
async def test_servers_of_other_kinds(capsys, answer, sentence):
    """Each is told apart as far as it shows itself."""
    async with listening(answer) as place:
        [said] = await call(f"ws://{place}/ws", capsys)

    assert said.startswith(sentence.format(place))


@pytest.mark.gen_test
async def test_a_port_that_never_answers(capsys, monkeypatch):
    """It is not waited for longer than a gateway may take."""
    assert dial.DIAL_TIMEOUT_S <= 5
    monkeypatch.setattr(dial, "DIAL_TIMEOUT_S", 0.1)
    async with listening(None) as place:
        [said] = await call(f"ws://{place}/ws", capsys)

    assert said.startswith(f"{place} does not answer within 0.1 s")


@pytest.mark.gen_test
async def test_nobody(capsys):
    """It says how to start one."""
    place = f"127.0.0.1:{unused_port()}"

    assert [f"No gateway listens at {place}. Start one with run.py, or say --url."] == await call(
        f"ws://{place}", capsys
    )


@pytest.mark.gen_test
async def test_a_token_that_no_header_can_carry(capsys):
    """It is refused here, and not shown."""
    [said] = await call("ws://127.0.0.1:9/ws", capsys, token="two\r\nlines")

    assert said.startswith(("The token holds characters", "No gateway"))


class Other(WebSocketHandler):
    def initialize(self, messages):
        self.messages = messages

    async def open(self):
        for message in self.messages:
            await self.write_message(message, binary=isinstance(message, bytes))
        self.close(4000, "\x1b[31mred")


@pytest.mark.parametrize(
    "messages",
    [["hello"], ["[]"], ["1"], ['{"type": "pong"}'], ['{"type": "audio", "data": 1, "error": ""}']],
)
@pytest.mark.gen_test
async def test_websockets_that_say_other_things(capsys, messages):
    """A chat, the model itself, or a gateway that is broken."""
    async with websocket(messages) as url:
        [said] = await call(url, capsys)

    assert "What answers there is no gateway of ours: it says other things." == said


@pytest.mark.gen_test
async def test_a_websocket_that_closes_at_once(capsys):
    """Its code and its words, without their controls."""
    async with websocket([]) as url:
        [said] = await call(url, capsys)

    assert "The gateway closed the call (4000 [31mred)." == said


@contextlib.asynccontextmanager
async def websocket(messages):
    server = HTTPServer(Application([("/ws", Other, {"messages": messages})]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield f"ws://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        await server.close_all_connections()


@pytest.fixture
def tls(tmp_path):
    """A server's side with a certificate that nobody has signed."""
    return make_certificate(tmp_path)[0]


class TestTls:
    @pytest.mark.gen_test
    async def test_a_certificate_that_nobody_knows(self, capsys, tls):
        """Whose it is, and why it is not believed."""
        async with listening(b"x", tls) as place:
            [said] = await call(f"wss://{place}/ws", capsys)

        assert f"The certificate of {place} is not trusted: self-signed certificate." == said

    @pytest.mark.gen_test
    async def test_none_where_some_is_wanted(self, capsys):
        """The address may begin with ws:// there."""
        async with listening(b"SSH-2.0-OpenSSH_9.6\r\n") as place:
            [said] = await call(f"wss://{place}/ws", capsys)

        assert said.startswith(f"{place} does not speak TLS as wss:// wants it; say ws://")

    @pytest.mark.gen_test
    async def test_some_where_none_is_wanted(self, capsys, tls):
        """The address may begin with wss:// there."""
        async with listening(b"x", tls) as place:
            [said] = await call(f"ws://{place}/ws", capsys)

        assert said.endswith("If it wants TLS, say wss:// in --url.")


@pytest.mark.parametrize(
    "url",
    ["", "gateway", "127.0.0.1:8765", "ftp://x/ws", "ws://", "ws://:1/ws", "ws://x:99999/ws",
     "ws://x:0/", "ws://[::1/ws", "ws://x:port/", "//x/ws"],
)  # fmt: skip
def test_addresses_that_are_none(url):
    """It says how one looks."""
    with pytest.raises(Failed, match="begins with ws:// or wss://"):
        read_address(url, 16_000)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("http://127.0.0.1:8765/ws", "ws://127.0.0.1:8765/ws"),
        ("https://voice.example/ws?voice=cedar", "wss://voice.example/ws?voice=cedar"),
    ],
)
def test_addresses_of_browsers(url, instead):
    """The right one is there to be copied."""
    with pytest.raises(Failed) as failed:
        read_address(url, 16_000)

    assert str(failed.value).endswith(f"; try --url {instead}")


@pytest.mark.parametrize(
    ("query", "recording_hz", "source", "target"),
    [
        ("", 16_000, ("pcm16", 16_000, 1), ("pcm16", 24_000)),
        ("", 4_000, ("pcm16", 8_000, 1), ("pcm16", 24_000)),
        ("", 384_000, ("pcm16", 48_000, 1), ("pcm16", 24_000)),
        ("input_format=pcmu&output_format=pcma", 16_000, ("pcmu", 8_000, 1), ("pcma", 8_000)),
        ("input_rate=1&input_rate=44100", 16_000, ("pcm16", 44_100, 1), ("pcm16", 24_000)),
        ("input_channels=2&output_rate=8000", 16_000, ("pcm16", 16_000, 2), ("pcm16", 8_000)),
    ],
)
def test_formats(query, recording_hz, source, target):
    """What the address does not say is what the gateway takes of the recording."""
    address = read_address(f"ws://x/ws?{query}", recording_hz)
    formats = address.source, address.target

    assert source == (formats[0].encoding, formats[0].rate_hz, formats[0].channels)
    assert target == (formats[1].encoding, formats[1].rate_hz)


@pytest.mark.parametrize("query", ["input_format=opus", "output_format=opus", "output_rate=x"])
def test_formats_that_talk_does_not_have(query):
    """The gateway may have them; it is said what is missing here."""
    address = read_address(f"ws://x/ws?{query}", 16_000)
    with pytest.raises(Failed, match=r"talk knows no such (input|output) as --url asks for"):
        _ = (address.source, address.target)
