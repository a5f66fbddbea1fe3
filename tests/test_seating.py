"""What a call is counted under: tornado_app/seating.py."""

import asyncio

import pytest

from tests.calls.house import house_settings
from tornado_app.admission.claims import Caller
from tornado_app.errors import Refused
from tornado_app.seating import Seating
from tornado_app.standing import Standing

ALICE = Caller("alice", frozenset(), 2e9, None)


def seating(**changes):
    settings = house_settings(**changes)
    loop = asyncio.new_event_loop()
    loop.close()
    return Seating(settings, loop, lambda _event, _fields: None), Standing(settings)


def test_a_call_that_goes_on_is_no_opening():
    """Until it begins anew, and then it is nothing else."""
    seats, standing = seating(limits_openings_per_s=1, limits_openings_per_user_per_minute=1)
    whole = seats.lease(ALICE, standing, "10.0.0.1").seats
    back = seats.lease(ALICE, standing, "10.0.0.1", left=whole).seats
    begins = seats.beginning(ALICE, standing).seats

    assert ["connections", "connections_per_user"] == [seat.limit for seat in back]
    assert set(whole) == {*back, *begins}
    assert all(seat.lasts_s for seat in begins)


def test_an_opening_that_is_given_back_at_once_was_one():
    seats, standing = seating(limits_openings_per_user_per_minute=1)
    lease = seats.beginning(ALICE, standing)
    seats.take(lease, takes_over=False)
    seats.give_back(lease)
    with pytest.raises(Refused) as refused:
        seats.take(seats.beginning(ALICE, standing), takes_over=False)

    assert ("rate_limited", 0) == (refused.value.code, seats.here)


def test_who_comes_back_from_elsewhere_needs_room_there():
    """And none for what the call has already, of which there is no other."""
    bounds = {"limits_connections_per_user": 1, "limits_connections_per_address": 1}
    seats, standing = seating(**bounds)
    bob = Caller("bob", frozenset(), 2e9, None)
    first = seats.lease(ALICE, standing, "10.0.0.1")
    seats.take(first, takes_over=False)
    others = seats.lease(bob, standing, "10.0.0.2")
    seats.take(others, takes_over=False)
    elsewhere = seats.lease(ALICE, standing, "10.0.0.2", left=first.seats)
    with pytest.raises(Refused) as refused:
        seats.take(elsewhere, takes_over=True)
    seats.give_back(others)
    seats.take(elsewhere, takes_over=True)

    assert "Your address has 1 connections, and 1 are allowed." == refused.value.sentence


def test_who_was_let_in_beyond_a_limit_may_not_stay_there():
    """As many as are allowed may."""
    seats, standing = seating(limits_connections_per_user=1)
    first = seats.lease(ALICE, standing, "")
    second = seats.lease(ALICE, standing, "", left=first.seats)
    seats.take(first, takes_over=False)
    seats.check_room(first.seats)
    seats.take(second, takes_over=True)
    with pytest.raises(Refused) as refused:
        seats.check_room(second.seats)
    seats.give_back(first)
    seats.check_room(second.seats)

    assert "You have 1 connections, and 1 are allowed." == refused.value.sentence
