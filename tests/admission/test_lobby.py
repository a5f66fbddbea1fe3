"""Tests of tornado_app/admission/lobby.py."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.lobby import Lobby
from tornado_app.errors import Refused


def test_the_longest_waiting_gives_way():
    """With all places taken, and not whoever comes: an attacker can keep nobody out."""
    lobby, told = Lobby(2), []
    first = lobby.enter(lambda refused: told.append(("first", refused.code)))
    lobby.enter(lambda refused: told.append(("second", refused.code)))
    lobby.enter(lambda refused: told.append(("third", refused.code)))

    assert [("first", "server_busy")] == told
    lobby.leave(first)
    assert 2 == lobby.used


def test_everybody_is_sent_away_at_the_end():
    """Once each, with the reason."""
    lobby, told = Lobby(5), []
    for name in "abc":
        lobby.enter(lambda refused, name=name: told.append((name, refused.code)))
    lobby.clear(Refused("going_away", "This server is going away. Reconnect."))

    assert [("a", "going_away"), ("b", "going_away"), ("c", "going_away")] == told
    assert 0 == lobby.used


@given(st.integers(1, 5), st.lists(st.integers(0, 9)))
def test_never_more_than_there_are_places(places, steps):
    """Whoever comes has a place; whoever lost one was told, and once."""
    lobby, inside, told = Lobby(places), [], []
    for step in steps:
        if step < 6 or not inside:
            inside.append(lobby.enter(told.append))
        else:
            lobby.leave(inside.pop(step % len(inside)))
        assert lobby.used <= places
    assert all(refused.code == "server_busy" for refused in told)
    assert len(inside) - len(told) <= lobby.used <= len(inside)
