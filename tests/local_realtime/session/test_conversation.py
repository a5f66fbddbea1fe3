"""Items in order, and within bounds."""

import pytest

from local_realtime.errors import Refused
from local_realtime.session import conversation as module
from local_realtime.session.conversation import Conversation
from local_realtime.session.items import Item, Part, spoken_by_user
from local_realtime.sound.audio import Sound


def note(item_id, text="x", role="user"):
    part = Part({"type": "input_text", "text": text})
    return Item(item_id, {"type": "message", "role": role}, parts=(part,))


@pytest.fixture
def conversation():
    held = Conversation()
    for item_id in "abc":
        held.add(note(item_id))
    return held


@pytest.mark.parametrize(
    ("previous", "order"),
    [(None, "abcd"), ("root", "dabc"), ("a", "adbc"), ("c", "abcd")],
    ids=["append", "front", "middle", "end"],
)
def test_an_item_goes_where_it_is_wanted(conversation, previous, order):
    """After its predecessor, at the front, or at the end."""
    conversation.add(note("d"), previous)

    assert "".join(item.id for item in conversation.items) == order
    before = order[order.index("d") - 1] if order[0] != "d" else None
    assert conversation.predecessor("d") == before


def test_an_id_is_taken_once(conversation):
    """A second item of the same id is refused."""
    with pytest.raises(Refused, match="already exists"):
        conversation.add(note("a"))


@pytest.mark.parametrize(
    ("previous", "order"), [(None, "bca"), ("root", "abc"), ("a", "abc"), ("c", "bca")]
)
def test_an_id_taken_again_is_that_of_the_new_item(conversation, previous, order):
    """Wherever the old one stood; it may even be the predecessor that is named."""
    conversation.add(note("a"), previous, takes_ids_again=True)

    assert "".join(item.id for item in conversation.items) == order


def test_the_oldest_items_are_forgotten_when_it_is_full(conversation):
    """More than the bytes it may hold; the newest item always stays."""
    big = Sound(bytes(module.MAX_BYTES // 2), 24_000)
    for item_id in "de":
        conversation.add(spoken_by_user(item_id, big))

    assert [item.id for item in conversation.items] == ["e"]


def test_the_number_of_items_is_bounded(conversation):
    """However small they are."""
    for index in range(module.MAX_ITEMS):
        conversation.add(note(f"item_{index}"))

    assert len(conversation.items) == module.MAX_ITEMS


TRUNCATIONS = {
    "unknown item": ("z", 0, "item_truncate_invalid_item_id"),
    "no audio": ("a", 0, "invalid_value"),
    "no such content": ("a", 1, "invalid_value"),
    "user audio": ("u", 0, "invalid_value"),
}


@pytest.mark.parametrize(("item_id", "index", "code"), TRUNCATIONS.values(), ids=TRUNCATIONS)
def test_only_answers_can_be_truncated(conversation, item_id, index, code):
    """Everything else is refused."""
    conversation.add(spoken_by_user("u", Sound(bytes(4800), 24_000)))
    with pytest.raises(Refused) as refused:
        conversation.truncate(item_id, index, 0)

    assert refused.value.code == code
