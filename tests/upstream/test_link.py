"""A link against a scripted upstream: how it lives, and each way it can end."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websocket import ABNF

from tests.fakes.upstream import (
    BINARY,
    FAULTS,
    TEXT,
    FakeUpstream,
    frame,
    make_certificate,
    syn_hole,
    unused_port,
)
from tornado_app.mailbox import Mailbox
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.link import MESSAGE_OVERHEAD_BYTES, Failure, Link
from tornado_app.upstream.said import LinkDrained, LinkLost, LinkOpened, LinkRoundTrip, LinkSaid
from tornado_app.upstream.wire import Wire

SECRET = "sk-very-secret"
CLOSED = "WebSocketConnectionClosedException"


class Owner:
    """Stands where a connection would: hears the link on the loop, and remembers."""

    def __init__(
        self, url: str, parse: Callable[[bytes | str], object] = str, **limits: Any
    ) -> None:
        self.heard: list[Any] = []
        self._next = 0
        self._arrived = asyncio.Event()
        self._mailbox = Mailbox(asyncio.get_running_loop())
        self.link = Link(dial(url, **limits), "s1", self.post, parse)

    def post(self, value: object) -> None:
        self._mailbox.post_threadsafe(self._keep, value)

    def _keep(self, value: object) -> None:
        self.heard.append(value)
        self._arrived.set()

    async def next(self, kind: type, timeout_s: float = 20.0) -> Any:
        """The next value of this kind that has not been returned yet."""
        async with asyncio.timeout(timeout_s):
            while True:
                while self._next < len(self.heard):
                    self._next += 1
                    if isinstance(self.heard[self._next - 1], kind):
                        return self.heard[self._next - 1]
                self._arrived.clear()
                await self._arrived.wait()

    async def opened(self) -> None:
        self.link.start()
        await self.next(LinkOpened)

    async def failure(self) -> Failure:
        """Why the link ended, which it must have said once, and last."""
        lost = await self.next(LinkLost)
        assert self.link.join(20)
        await asyncio.sleep(0)
        assert self.heard[-1] is lost
        assert [lost] == [value for value in self.heard if isinstance(value, LinkLost)]
        return lost.failure


def dial(url: str, **limits: Any) -> Dial:
    defaults = {
        "connect_timeout_s": 5.0,
        "write_timeout_s": 5.0,
        "ping_interval_s": 20.0,
        "read_timeout_s": 45.0,
        "outbox_bytes": 1 << 20,
    }
    headers = (f"Authorization: Bearer {SECRET}", "X-Test: 1")
    return Dial(url=url, headers=headers, **(defaults | limits))


def descriptors() -> list[Path]:
    return list(Path("/proc/self/fd").iterdir())


def link_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("up-")]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    assert link_threads() == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


# How it lives.


@pytest.mark.gen_test
async def test_a_link_opens_hears_and_says() -> None:
    """Headers go out, frames are masked, messages come parsed with their size, pings are timed."""
    async with FakeUpstream() as fake:
        owner = Owner(fake.url, json.loads)
        await owner.opened()
        said = await owner.next(LinkSaid)
        round_trip = await owner.next(LinkRoundTrip)
        waits_s = owner.link.unanswered_s
        unsent = owner.link.send(b'{"type": "session.update", "session": {}}')
        answer = await owner.next(LinkSaid)
        peer = fake.connections[0]
        owner.link.close()
        failure = await owner.failure()

    assert Failure("open", "ended") == failure
    assert (said.event["type"], answer.event["type"]) == ("session.created", "session.updated")
    assert len(json.dumps(said.event)) + MESSAGE_OVERHEAD_BYTES == said.posted_bytes
    assert 0 < round_trip.latency_ms < 1000
    assert 0.0 == waits_s
    assert (unsent, peer.unmasked, peer.close_code) == (0, 0, 1000)
    assert ("/v1/realtime?model=fake", f"Bearer {SECRET}") == (
        peer.path,
        peer.headers["authorization"],
    )
    assert not {"origin", "cookie"} & peer.headers.keys()


@pytest.mark.gen_test
async def test_a_ping_that_is_not_answered_waits() -> None:
    """From the first of them on, whatever else the model says."""
    async with FakeUpstream(answer_pings=False) as fake:
        owner = Owner(fake.url, ping_interval_s=0.01)
        await owner.opened()
        await owner.next(LinkSaid)
        while [opcode for opcode, _ in fake.connections[0].frames].count(ABNF.OPCODE_PING) < 3:
            await asyncio.sleep(0.005)
        assert owner.link.unanswered_s >= 0.02
        owner.link.abort()
        await owner.failure()


@pytest.mark.gen_test
async def test_the_thread_carries_the_sessions_name() -> None:
    """A stack dump says which session a thread belongs to."""
    async with FakeUpstream() as fake:
        owner = Owner(fake.url)
        await owner.opened()
        names = link_threads()
        owner.link.abort()
        await owner.failure()

    assert names == ["up-s1"]


@pytest.mark.gen_test
async def test_what_is_sent_before_the_link_opens_waits() -> None:
    """The owner may speak at once; it goes out after the handshake, in order, and is drained."""
    async with FakeUpstream() as fake:
        owner = Owner(fake.url)
        unsent = [owner.link.send(json.dumps({"type": f"e{n}"}).encode()) for n in range(3)]
        await owner.opened()
        await owner.next(LinkDrained)
        events = [await fake.next_event() for _ in range(3)]
        owner.link.abort()
        await owner.failure()

    assert sorted(unsent) == unsent
    assert unsent[0] > 0
    assert [event["type"] for event in events] == ["e0", "e1", "e2"]


@pytest.mark.gen_test
async def test_sends_from_several_threads_stay_whole_and_in_order() -> None:
    """Four threads send at once; no frame is torn, and each thread's frames keep their order."""
    async with FakeUpstream() as fake:
        owner = Owner(fake.url, outbox_bytes=64 << 20)
        await owner.opened()
        peer = await fake.connection()

        def talk(speaker: int) -> None:
            for number in range(300):
                owner.link.send(json.dumps({"n": [speaker, number], "pad": "x" * 5000}).encode())

        threads = [threading.Thread(target=talk, args=(speaker,)) for speaker in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(4 * 300):
            await peer.next_event()
        for thread in threads:
            thread.join()
        owner.link.abort()
        await owner.failure()

    said = [event["n"] for event in peer.events]
    assert [list(range(300))] * 4 == [[n for s, n in said if s == each] for each in range(4)]


@pytest.mark.gen_test
async def test_a_slow_peer_gets_every_byte_in_order() -> None:
    """While the peer does not read, bytes wait in the outbox; afterwards all arrive."""
    async with FakeUpstream(receive_buffer_bytes=4096) as fake:
        owner = Owner(fake.url, outbox_bytes=64 << 20)
        await owner.opened()
        peer = await fake.connection()
        peer.reading.clear()
        unsent = 0
        while unsent < 4 << 20:
            unsent = owner.link.send(
                json.dumps({"pad": "x" * 50_000, "n": len(owner.heard)}).encode()
            )
            owner.heard.append("sent")
        sent = owner.heard.count("sent")
        peer.reading.set()
        await owner.next(LinkDrained)
        events = [await peer.next_event() for _ in range(sent)]
        idle = owner.link.send(b"{}")
        owner.link.abort()
        await owner.failure()

    assert sorted(event["n"] for event in events) == [event["n"] for event in events]
    assert idle == 0


@pytest.mark.gen_test
async def test_three_thousand_frames_both_ways_over_tls(certificate) -> None:
    """Reading and writing one TLS socket from two threads tears nothing and stalls nothing."""
    context, ca_file = certificate
    async with FakeUpstream(tls=context) as fake:
        fake.answers["echo"] = lambda event: [event]
        owner = Owner(fake.url, json.loads, ca_file=ca_file, outbox_bytes=64 << 20)
        await owner.opened()

        def talk() -> None:
            for number in range(3000):
                pad = "x" * (number * 37 % 30_000 if number % 10 == 0 else 1300)
                owner.link.send(json.dumps({"type": "echo", "n": number, "pad": pad}).encode())

        thread = threading.Thread(target=talk)
        thread.start()
        numbers = []
        while len(numbers) < 3000:
            said = await owner.next(LinkSaid)
            owner.link.consumed(said.posted_bytes)
            numbers += [said.event["n"]] if said.event["type"] == "echo" else []
        thread.join()
        owner.link.close()
        failure = await owner.failure()

    assert (list(range(3000)), "ended") == (numbers, failure.kind)


@pytest.mark.gen_test
async def test_binary_frames_are_parsed_as_bytes() -> None:
    """What a binary frame means is for the parser to say."""
    async with FakeUpstream(FAULTS["binary"]) as fake:
        owner = Owner(fake.url, lambda text: text)
        await owner.opened()
        said = await owner.next(LinkSaid)
        owner.link.abort()
        await owner.failure()

    assert (b"\0\1\2", 3 + MESSAGE_OVERHEAD_BYTES) == (said.event, said.posted_bytes)


@pytest.mark.gen_test
async def test_fragments_are_one_message() -> None:
    """A message in pieces, with a ping between them, is heard as a whole."""
    pieces = [frame(TEXT, "h\u00e9".encode()[:2], first=0), frame(9, b"!"), frame(0, b"\xa9llo")]

    async def script(peer) -> None:
        for piece in pieces:
            await peer.send_raw(piece)

    async with FakeUpstream(script) as fake:
        owner = Owner(fake.url)
        await owner.opened()
        said = await owner.next(LinkSaid)
        pong = await fake.connections[0].next_frame(10)
        owner.link.abort()
        await owner.failure()

    assert ("h\u00e9llo", 6 + MESSAGE_OVERHEAD_BYTES) == (said.event, said.posted_bytes)
    assert b"!" == pong


@pytest.mark.gen_test
async def test_a_ping_flood_is_answered_and_survived() -> None:
    """Five thousand pings at once bring five thousand pongs, and the link goes on."""
    async with FakeUpstream(FAULTS["ping_flood"]) as fake:
        owner = Owner(fake.url)
        await owner.opened()
        peer = await fake.connection()
        async with asyncio.timeout(10):
            while sum(data == b"flood" for _, data in peer.frames) < 5000:
                await peer.next_frame(10)
                await asyncio.sleep(0.01)
        await fake.send({"type": "still.here"})
        said = await owner.next(LinkSaid)
        owner.link.abort()
        await owner.failure()

    assert "still.here" in said.event


@pytest.mark.gen_test
async def test_an_owner_that_falls_behind_stops_the_reading() -> None:
    """Beyond `inbox_bytes` nothing is read, the peer is not taken for silent, and it goes on."""
    message_bytes = (64 << 10) + MESSAGE_OVERHEAD_BYTES

    async def script(peer) -> None:
        for _ in range(400):
            await peer.send_raw(frame(BINARY, bytes(64 << 10)))

    async with FakeUpstream(script) as fake:
        inbox_bytes = 16 * message_bytes
        owner = Owner(
            fake.url, len, inbox_bytes=inbox_bytes, read_timeout_s=0.4, ping_interval_s=0.1
        )
        await owner.opened()
        for _ in range(17):
            await owner.next(LinkSaid)
        await asyncio.sleep(1.0)
        outstanding = sum(isinstance(value, LinkSaid) for value in owner.heard)
        owner.link.consumed(17 * message_bytes)
        for count in range(17, 400):
            said = await owner.next(LinkSaid)
            if count < 399:
                owner.link.consumed(said.posted_bytes)
        owner.link.abort()
        failure = await owner.failure()

    assert outstanding <= 19  # one read of 64 KiB may hold the ends of two messages
    assert failure.kind == "ended"


@pytest.mark.gen_test
async def test_an_owner_that_hears_a_little_of_much_wakes_the_reading_once(monkeypatch) -> None:
    """When half is heard: each message would cost it a call of the system, and bring one more."""
    monkeypatch.setattr("tornado_app.upstream.link.LOOK_AGAIN_S", 60.0)
    woken = []
    wake = Wire.wake_threadsafe
    monkeypatch.setattr(Wire, "wake_threadsafe", lambda wire: woken.append(wire) or wake(wire))
    size_bytes = 1024 + MESSAGE_OVERHEAD_BYTES

    async def script(peer) -> None:
        await peer.send_raw(frame(BINARY, bytes(1024)) * 200)

    async with FakeUpstream(script) as fake:
        owner = Owner(fake.url, len, inbox_bytes=16 * size_bytes)
        await owner.opened()
        for _ in range(17):
            await owner.next(LinkSaid)
        link = owner.link
        async with asyncio.timeout(20):
            while not link.paused_s:
                await asyncio.sleep(0.01)
        came_bytes = link.posted_bytes
        link.consumed(came_bytes - 9 * size_bytes)
        assert [] == woken
        link.consumed(came_bytes - 8 * size_bytes)
        assert [link._wire] == woken
        for _ in range(17, 200):
            link.consumed((await owner.next(LinkSaid)).posted_bytes)
        link.abort()
        await owner.failure()


@pytest.mark.parametrize("reply", ["200 Fine", "407 Who are you"])
@pytest.mark.gen_test
async def test_a_proxy_from_the_environment(monkeypatch, certificate, reply) -> None:
    """HTTPS_PROXY is asked for a tunnel, TLS runs inside it; its refusal is a refusal."""
    asked: list[bytes] = []
    done = asyncio.Event()

    async def pipe(reader, writer) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.transport.abort()

    async def proxy(reader, writer) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {reply}\r\n\r\n".encode())
        if reply.startswith("200"):
            server = await asyncio.open_connection("127.0.0.1", fake.port)
            await asyncio.gather(pipe(reader, server[1]), pipe(server[0], writer))
        writer.close()
        done.set()

    async with (
        FakeUpstream(tls=certificate[0]) as fake,
        await asyncio.start_server(proxy, "127.0.0.1", 0) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        url = fake.url.replace("localhost", "model.test")
        owner = Owner(url, ca_file=certificate[1])
        owner.link.start()
        if reply.startswith("200"):
            await owner.next(LinkSaid)
            owner.link.close()
        failure = await owner.failure()
        await done.wait()

    assert f"CONNECT model.test:{fake.port} HTTP/1.1".encode() in asked[0]
    assert SECRET.encode() not in asked[0]
    assert failure.kind == ("ended" if reply.startswith("200") else "refused")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.gen_test
async def test_no_proxy_is_asked_for_this_computer(monkeypatch, host) -> None:
    """Our own model is here, and whoever names a proxy need not name what is not behind it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.com")
    async with FakeUpstream() as fake:
        owner = Owner(f"ws://{host}:{fake.port}/v1/realtime")
        owner.link.start()
        await owner.next(LinkSaid)
        owner.link.close()
        await owner.failure()


# How it ends.


@pytest.mark.parametrize(
    ("handshake", "failure"),
    [
        ("hang_up", Failure("dial", "closed", detail=CLOSED)),
        ("reset", Failure("dial", "reset", detail="ConnectionResetError")),
        ("endless", Failure("dial", "handshake", detail="WebSocketException")),
        ("wrong_key", Failure("dial", "handshake", detail="WebSocketException")),
        *[
            (s, Failure("dial", "handshake", http_status=s, detail="WebSocketBadStatusException"))
            for s in (200, 301, 307, 401, 429, 500)
        ],
    ],
)
@pytest.mark.gen_test
async def test_a_handshake_that_fails(handshake, failure) -> None:
    """Each way a handshake can go wrong has its failure."""
    async with FakeUpstream(handshake=handshake) as fake:
        owner = Owner(fake.url)
        owner.link.start()

        assert failure == await owner.failure()


@pytest.mark.parametrize("handshake", ["silent", "drip"])
@pytest.mark.gen_test
async def test_a_handshake_that_takes_too_long(handshake) -> None:
    """It ends with the dial's deadline, however many bytes have come."""
    async with FakeUpstream(handshake=handshake) as fake:
        owner = Owner(fake.url, connect_timeout_s=0.5)
        owner.link.start()

        assert Failure("dial", "timeout") == await owner.failure()


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ("Retry-After: 7\r\n", 7.0),
        (
            "Date: Mon, 26 Oct 2026 09:00:00 GMT\r\nRETRY-AFTER: Mon, 26 Oct 2026 09:00:10 GMT\r\n",
            10.0,
        ),
        ("", None),
    ],
)
@pytest.mark.gen_test
async def test_a_refusal_says_when_to_come_again(headers, wait_s) -> None:
    """429 and 503 in seconds or as a date."""
    async with FakeUpstream(handshake=429, refusal_headers=headers) as fake:
        owner = Owner(fake.url)
        owner.link.start()

        assert wait_s == (await owner.failure()).retry_after_s


@pytest.mark.gen_test
async def test_nobody_listens() -> None:
    """A closed port is refused at once, on either family of addresses."""
    failures = []
    for host in (f"127.0.0.1:{unused_port()}", "[::1]:1"):
        owner = Owner(f"ws://{host}/")
        owner.link.start()
        failures.append((await owner.failure()).kind)

    assert failures == ["refused"] * 2


@pytest.mark.gen_test
async def test_a_hole_that_swallows_connections() -> None:
    """A SYN without an answer ends with the dial's deadline; an abort cuts it short."""
    with syn_hole() as port:
        patient = Owner(f"ws://127.0.0.1:{port}/", connect_timeout_s=0.3)
        patient.link.start()
        impatient = Owner(f"ws://127.0.0.1:{port}/", connect_timeout_s=60)
        impatient.link.start()
        impatient.link.abort()

        assert Failure("dial", "timeout") == await patient.failure()
        assert Failure("dial", "ended") == await impatient.failure()


@pytest.mark.gen_test
async def test_a_certificate_nobody_vouches_for(certificate) -> None:
    """Without its CA a private certificate fails the handshake."""
    async with FakeUpstream(tls=certificate[0]) as fake:
        owner = Owner(fake.url)
        owner.link.start()
        failure = await owner.failure()

    assert Failure("dial", "handshake", detail="certificate_self_signed") == failure


@pytest.mark.gen_test
async def test_tls_that_never_answers() -> None:
    """A peer that does not speak TLS is given up at the dial's deadline."""
    async with FakeUpstream(handshake="silent") as fake:
        owner = Owner(fake.url.replace("ws:", "wss:"), connect_timeout_s=0.3)
        owner.link.start()

        assert Failure("dial", "timeout") == await owner.failure()


PROTOCOL = {
    "bad_opcode": "WebSocketProtocolException",
    "reserved_bit": "WebSocketProtocolException",
    "close_bad_code": "WebSocketProtocolException",
    "close_one_byte": "WebSocketProtocolException",
    "bad_utf8": "UnicodeDecodeError",
    "bad_continuation": "bad_continuation",
    "interrupted_message": "bad_continuation",
    "masked": "masked_frame",
    "long_ping": "bad_control_frame",
    "fragmented_ping": "bad_control_frame",
    "huge_frame": "message_too_big",
    "huge_message": "message_too_big",
    "many_fragments": "too_many_fragments",
}


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("rst_mid_frame", Failure("open", "reset", detail="ConnectionResetError")),
        ("fin_mid_frame", Failure("open", "closed", detail=CLOSED)),
        ("fin_mid_message", Failure("open", "closed", detail=CLOSED)),
        ("close_without_code", Failure("open", "closed", close_code=1005)),
        ("close_1001", Failure("open", "closed", close_code=1001, close_reason="60 minutes")),
        (
            "close_1013",
            Failure("open", "closed", close_code=1013, close_reason="insufficient_quota"),
        ),
        *[
            (fault, Failure("open", "protocol", detail=detail))
            for fault, detail in PROTOCOL.items()
        ],
    ],
)
@pytest.mark.gen_test
async def test_a_fault_of_an_open_upstream(fault, failure) -> None:
    """Each misbehaviour of an open upstream has its failure."""
    async with FakeUpstream(FAULTS[fault]) as fake:
        owner = Owner(fake.url)
        await owner.opened()

        assert failure == await owner.failure()


@pytest.mark.gen_test
async def test_messages_before_a_close_are_heard_first() -> None:
    """An error message and the close behind it arrive in that order, however close together."""
    async with FakeUpstream() as fake:
        owner = Owner(fake.url)
        await owner.opened()
        await owner.next(LinkSaid)
        await fake.send({"type": "error"})
        await fake.close(3000, "invalid_request_error.invalid_api_key")
        said = await owner.next(LinkSaid)
        failure = await owner.failure()

    assert "error" in said.event
    assert (
        failure.close_code,
        failure.close_reason,
    ) == (3000, "invalid_request_error.invalid_api_key")


@pytest.mark.gen_test
async def test_a_peer_that_falls_silent() -> None:
    """No frame for `read_timeout_s`, not even a pong: stalled.  Pongs alone keep it alive."""
    async with FakeUpstream(answer_pings=False) as mute, FakeUpstream() as alive:
        cut = Owner(mute.url, read_timeout_s=0.3, ping_interval_s=0.1)
        kept = Owner(alive.url, read_timeout_s=1.5, ping_interval_s=0.1)
        await kept.opened()
        await cut.opened()
        failure = await cut.failure()
        for _ in range(18):
            await kept.next(LinkRoundTrip)
        kept.link.abort()

        assert Failure("open", "stalled", detail="unheard") == failure
        assert (await kept.failure()).kind == "ended"


@pytest.mark.gen_test
async def test_a_peer_that_stops_reading() -> None:
    """Bytes that do not move for `write_timeout_s`: stalled."""
    async with FakeUpstream(FAULTS["stops_reading"], receive_buffer_bytes=4096) as fake:
        owner = Owner(fake.url, write_timeout_s=0.3, outbox_bytes=64 << 20)
        await owner.opened()
        for _ in range(84):  # it may be given up before it has them all
            owner.link.send(bytes(100_000))

        assert Failure("open", "stalled", detail="unwritten") == await owner.failure()


@pytest.mark.gen_test
async def test_an_outbox_that_overflows() -> None:
    """More unsent bytes than the outbox may hold end the link, not the process."""
    async with FakeUpstream(FAULTS["stops_reading"], receive_buffer_bytes=4096) as fake:
        owner = Owner(fake.url, outbox_bytes=100_000)
        await owner.opened()
        while owner.link.send(bytes(50_000)) < 100_000:
            pass

        assert Failure("open", "outbox_full") == await owner.failure()
        assert owner.link.send(b"{}") == 0


@pytest.mark.gen_test
async def test_a_polite_end_has_its_limit() -> None:
    """A peer that ignores our close frame is cut after a second; closing twice is closing once."""
    async with FakeUpstream(FAULTS["stops_reading"]) as fake:
        owner = Owner(fake.url)
        await owner.opened()
        started = asyncio.get_running_loop().time()
        owner.link.close()
        owner.link.close()
        failure = await owner.failure()
        took_s = asyncio.get_running_loop().time() - started

    assert Failure("open", "ended") == failure
    assert took_s > 0.9


@pytest.mark.gen_test
async def test_an_abort_does_not_wait() -> None:
    """A cut is not a conversation: no close frame goes out."""
    async with FakeUpstream() as fake:
        owner = Owner(fake.url)
        await owner.opened()
        owner.link.abort()
        failure = await owner.failure()
        await fake.connections[0].ended.wait()

    assert (Failure("open", "ended"), None) == (failure, fake.connections[0].close_code)


@pytest.mark.gen_test
async def test_a_parser_that_raises_is_contained() -> None:
    """A bug in a parser costs one link and one log line."""
    with capture_logs() as lines:
        async with FakeUpstream() as fake:
            owner = Owner(fake.url, lambda text: {}[text])
            await owner.opened()
            failure = await owner.failure()

    assert Failure("open", "protocol", detail="KeyError") == failure
    assert [line["event"] for line in lines] == ["upstream_failed"]


@pytest.mark.gen_test
async def test_no_thread_to_be_had(monkeypatch) -> None:
    """If the system refuses a thread the owner is told the usual way."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    owner = Owner("ws://127.0.0.1:1/")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    owner.link.start()

    assert Failure("dial", "refused", detail="RuntimeError") == await owner.failure()


@pytest.mark.gen_test
async def test_two_hundred_links_leave_nothing_behind() -> None:
    """Threads and descriptors are the same after 200 links, open at once, as before."""
    async with FakeUpstream() as fake:
        before = len(descriptors())
        owners = [Owner(fake.url) for _ in range(200)]
        for owner in owners:
            await owner.opened()
        for number, owner in enumerate(owners):
            (owner.link.close if number % 2 else owner.link.abort)()
        kinds = {(await owner.failure()).kind for owner in owners}
        for peer in fake.connections:
            await peer.ended.wait()
        # A thread's last word is not yet its end.
        async with asyncio.timeout(20):
            while (before, []) != (len(descriptors()), link_threads()):
                await asyncio.sleep(0.01)

        assert {"ended"} == kinds


def test_a_dial_hides_its_key() -> None:
    """Neither the repr of a dial nor a header with a line break can leak or smuggle anything."""
    assert SECRET not in repr(dial(f"wss://azure/?api-key={SECRET}"))
    with pytest.raises(ValueError, match="line break"):
        Dial(**{**_fields(), "headers": ("A: b\r\nC: d",)})


def _fields() -> dict[str, Any]:
    made = dial("ws://localhost/")
    return {name: getattr(made, name) for name in Dial.__slots__}
