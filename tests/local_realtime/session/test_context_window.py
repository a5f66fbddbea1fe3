"""What is left out of a conversation that has become too long."""

import pytest

from local_realtime.errors import Refused
from local_realtime.session.context_window import ContextWindow
from local_realtime.session.items import Item, Part
from local_realtime.session.usage import Context


def note(item_id, tokens=10):
    part = Part({"type": "input_text", "text": "x" * 4 * tokens})
    return Item(item_id, {"type": "message", "role": "user"}, parts=(part,))


def seen(window, ids, truncation="auto", limit=30, instructions=""):
    context = Context(instructions, (), tuple(note(item_id) for item_id in ids))
    return "".join(item.id for item in window.fit(context, truncation, limit))


@pytest.fixture
def window():
    return ContextWindow()


def test_what_fits_is_seen_whole(window):
    """Whatever the strategy."""
    assert [seen(window, "abc", how) for how in ("auto", "disabled")] == ["abc"] * 2


def test_the_oldest_go_first(window):
    """Instructions take their part of the room."""
    assert seen(window, "abcd") == "bcd"
    assert seen(window, "abcd", instructions="x" * 80) == "d"


def test_disabled_refuses(window):
    """With the numbers."""
    with pytest.raises(Refused, match="40 tokens, but only 30") as refused:
        seen(window, "abcd", "disabled")
    assert refused.value.code == "context_length_exceeded"


def test_a_ratio_leaves_room_so_that_the_beginning_stays_the_same(window):
    """After one cut the next turns are only added to."""
    half = {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {}}

    turns = [seen(window, "abcdefg"[:end], half, limit=40) for end in range(4, 8)]

    assert turns == ["abcd", "de", "def", "defg"]


def test_a_limit_of_the_clients_own(window):
    """Below that of the model."""
    few = {
        "type": "retention_ratio",
        "retention_ratio": 1.0,
        "token_limits": {"post_instructions": 20},
    }

    assert seen(window, "abcd", few, limit=1000) == "cd"


def test_the_last_item_is_always_seen(window):
    """Though it alone is too long."""
    assert seen(window, "abcd", limit=5) == "d"


def test_an_item_of_the_same_name_is_seen_again(window):
    """What was left out and deleted is forgotten here as well."""
    seen(window, "abcd")
    seen(window, "bcd")

    assert seen(window, "cda") == "cda"
