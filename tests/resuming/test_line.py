"""A line whose client is lost and comes back: hypothesis cuts it anywhere."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tornado_app.protocol.close import GOING_AWAY, RESUMED_ELSEWHERE
from tornado_app.protocol.told import AudioReceived
from tornado_app.protocol.voice_v1.server import encode
from tornado_app.resuming.line import ENTRY_BYTES, RECEIPT_BYTES, Line
from tornado_app.resuming.receipts import RUN_BYTES
from tornado_app.session.commands import SendClient


class Socket:
    """Takes so much and is full then; what has gone to it may be lost behind any message."""

    def __init__(self, room=1 << 30):
        self.got = []
        self.room = room
        self.closes = []
        self.calls = []

    @property
    def is_full(self):
        return len(self.got) >= self.room

    @property
    def queued_bytes(self):
        return 7

    def send(self, payload, *, binary=False, urgent=True):
        self.got.append((payload, binary, urgent))

    def ping(self):
        self.calls.append("ping")

    def pause(self):
        self.calls.append("pause")

    def resume(self):
        self.calls.append("resume")

    def close(self, close):
        self.closes.append(close)

    def replace(self, close):
        self.calls.append("replaced")
        self.closes.append(close)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def line(socket, room_bytes=1 << 20, kept_s=20.0):
    return Line(socket, encode, room_bytes, kept_s, Clock())


def whole(got):
    """The messages that were received with their frames, and how many."""
    messages = []
    for payload, binary, _ in got:
        if binary:
            messages[-1] += (payload,)
        else:
            messages.append((payload,))
    return messages


SAID = st.lists(
    st.one_of(
        st.tuples(st.booleans(), st.integers(1, 300)),
        st.sampled_from(
            [
                AudioReceived(1920, 20.0, -30.1, 1),
                AudioReceived(1920, 20.0, -30.2, 1),
                AudioReceived(1024, 10.666666666666666, -120.0, 2),
                AudioReceived(1024, 10.666666666666666, -9.0, 1, ref="a name"),
            ]
        ),
    ),
    max_size=30,
)
"""Of a message whether a frame follows, and how large it is; or an acknowledgement, whose number
here is how many chunks it is behind the one before."""


def say(to, said, first=1):
    """Say these, and look now and then; returns them as `whole` does."""
    messages = []
    chunk = first
    for number, each in enumerate(said, first):
        if number % 7 == 0:
            to.forget_old()
        if isinstance(each, AudioReceived):
            chunk += each.chunk
            receipt = SendClient(
                replace(each, chunk=chunk), number, 1000 + 7 * number, urgent=False
            )
            to.acknowledge(receipt)
            messages.append((encode(receipt.message, receipt.seq, receipt.timestamp_ms),))
            continue
        has_frame, size = each
        payload = b"%d" % number
        to.send(payload, urgent=bool(number % 2))
        messages.append((payload,))
        if has_frame:
            frame = bytes(size)
            to.send(frame, binary=True)
            messages[-1] += (frame,)
    return messages


@settings(max_examples=100)
@given(SAID, SAID, SAID, st.data())
def test_no_message_is_lost_or_doubled(before, away, after, data):
    """Whatever of it had arrived, whenever it comes back and however slowly it reads."""
    lost, room = data.draw(st.integers(0, 60)), data.draw(st.integers(1, 5))
    first, second = Socket(), Socket(room)
    told = line(first)
    messages = say(told, before)
    # The last *lost* frames never arrived; a header without its frame does not count.
    arrived = first.got[: max(0, len(first.got) - lost)]
    has = whole(arrived)
    while has and has[-1] != messages[len(has) - 1]:
        has.pop()
    is_takeover = data.draw(st.booleans())
    if not is_takeover:
        told.detach()
    messages += say(told, away, len(messages) + 1)
    if is_takeover:
        has = whole(first.got)[: len(has)]

    assert told.has(len(has))
    told.attach(second, len(has))
    assert (["replaced"], [RESUMED_ELSEWHERE]) == (first.calls, first.closes) or not is_takeover
    late = say(told, after, len(messages) + 1)
    while told.is_full:
        second.room += data.draw(st.integers(1, 3))
        told.go_on()
        if second.room > 1000:
            break
    told.go_on()
    second.room = 1 << 30
    told.go_on()
    assert messages + late == has + whole(second.got)


@given(SAID, st.integers(ENTRY_BYTES, 5000))
def test_what_is_kept_has_a_bound_and_is_the_newest(said, room_bytes):
    """A client that has missed more than is kept is told so, and never given a part of it."""
    told = line(Socket(), room_bytes)
    messages = say(told, said)
    kept = [n for n in range(len(messages) + 1) if told.has(n)]
    assert kept == list(range(len(messages) - len(kept) + 1, len(messages) + 1))
    assert not told.has(-1)
    assert not told.has(len(messages) + 1)
    newest_bytes = sum(map(len, messages[-1])) + 2 * ENTRY_BYTES if messages else 0
    run_bytes = RUN_BYTES + len(said) * RECEIPT_BYTES  # acknowledgements behind the last look
    assert told.queued_bytes - 7 <= max(room_bytes, newest_bytes) + run_bytes
    for last_seq in kept:
        other = Socket()
        told.attach(other, last_seq)
        assert messages[last_seq:] == whole(other.got)


def test_what_is_old_is_not_kept_while_somebody_is_there():
    """It was read, or the client is dead; while nobody is there all is kept, as far as it fits."""
    clock = Clock()
    told = Line(Socket(), encode, 1 << 20, 20.0, clock)
    say(told, [(True, 10)])
    for clock.now in (0.5, 1.5, 20.4):
        told.forget_old()
        assert told.has(0)
    clock.now = 20.6
    told.forget_old()
    assert not told.has(0)
    assert told.has(1)
    assert 7 == told.queued_bytes

    told.detach()
    say(told, [(False, 1)], 2)
    clock.now = 100.0
    told.forget_old()
    assert told.has(1)


def test_an_answer_is_held_back_when_half_the_room_is_used_and_nobody_is_there():
    """What is said meanwhile and cannot wait has the other half."""
    told = line(Socket(), 10_000)
    told.detach()
    assert not told.is_full
    told.send(bytes(5001))
    assert told.is_full
    told.attach(Socket(), 0)
    assert not told.is_full


def test_a_client_that_is_back_is_pinged_behind_what_it_had_missed():
    """Its answer says that it has all of that."""
    told = line(Socket())
    say(told, [(False, 1)] * 3)
    slow = Socket(room=2)
    told.attach(slow, 0)
    told.ping()
    assert [] == slow.calls
    slow.room = 4
    told.go_on()
    assert 3 == len(slow.got)
    assert ["ping"] == slow.calls
    told.go_on()
    assert ["ping"] == slow.calls


def test_a_client_that_is_not_read_is_not_read_when_it_is_back():
    """The session's word counts, whichever socket there is."""
    first, second = Socket(), Socket()
    told = line(first)
    told.pause()
    told.detach()
    told.ping()
    told.attach(second, 0)
    told.resume()
    told.ping()
    assert ["pause"] == first.calls
    assert ["pause", "resume", "ping"] == second.calls

    told.close(GOING_AWAY)
    told.close(GOING_AWAY)
    assert [GOING_AWAY] == second.closes
