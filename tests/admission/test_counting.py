"""Places of one process: tornado_app/admission/counting.py."""

import weakref
from dataclasses import replace
from typing import get_args

import pytest

from tornado_app.admission.counting import Lease, LimitName, PlacesHere, Refusal, Seat


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lease(user: str, allowed: int = 2, of_one: int = 2) -> Lease:
    whole = Seat("connections", "", allowed)
    return Lease(user, (whole, Seat("connections_per_user", user, of_one)))


def test_full_house():
    """Whoever comes to a full server is refused until somebody leaves."""
    places, first = PlacesHere(Clock()), lease("a")
    assert [None, None] == [places.admit(first), places.admit(lease("b"))]

    assert Refusal("connections", used=2, allowed=2) == places.admit(lease("c"))
    places.release(first)
    assert places.admit(lease("c")) is None


def test_one_user_too_often():
    """A user has so many connections and no more, which is no one else's business."""
    places = PlacesHere(Clock())
    places.admit(lease("a", 10, 1))

    expected = Refusal("connections_per_user", used=1, allowed=1)
    assert expected == places.admit(lease("a", 10, 1))
    assert places.admit(lease("b", 10, 1)) is None
    assert (2, 2) == (places.here, places.used(Seat("connections", "", 10)))


def test_who_may_have_more_has_more():
    """How many are allowed is the seat's own: two callers count alike, and are judged apart."""
    places = PlacesHere(Clock())
    assert [None, None] == [places.admit(lease(user, 2)) for user in "ab"]

    assert "connections" == places.admit(lease("c", 2)).limit
    assert places.admit(lease("d", 3)) is None


def test_what_lasts_a_while_is_free_by_itself():
    """Also when its call goes on, and not earlier though its call is over."""
    places = PlacesHere(clock := Clock())
    begun = Lease("1", (opening := Seat("openings_per_s", "", 1, 1.0),))
    places.admit(begun)
    places.release(begun)

    assert Refusal("openings_per_s", 1, 1, 1.0) == places.admit(Lease("2", (opening,)))
    clock.now += 0.99
    assert 1 == places.used(opening)
    clock.now += 0.01
    assert 0 == places.used(opening)
    assert places.admit(Lease("3", (opening,))) is None


class Name(str):
    """A user's, of which can be seen whether anybody still has it."""

    __slots__ = ("__weakref__",)


def test_who_came_once_and_never_again_is_forgotten():
    """With the next who come when the time is over: there are more users than a server has room
    for.
    """
    places, known = PlacesHere(clock := Clock()), []
    for number in range(50):
        clock.now += 10.0
        user = Name(f"user-{number}")
        known.append(weakref.ref(user))
        begun = Lease("", (Seat("openings_per_user_per_minute", user, 9, 60.0),))
        assert places.admit(begun) is None
        places.release(begun)
        del user, begun

    assert [*range(44, 50)] == [number for number, user in enumerate(known) if user()]


def test_what_takes_over_has_room_for_a_moment():
    places, first, second = PlacesHere(Clock()), lease("a", 1, 1), lease("a", 1, 1)
    places.admit(first)

    assert places.admit(second, takes_over=True) is None
    places.release(first)
    assert 1 == places.here
    assert "connections" == places.admit(lease("b", 1, 1)).limit


def test_what_takes_over_has_no_room_for_what_is_new():
    """Nobody gives such a place back for it."""
    places, place = PlacesHere(Clock()), Seat("connections_per_address", "10.0.0.1", 1)
    places.admit(Lease("one", (place,)))
    refusal = places.admit(Lease("two", (replace(place, is_new=True),)), takes_over=True)

    assert "connections_per_address" == refusal.limit
    assert places.admit(Lease("three", (place,)), takes_over=True) is None


def test_nobody_gives_back_what_it_has_not():
    places, first = PlacesHere(Clock()), lease("a")
    places.admit(first)
    places.release(first)

    with pytest.raises(KeyError):
        places.release(first)
    assert 0 == places.here


REFUSALS = {
    "connections": ("server_busy", "All 2 places are taken. Try again later.", 5000),
    "connections_per_user": (
        "connection_limit",
        "You have 2 connections, and 2 are allowed.",
        5000,
    ),
    "connections_per_address": (
        "connection_limit",
        "Your address has 2 connections, and 2 are allowed.",
        5000,
    ),
    "connections_per_organisation": (
        "connection_limit",
        "Your organisation has 2 connections, and 2 are allowed.",
        5000,
    ),
    "openings_per_s": (
        "server_busy",
        "2 calls a second may begin. Try again in a moment.",
        30_000,
    ),
    "openings_per_user_per_minute": ("rate_limited", "You may begin 2 calls a minute.", 30_000),
}


@pytest.mark.parametrize(
    ("allowed", "lasts_s", "wait_ms"),
    [(59, 60.0, 1016), (60, 60.0, 1000), (61, 60.0, 1000), (100, 1.0, 1000)],
)
def test_nobody_is_told_to_come_back_at_once(allowed, lasts_s, wait_ms):
    """However soon there is room again."""
    refused = Refusal("openings_per_s", allowed, allowed, lasts_s).refused()

    assert wait_ms == refused.retry_after_ms


@pytest.mark.parametrize("limit", get_args(LimitName))
def test_a_refusal_says_which_bound_is_reached(limit):
    """In words for whoever was refused, with the time after which to try again."""
    lasts_s = 60.0 if limit.startswith("openings") else None
    refused = Refusal(limit, 2, 2, lasts_s).refused()

    assert REFUSALS[limit] == (refused.code, refused.sentence, refused.retry_after_ms)
