"""Which process is to have the next call."""

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.issuer import until
from tornado_app.admission import call_counts
from tornado_app.admission.call_counts import SENT_S, SILENT_S, CallCounts, mark_gone
from tornado_app.admission.counting import Lease, Seat
from tornado_app.admission.shared_places import SharedPlaces, new_file


@pytest.fixture
def file():
    number = new_file()
    yield number
    os.close(number)


class Clock:
    """Stands still."""

    now = 100.0

    def __call__(self):
        return self.now


def counts(file, processes, clock=None):
    clock = clock or Clock()
    return [CallCounts(file, index, processes, clock) for index in range(processes)]


def test_the_one_that_has_fewest(file):
    first, second, third = counts(file, 3)
    for each, calls in ((first, 5), (second, 2), (third, 9)):
        each.tell(calls)

    assert [1] * 3 == [each.choose() for each in (first, second, third)]


def test_how_many_the_others_have(file):
    """Of those that run."""
    clock = Clock()
    first, second, third, leaving = counts(file, 4, clock)
    for each, calls in ((first, 5), (second, 2), (third, 9), (leaving, 4)):
        each.tell(calls)
    leaving.leave()
    assert [11, 14, 7] == [each.elsewhere() for each in (first, second, third)]
    clock.now += SILENT_S + 1
    first.beat()

    assert [0, 5] == [each.elsewhere() for each in (first, second)]


def test_whose_calls_are_lost(file):
    """Of one that has died, until another of its number listens; not of one that only hangs, or
    drains.
    """
    clock = Clock()
    first, second, third, fourth = counts(file, 4, clock)
    for each in (second, third, fourth):
        each.tell(1)
    third.leave()
    mark_gone(file, 3)
    clock.now += SILENT_S + 1

    assert [True, False, False, True] == [*map(first.has_died, range(4))]
    fourth.tell(0)
    assert not first.has_died(3)


def test_as_many_here_as_anywhere(file):
    """Is nobody sent away for."""
    first, second = counts(file, 2)
    first.tell(3)
    second.tell(3)

    assert 1 == second.choose()
    first.tell(3)
    second.tell(3)
    assert 0 == first.choose()


def test_a_crowd_at_once(file):
    """Is spread before the first of it has become a call."""
    first, second = counts(file, 2)
    first.tell(4)
    second.tell(0)

    went = [first.choose() for _ in range(10)]

    assert [1] * 4 == went[:4]
    assert (3, 3) == (went[4:].count(0), went[4:].count(1))


def test_those_who_were_refused(file):
    """Are forgotten, though neither process has a call that begins or ends: a flood of bad tokens
    must not send all calls to one.
    """
    clock = Clock()
    first, second = counts(file, 2, clock)
    first.tell(0)
    second.tell(0)
    for number in range(50):
        (first, second)[number % 2].choose()
    first.tell(1)
    assert 0 == second.choose()  # as 25 seem to be on their way to the other
    first.tell(2)
    clock.now += SENT_S

    assert 1 == first.choose()


def test_a_moment_is_over_to_the_moment(file):
    """Those who were sent until then are forgotten, and whoever comes then is counted anew."""
    clock = Clock()
    first, second = counts(file, 2, clock)
    first.tell(0)
    second.tell(1)
    assert [0, 0, 1] == [first.choose() for _ in range(3)]
    clock.now += SENT_S

    assert [0, 0, 1] == [first.choose() for _ in range(3)]


def test_a_flood_that_does_not_end(file):
    """Counts for a moment at most, however long it lasts."""
    clock = Clock()
    first, second = counts(file, 2, clock)
    first.tell(20)
    second.tell(0)
    went = []
    for _ in range(100):
        clock.now += SENT_S / 10
        second.beat()
        went.append(first.choose())

    assert {1} == {*went}


def test_those_that_take_nobody(file):
    """One that has not begun, leaves or has died; if all do, whoever comes is answered here."""
    first, second, third = counts(file, 3)
    assert [0, 1] == [first.choose(), second.choose()]
    first.tell(7)
    second.tell(0)
    third.tell(1)
    second.leave()
    second.tell(0)  # its last call has ended
    assert 2 == first.choose()
    mark_gone(file, 2)
    assert 0 == first.choose() == third.choose()
    first.leave()
    assert [0, 1, 2] == [each.choose() for each in (first, second, third)]
    third.tell(0)
    assert 2 == first.choose()


def test_one_that_hangs(file):
    """Gets nobody, though its row says for ever that it has fewest; when it runs again it has what
    it had.
    """
    clock = Clock()
    processes = counts(file, 3, clock)
    hanging, second, third = processes
    for each in processes:
        each.tell(0)
    taken, went = [0, 0, 0], []
    for _ in range(100):
        clock.now += 0.5
        second.beat()
        third.beat()
        chosen = third.choose()
        went.append(chosen)
        taken[chosen] += 1
        if chosen:
            processes[chosen].tell(taken[chosen])

    assert 0 not in went[int(SILENT_S / 0.5) :]
    assert abs(taken[1] - taken[2]) <= 1
    hanging.beat()
    assert 0 == second.choose()


def test_one_that_runs_says_so_again_and_again(file, monkeypatch):
    """Until it ends; nobody asks it to."""
    monkeypatch.setattr(call_counts, "BEAT_S", 0.0)
    clock = Clock()
    first, second = counts(file, 2, clock)
    first.tell(5)
    second.tell(2)

    async def lives():
        beating = asyncio.create_task(second.keep_beating())
        found = []
        for _ in range(3):
            clock.now += SILENT_S + 1
            await until(lambda: first.elsewhere() == 2)
            found.append(first.choose())
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        clock.now += SILENT_S + 1
        return found

    assert [1, 1, 1] == asyncio.run(lives())
    assert 0 == first.choose()


def test_all_others_hang(file):
    """Whoever comes is answered here, also when this one has just come to itself."""
    clock = Clock()
    first, second = counts(file, 2, clock)
    first.tell(5)
    second.tell(0)
    clock.now += SILENT_S + 1

    assert [0, 0] == [first.choose() for _ in range(2)]


def test_one_that_has_not_begun_before_one_that_has(file):
    """Its row is there, and empty."""
    first, second = counts(file, 2)
    second.tell(3)

    assert [1, 1] == [second.choose() for _ in range(2)]
    first.beat()
    assert 1 == second.choose()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=80))
def test_calls_that_come_one_after_the_other(steps):
    """None is chosen that has more than another, and places tell what there is."""
    file = new_file()
    processes = counts(file, 3)
    places = [SharedPlaces(file, lambda *_: None, each.tell) for each in processes]
    held: list[list[Lease]] = [[], [], []]
    for each in processes:
        each.tell(0)
    for comes, number in steps:
        here = [each.here for each in places]
        if comes:
            chosen = processes[number].choose()
            assert here[chosen] == min(here)
            lease = Lease("", (Seat("connections", "", 100),))
            assert places[chosen].admit(lease) is None
            held[chosen].append(lease)
        elif here[number]:
            places[number].release(held[number].pop())
    os.close(file)
