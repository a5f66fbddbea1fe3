"""Which calls run: tornado_app/running_calls.py."""

import asyncio
from types import SimpleNamespace

import pytest

from tornado_app.admission.counting import Seat
from tornado_app.admission.places import Place
from tornado_app.running_calls import LOOK_AT_ONCE, RunningCalls

WAIT_S = 15.0


class Call:
    """One that counts how often it was looked at."""

    def __init__(self, number):
        self.config = SimpleNamespace(session_id=f"sess_{number}")
        self.looks = 0

    def look(self):
        self.looks += 1


class Loop:
    """Its time does not go by."""

    def __init__(self):
        self.later, self.soon = [], []

    def call_later(self, _, callback):
        self.later.append(callback)
        return SimpleNamespace(cancel=lambda: self.later.remove(callback))

    def call_soon(self, callback, *args):
        self.soon.append((callback, args))


class Places:
    """Those of sockets, which are given back one by one."""

    def __init__(self):
        self.given_back = []

    def new(self, user):
        seat = Seat("connections_per_user", user, 1)
        return Place((seat,), lambda: self.given_back.append(user))


def added(calls, number=1, places=None):
    place = (places or Places()).new(f"user {number}")
    calls.add(call := Call(number), place)
    place.leave()  # its socket is closed
    return call


def test_all_are_looked_at_and_not_all_at_once():
    """Everybody else has a turn in between, and the next look is arranged for before this one."""
    loop = Loop()
    calls = RunningCalls(loop)
    looked = [added(calls, number) for number in range(2 * LOOK_AT_ONCE + 1)]
    calls.begin()
    seconds = []
    calls.each_second = lambda: seconds.append(len(loop.later))
    loop.later.pop()()
    assert LOOK_AT_ONCE == sum(call.looks for call in looked)
    for callback, args in loop.soon:
        callback(*args)

    assert {1} == {call.looks for call in looked}
    assert [1] == seconds
    calls.look_no_more()
    assert not loop.later


def test_a_call_has_its_place_as_long_as_it_runs():
    """Longer than its socket has; it is given back once."""
    places = Places()
    calls = RunningCalls(Loop())
    call = added(calls, 1, places)
    assert (call, frozenset({call})) == (calls.find("sess_1"), calls.all)
    assert ["user 1"] == [seat.whose for seat in calls.seats_of("sess_1")]
    assert not places.given_back
    calls.forget("sess_1")
    calls.forget("sess_1")

    assert ["user 1"] == places.given_back
    assert (None, frozenset(), ()) == (calls.find("sess_1"), calls.all, calls.seats_of("sess_1"))


def test_a_client_that_comes_back_brings_a_place_of_its_own():
    places = Places()
    calls = RunningCalls(Loop())
    added(calls, 1, places)
    calls.move("sess_1", places.new("user 2"))

    assert ["user 1"] == places.given_back
    assert ["user 2"] == [seat.whose for seat in calls.seats_of("sess_1")]


@pytest.mark.gen_test
async def test_whoever_waits_for_the_last_is_told():
    """Or that there still is one."""
    calls = RunningCalls(asyncio.get_running_loop())
    assert await calls.ended(0.0), "there was none"
    added(calls, 1)
    added(calls, 2)
    calls.forget("sess_1")
    assert not await calls.ended(0.0)
    waits = asyncio.ensure_future(calls.ended(WAIT_S))
    await asyncio.sleep(0)
    calls.forget("sess_2")
    assert await waits
