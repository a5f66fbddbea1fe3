"""What of a conversation is old enough to be summed up."""

import pytest

from tornado_app.session.ledger.entries import (
    ModelSaid,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)
from tornado_app.session.ledger.oldest import oldest_turns

ALL = 1 << 20


def turn(number):
    return [UserSaid(f"u{number}", "How are you?"), ModelSaid(f"a{number}", "Very well.")]


def names(entries):
    return [entry.id for entry in entries]


def test_whole_turns_go_until_the_others_fit():
    """Not one more; and the last never, whatever it takes."""
    entries = [entry for number in range(5) for entry in turn(number)]

    assert [] == oldest_turns(entries, ALL, 10)
    assert ["u0", "a0", "u1", "a1"] == names(oldest_turns(entries, ALL, 7))
    assert ["u0", "a0"] == names(oldest_turns(entries, sum(e.size_bytes for e in entries) - 1, 10))
    assert names(entries[:-2]) == names(oldest_turns(entries, 0, 0))


def test_a_summary_goes_with_them_and_never_alone():
    """It is told of in the one that follows."""
    summary = Summed("s", "They have met.")

    assert ["s", "u0", "a0"] == names(oldest_turns([summary, *turn(0), *turn(1)], ALL, 3))
    assert [] == oldest_turns([summary, *turn(0)], 0, 0)
    assert [] == oldest_turns([summary], 0, 0)
    assert [] == oldest_turns([], 0, 0)


@pytest.mark.parametrize(
    "is_open",
    [
        [UserSaid("u", "Well", is_committed=False)],
        [UserSaid("u", "Well"), ModelSaid("a", "I am", is_complete=False)],
        [UserSaid("u", "Well"), ToolCalled("c", "call_1", "get_time", "{}")],
    ],
    ids=["speech", "answer", "call"],
)
def test_nothing_goes_from_a_turn_on_that_is_open(is_open):
    """What comes of it belongs behind it."""
    entries = [*turn(0), *is_open, *turn(1), *turn(2)]

    assert ["u0", "a0"] == names(oldest_turns(entries, 0, 0))


def test_what_has_ended_is_not_open():
    """An answer that was cut, and a call with its output."""
    cut = [UserSaid("u", "Well"), ModelSaid("a", "I am", heard_ms=300.0, is_complete=False)]
    called = [
        UserSaid("v", "What time is it?"),
        ToolCalled("c", "call_1", "get_time", "{}"),
        ToolAnswered("o", "call_1", "noon"),
    ]

    assert ["u", "a", "v", "c", "o"] == names(oldest_turns([*cut, *called, *turn(0)], 0, 0))
