"""Tests of tornado_app/client_side/read_watch.py: real sockets, the loop's time is the test's."""

import asyncio
import select
import socket
from functools import partial
from types import SimpleNamespace

import pytest

from tornado_app.client_side.read_watch import (
    BURST_S,
    GREEDY_S,
    GatheredReadWatch,
    LoopReadWatch,
    new_read_watch,
)

GATHER_S = 0.004


class FakeLoop:
    """Watches nothing: the test says what the loop would notice, and when."""

    def __init__(self) -> None:
        self.now = 100.0
        self.readers = {}
        self.timers = []

    def time(self) -> float:
        return self.now

    def add_reader(self, descriptor, callback, *args) -> None:
        self.readers[descriptor] = partial(callback, *args)

    def call_soon(self, callback, *args) -> None:
        self.call_later(0.0, partial(callback, *args))

    def remove_reader(self, descriptor) -> None:
        del self.readers[descriptor]

    def call_later(self, delay, callback):
        timer = SimpleNamespace(at=self.now + delay, callback=callback, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    def run(self) -> None:
        """One turn: the timers that are due, then what can be read."""
        due = [t for t in self.timers if t.at <= self.now and not t.cancelled]
        self.timers = [t for t in self.timers if t not in due and not t.cancelled]
        for timer in due:
            timer.callback()
        for descriptor, callback in list(self.readers.items()):
            if is_ready(descriptor) and descriptor in self.readers:
                callback()


def is_ready(descriptor) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


class Peers:
    """Socket pairs: who speaks into one end is heard at the other."""

    def __init__(self, read_watch, count: int) -> None:
        self.heard = []
        self.pairs = [socket.socketpair() for _ in range(count)]
        self.read_watch = read_watch
        for number, (ours, _) in enumerate(self.pairs):
            read_watch.watch(ours.fileno(), lambda _, n=number: self.hear(n))

    def hear(self, number: int) -> None:
        self.pairs[number][0].recv(100)
        self.heard.append(number)

    def speak(self, *numbers: int) -> None:
        for number in numbers:
            self.pairs[number][1].send(b"x")

    def close(self) -> None:
        for pair in self.pairs:
            for end in pair:
                end.close()


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def read_watch(loop):
    if not hasattr(select, "epoll"):
        pytest.skip("there is no epoll here")
    read_watch = GatheredReadWatch(loop, GATHER_S, loop.time)
    yield read_watch
    read_watch.close()
    read_watch.close()  # once more does nothing
    assert {} == loop.readers


@pytest.fixture
def peers(read_watch):
    peers = Peers(read_watch, 3)
    yield peers
    peers.close()


def test_after_a_pause_all_is_read_at_once(loop, peers):
    """An idle server lets nobody wait."""
    for number in (0, 1):
        loop.now += 1.0
        peers.speak(number)
        loop.run()

    assert [0, 1] == peers.heard
    assert [] == loop.timers


def test_what_a_burst_takes_is_not_waited_for_once_more(loop, read_watch, peers):
    """The next begins as long after the beginning of this one."""
    peers.speak(0)
    loop.run()
    peers.speak(1)
    loop.run()
    peers.hear = lambda number: (Peers.hear(peers, number), setattr(loop, "now", loop.now + 0.003))
    loop.now += GATHER_S
    loop.run()

    assert [0, 1] == peers.heard
    assert [pytest.approx(loop.now + 0.001)] == [timer.at for timer in loop.timers]


def test_under_load_reads_are_a_burst_apart(loop, peers):
    """What comes sooner is read together, when its time has come; the loop sleeps until then."""
    peers.speak(0)
    loop.run()
    peers.speak(1)
    loop.run()
    peers.speak(2)
    loop.run()
    before = list(peers.heard)
    asleep = not loop.readers
    loop.now += GATHER_S
    loop.run()

    assert [0] == before
    assert asleep
    assert [0, 1, 2] == sorted(peers.heard)


def test_after_the_load_it_rests(loop, peers):
    """A burst that finds nothing is the last: then the loop is woken by what comes."""
    peers.speak(0)
    loop.run()
    peers.speak(1)
    loop.run()
    for _ in range(3):
        loop.now += GATHER_S
        loop.run()
    timers = list(loop.timers)
    loop.now += 1.0
    peers.speak(2)
    loop.run()

    assert [] == timers
    assert [0, 1, 2] == peers.heard


def test_who_is_not_watched_any_more_is_not_called(loop, read_watch, peers):
    """Not even if an earlier callback of the same burst ended it."""
    peers.hear = lambda number: read_watch.unwatch(peers.pairs[1 - number][0].fileno())
    peers.speak(0, 1)
    loop.run()
    read_watch.unwatch(peers.pairs[0][0].fileno())
    read_watch.unwatch(peers.pairs[0][0].fileno())  # once more does nothing


def test_a_fault_of_one_is_not_felt_by_the_others(loop, read_watch, peers):
    """All are read in that burst and in those that follow, the one at fault as well."""
    failing = peers.pairs[1][0]
    read_watch.unwatch(failing.fileno())

    def fail(_until) -> None:
        failing.recv(100)
        peers.heard.append("fault")
        raise ValueError

    read_watch.watch(failing.fileno(), fail)
    for _ in range(3):
        peers.speak(0, 1, 2)
        loop.now += GATHER_S / 2
        loop.run()
    loop.now += GATHER_S
    loop.run()

    assert {0, 2, "fault"} == set(peers.heard[:3])
    assert {0, 2, "fault"} == set(peers.heard[3:])
    assert 6 <= len(peers.heard)


@pytest.fixture
def greedy(loop, read_watch, peers):
    """Peers 0 and 1 have always more to say than a turn takes, which is most of what they have."""
    for number in (0, 1):
        ours = peers.pairs[number][0]
        read_watch.unwatch(ours.fileno())

        def take(_until, number=number, ours=ours) -> bool:
            if not is_ready(ours):
                return False
            ours.recv(1)
            peers.heard.append(number)
            loop.now += GREEDY_S
            return True

        read_watch.watch(ours.fileno(), take)
    return peers


def burst(loop, peers) -> list:
    """What is heard in the next one."""
    peers.heard.clear()
    loop.now += GATHER_S
    loop.run()
    return list(peers.heard)


def test_who_says_much_is_read_in_turn_and_behind_the_others(loop, greedy):
    """However many there are, nobody waits for more than one of them."""
    for _ in range(9):
        greedy.speak(0, 1)
    first = burst(loop, greedy)
    heard = []
    for _ in range(4):
        greedy.speak(2)
        heard.append(burst(loop, greedy))

    assert {0, 1} == set(first)
    assert [2] * 4 == [each[0] for each in heard]
    assert [1] * 4 == [len(each[1:]) for each in heard]
    assert {0, 1} == {each[1] for each in heard[:2]} == {each[1] for each in heard[2:]}


def test_who_has_said_it_all_is_one_of_the_others_again(loop, greedy):
    """And whoever leaves is not waited for."""
    greedy.speak(0, 1)
    burst(loop, greedy)
    greedy.speak(2)
    assert [2] == burst(loop, greedy)

    greedy.speak(0, 1)
    assert {0, 1} == set(burst(loop, greedy))
    greedy.read_watch.unwatch(greedy.pairs[0][0].fileno())
    greedy.speak(0, 1)
    assert [1] == burst(loop, greedy)


def test_many_who_begin_at_once_share_the_time_of_a_burst(loop, read_watch, peers):
    """Whoever comes when it is over has the shortest turn: not one of them waits for long ones."""
    untils = []
    for number, (ours, _) in enumerate(peers.pairs):

        def take(until, number=number) -> None:
            untils.append(until)
            peers.hear(number)
            loop.now += BURST_S

        read_watch.unwatch(ours.fileno())
        read_watch.watch(ours.fileno(), take)
    began = loop.now
    peers.speak(0, 1, 2)
    loop.run()

    assert {0, 1, 2} == set(peers.heard)
    assert [began + BURST_S] * 3 == untils


def test_without_epoll_those_of_one_turn_of_the_loop_share_that_time(loop):
    """And those of the next one have it anew."""
    peers, untils = Peers(LoopReadWatch(loop, loop.time), 3), []
    for number, (ours, _) in enumerate(peers.pairs):

        def take(until, number=number) -> None:
            untils.append(until)
            peers.hear(number)
            loop.now += BURST_S

        peers.read_watch.watch(ours.fileno(), take)
    for _ in range(2):
        began = loop.now
        untils.clear()
        peers.speak(0, 1, 2)
        loop.run()
        assert [began + BURST_S] * 3 == untils
    peers.close()


@pytest.mark.parametrize("kind", ["gathered", "loop"])
def test_who_is_behind_is_called_though_nothing_has_come(loop, kind):
    """Until it has nothing left; then the loop is woken by what comes."""
    gathered = kind == "gathered"
    if gathered and not hasattr(select, "epoll"):
        pytest.skip("there is no epoll here")
    read_watch = GatheredReadWatch(loop, GATHER_S, loop.time) if gathered else LoopReadWatch(loop)
    ours, other = socket.socketpair()
    left = [False, True, True]

    def take(_until) -> bool:
        if is_ready(ours):
            ours.recv(1)
        return left.pop()

    read_watch.watch(ours.fileno(), take)
    other.send(b"x")
    for _ in range(5):
        loop.now += GATHER_S
        loop.run()
    assert ([], []) == (left, loop.timers)

    left = [False]
    read_watch.go_on(ours.fileno())
    loop.run()
    assert [] == left
    read_watch.unwatch(ours.fileno())
    read_watch.go_on(ours.fileno())
    loop.run()
    read_watch.close()
    ours.close()
    other.close()


def test_who_was_paused_in_a_burst_has_not_ended(loop, read_watch, peers):
    """That it had something to say when the burst began is no end, in none of the two ranks."""
    ended = []
    descriptors = [ours.fileno() for ours, _ in peers.pairs]

    def pause_the_others(_until, number) -> bool:
        peers.hear(number)
        for other in range(3):
            if other != number:
                read_watch.watch_end(descriptors[other], lambda other=other: ended.append(other))
        return True

    for number, descriptor in enumerate(descriptors):
        read_watch.watch(descriptor, partial(pause_the_others, number=number))
    peers.speak(0, 1, 2)
    loop.run()
    assert (1, []) == (len(peers.heard), ended)

    # All three are greedy, and the first of them pauses the others.
    for number, descriptor in enumerate(descriptors):
        read_watch.watch(descriptor, partial(pause_the_others, number=number))
        read_watch.go_on(descriptor)
    peers.speak(0, 1, 2)
    loop.now += GATHER_S
    loop.run()
    assert (2, []) == (len(peers.heard), ended)


def test_what_cannot_be_watched_is_not(read_watch, tmp_path):
    """Whoever asked is told, and may say that it is over all the same."""
    with (tmp_path / "file").open("wb") as file:  # epoll(7) takes no regular file
        with pytest.raises(PermissionError):
            read_watch.watch(file.fileno(), lambda _: None)
        read_watch.unwatch(file.fileno())


def test_nobody_is_called_after_the_end(loop, read_watch, peers):
    """A socket that outlives it is watched no more, and may still be told so."""
    peers.speak(0)
    read_watch.close()
    loop.run()
    read_watch.watch(peers.pairs[0][0].fileno(), lambda _: peers.heard.append("late"))
    read_watch.unwatch(peers.pairs[0][0].fileno())

    assert [] == peers.heard


def test_without_epoll_the_loop_does_it(loop, monkeypatch):
    """One wake-up for each socket, on systems that have nothing better."""
    monkeypatch.delattr(select, "epoll", raising=False)
    read_watch = new_read_watch(loop, GATHER_S)
    peers = Peers(read_watch, 2)
    peers.speak(0, 1)
    loop.run()
    for ours, _ in peers.pairs:
        read_watch.unwatch(ours.fileno())
    read_watch.close()
    peers.close()

    assert isinstance(read_watch, LoopReadWatch)
    assert [0, 1] == peers.heard
    assert {} == loop.readers


def test_who_is_not_read_is_called_when_it_is_cut(loop, read_watch, peers):
    """And not for what it says, until it is watched again."""
    ours, other = peers.pairs[0]
    ended = []
    read_watch.watch_end(ours.fileno(), lambda: ended.append(0))
    peers.speak(0)
    loop.run()
    assert ([], []) == (peers.heard, ended)

    read_watch.watch(ours.fileno(), lambda _: peers.hear(0))
    loop.run()
    assert [0] == peers.heard

    read_watch.watch_end(ours.fileno(), lambda: ended.append(0))
    other.close()
    loop.now += 2 * GATHER_S
    loop.run()
    assert [0] == ended


def test_a_burst_that_breaks_off_is_not_the_last(loop, read_watch, peers):
    """Without a timer and a reader nobody would ever be read again."""

    def cancel(_until) -> None:
        peers.pairs[0][0].recv(100)
        raise asyncio.CancelledError

    peers.speak(1)
    loop.run()
    read_watch.watch(peers.pairs[0][0].fileno(), cancel)
    peers.speak(0)
    loop.run()
    loop.now += GATHER_S
    with pytest.raises(asyncio.CancelledError):
        loop.run()
    peers.speak(1)
    loop.now += GATHER_S
    loop.run()

    assert [1, 1] == peers.heard
