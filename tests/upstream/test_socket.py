"""The wire and the frames on it: masking, short writes, hostile sizes, TLS's odd wishes."""

import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.upstream import BINARY, PING, TEXT, frame
from tornado_app.upstream.socket import (
    MASK_BLOCK_BYTES,
    MAX_FRAGMENTS,
    MaskKeys,
    UpstreamSocket,
    masked_text_frame,
)
from tornado_app.upstream.wire import READ_BYTES, Broken, Wire


class Pair:
    """A wire and the raw socket at its other end."""

    def __init__(self, outbox_bytes: int = 64 << 20, message_bytes: int = 1 << 20) -> None:
        self.wire = Wire(outbox_bytes, time.monotonic)
        self.socket = UpstreamSocket(self.wire, message_bytes, time.monotonic)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.wire.open(time.monotonic() + 5)
            self.wire.connect(*listener.getsockname())
            self.peer, _ = listener.accept()
        self.peer.settimeout(30)

    def close(self) -> None:
        self.wire.close()
        self.peer.close()

    def arrived(self, count: int, wait_s: float = 30) -> list[tuple[int, bytes]]:
        """Pump until *count* messages and control frames are there."""
        found = list(self.socket.arrived())
        while len(found) < count:
            self.wire.pump(wait_s, reading=True)
            found += self.socket.arrived()
        return found


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def unmask(data: bytes) -> tuple[int, bytes, bytes]:
    """The first byte, the payload and what follows the first frame in *data*."""
    size, at = data[1] & 0x7F, 2
    if size == 126:
        (size,), at = struct.unpack("!H", data[2:4]), 4
    elif size == 127:
        (size,), at = struct.unpack("!Q", data[2:10]), 10
    key, body = data[at : at + 4], data[at + 4 : at + 4 + size]
    pad = int.from_bytes((key * (size // 4 + 1))[:size])
    return data[0], (int.from_bytes(body) ^ pad).to_bytes(size), data[at + 4 + size :]


def test_masks_are_drawn_once_by_however_many_threads() -> None:
    """No mask is given out twice; of 32 bits, a few may be equal by chance."""
    keys, taken = MaskKeys(), []
    count = MASK_BLOCK_BYTES  # four blocks' worth for each thread

    def take() -> None:
        taken.extend([keys.take() for _ in range(count)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 * count == len(taken)
    assert len(set(taken)) > 4 * count - 10


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1300, 65535, 65536, 70001])
def test_a_masked_frame_unmasks_to_its_text(size: int) -> None:
    """Every form of the length is right, the mask bit is set, and masks are fresh."""
    payload = bytes(n % 251 for n in range(size))
    made = masked_text_frame(payload)

    assert unmask(made) == (0x81, payload, b"")
    assert made[1] & 0x80
    assert size == 0 or made != masked_text_frame(payload) or made != masked_text_frame(payload)


@settings(max_examples=30, deadline=None)
@given(
    payloads=st.lists(st.binary(max_size=300), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 200), min_size=1, max_size=40),
)
def test_frames_may_be_cut_anywhere(payloads: list[bytes], cuts: list[int]) -> None:
    """However the stream arrives, the same messages come out of it."""
    stream = b"".join(frame(BINARY, payload) for payload in payloads)
    wire = Wire(1000, time.monotonic)
    end = UpstreamSocket(wire, 1000, time.monotonic)
    found = []
    while stream:
        wire._chunk, wire._taken, stream = stream[: cuts[0]], 0, stream[cuts[0] :]
        cuts = cuts[1:] + cuts[:1]
        found += end.arrived()

    assert found == [(BINARY, payload) for payload in payloads]


@pytest.mark.skipif(sys.platform != "linux", reason="as of tests/test_unsent.py")
def test_what_a_peer_does_not_read_is_seen_to_wait_and_to_go(pair: Pair) -> None:
    """A minute of audio waits where it is counted, and one who reads a part of it is at work."""
    minute = bytes(4 << 20)
    pair.wire.uncork()
    pair.wire.send_threadsafe(minute)
    assert pair.wire.unsent_bytes > len(minute) // 2
    waited_since = pair.wire.write_due(0)

    unread = pair.wire.unsent_bytes
    while pair.wire.unsent_bytes == unread:
        pair.peer.recv(READ_BYTES)
        pair.wire.pump(0.05, reading=False)

    assert pair.wire.write_due(0) > waited_since
    assert unread - pair.wire.unsent_bytes < len(minute) // 4


def test_what_was_heard_is_let_go_while_nothing_more_comes(pair):
    """Every session waits for most of its time."""
    pair.wire.uncork()
    pair.peer.sendall(frame(TEXT, bytes(5000)))
    assert 1 == len(pair.arrived(1))
    pair.wire.pump(0.0, reading=True)

    assert (b"", 0) == pair.wire.unread


def test_short_writes_lose_nothing(pair: Pair) -> None:
    """Several threads send far more than the socket takes; every frame arrives whole, in order."""
    pair.wire._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    pair.wire.uncork()

    def talk(speaker: int) -> None:
        for number in range(60):
            pair.wire.send_threadsafe(masked_text_frame(struct.pack("!II", speaker, number) * 1000))

    received = bytearray()

    def listen() -> None:
        while data := pair.peer.recv(READ_BYTES):
            received.extend(data)

    talkers = [threading.Thread(target=talk, args=(speaker,)) for speaker in range(3)]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    assert pair.wire.write_due(0) <= time.monotonic()  # the peer has read nothing yet
    listener = threading.Thread(target=listen)
    listener.start()
    while not pair.wire.pump(5, reading=True):
        pass
    pair.wire._sock.shutdown(socket.SHUT_WR)
    listener.join()

    spoken: dict[int, list[int]] = {0: [], 1: [], 2: []}
    rest = bytes(received)
    for _ in range(180):
        size = 14 - 6 + 8000  # two header bytes, two of length, four of mask
        _, body, _ = unmask(rest[:size])
        speaker, number = struct.unpack("!II", body[:8])
        assert body == body[:8] * 1000
        spoken[speaker].append(number)
        rest = rest[size:]
    assert (rest, spoken) == (b"", {speaker: list(range(60)) for speaker in range(3)})


def test_a_large_message_arrives_whole(pair: Pair) -> None:
    """A message of many reads, in one frame, is put together once."""
    payload = bytes(range(256)) * 4000
    sender = threading.Thread(target=pair.peer.sendall, args=(frame(BINARY, payload),))
    sender.start()
    pair.wire.uncork()
    found = pair.arrived(1)
    sender.join()

    assert found == [(BINARY, payload)]


def test_a_message_of_exactly_the_limit_passes() -> None:
    """The limit is inclusive, for one frame and for fragments; one byte more is refused."""
    pair = Pair(message_bytes=1000)
    pair.wire.uncork()
    whole, halves = (
        frame(TEXT, b"x" * 1000),
        frame(TEXT, b"x" * 500, first=0) + frame(0, b"x" * 500),
    )
    pair.peer.sendall(whole + halves + frame(TEXT, b"x" * 500, first=0) + frame(0, b"x" * 501))
    found = pair.arrived(0)
    with pytest.raises(Broken) as caught:
        found += pair.arrived(3)
    pair.close()

    assert caught.value.detail == "message_too_big"


def test_fragments_are_counted_per_message(pair: Pair) -> None:
    """As many fragments as allowed pass, twice; their assembly is not quadratic."""
    pieces = [frame(TEXT, b"ab", first=0), *[frame(0, b"cd", first=0)] * (MAX_FRAGMENTS - 2)]
    message = b"".join(pieces) + frame(0, b"ef")
    sender = threading.Thread(target=pair.peer.sendall, args=(message * 2,))
    sender.start()
    pair.wire.uncork()
    found = pair.arrived(2)
    sender.join()

    assert found == [(TEXT, b"ab" + b"cd" * (MAX_FRAGMENTS - 2) + b"ef")] * 2


def test_nothing_follows_the_last_frame(pair: Pair) -> None:
    """After `finish_threadsafe` sends are dropped, and say so by 0."""
    pair.wire.uncork()
    pair.wire.finish_threadsafe(b"last")

    assert pair.wire.send_threadsafe(b"more") == 0
    assert pair.peer.recv(100) == b"last"


def test_a_lost_peer_is_heard_out_first(pair: Pair) -> None:
    """A failing send does not hide what the peer said before it left."""
    pair.wire.uncork()
    pair.peer.sendall(frame(TEXT, b"why"))
    pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pair.peer.close()
    while not pair.wire._write_error:
        pair.wire.send_threadsafe(b"x")
    found = pair.arrived(1)
    with pytest.raises(ConnectionError):
        pair.arrived(1)

    assert found == [(TEXT, b"why")]


def test_a_cut_ends_a_wait_at_once(pair: Pair) -> None:
    """Another thread's cut is not a matter of time-outs."""
    pair.wire.uncork()
    threading.Timer(0.05, pair.wire.cut_threadsafe).start()
    with pytest.raises(Broken) as caught:
        pair.arrived(1, wait_s=3600)

    assert caught.value.kind == "ended"


def test_many_wake_ups_never_block(pair: Pair) -> None:
    """Waking a thread that is busy costs nothing, however often it is done."""
    for _ in range(100_000):
        pair.wire.wake_threadsafe()

    assert not pair.wire.pump(5, reading=True)


class FickleTls:
    """Stands for an SSL object that wants the opposite of what it was asked for, once."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.wishes = [ssl.SSLWantWriteError(), ssl.SSLWantReadError()]

    def recv(self, size: int) -> bytes:
        if self.wishes and isinstance(self.wishes[0], ssl.SSLWantWriteError):
            raise self.wishes.pop(0)
        return self.raw.recv(size)

    def send(self, data: bytes) -> int:
        if self.wishes and isinstance(self.wishes[0], ssl.SSLWantReadError):
            raise self.wishes.pop(0)
        return self.raw.send(data)

    def fileno(self) -> int:
        return self.raw.fileno()


def test_tls_may_want_to_write_in_order_to_read(pair: Pair) -> None:
    """A key update (RFC 8446, 4.6.3) turns a read into a wish to write, and the reverse."""
    pair.wire._sock = FickleTls(pair.wire._sock)
    pair.wire.uncork()
    pair.peer.sendall(frame(TEXT, b"one"))
    found = pair.arrived(1)
    unsent = pair.wire.send_threadsafe(b"two")
    pair.peer.sendall(frame(PING))
    found += pair.arrived(1)

    assert found == [(TEXT, b"one"), (PING, b"")]
    assert unsent == 3
    assert pair.peer.recv(3) == b"two"


def test_a_proxy_that_speaks_before_tls(pair: Pair) -> None:
    """What was read in the clear must not pass for the server's first words."""
    pair.peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 401 No\r\n\r\n")
    while pair.wire.recv(1) != b"\n":
        pass

    with pytest.raises(Exception, match="out of turn"):
        pair.wire.start_tls(ssl.create_default_context(), "localhost")
