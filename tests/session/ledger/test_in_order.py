"""Where the entries of a conversation stand, and which of them are a turn."""

from tornado_app.session.ledger.entries import (
    ModelSaid,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)
from tornado_app.session.ledger.in_order import EntriesInOrder


def order(*entries):
    found = EntriesInOrder()
    for entry in entries:
        found.put(entry)
    return found


def names(entries):
    return [entry.id for entry in entries]


def test_it_is_the_order_of_the_model():
    """Whatever order its words come in; of whom nothing is known, it stays where it is."""
    conversation = order(ModelSaid("a"), UserSaid("u"), UserSaid("t"), ModelSaid("b"))
    conversation.place("u", None)
    conversation.place("a", "u")
    conversation.place("b", "a")

    assert ["u", "a", "b", "t"] == names(conversation)
    conversation.place("t", "gone")
    conversation.place("t", "t")
    conversation.place("b", "a")
    assert ["u", "a", "b", "t"] == names(conversation)
    assert (None, "a") == (conversation.before("u"), conversation.before("b"))
    assert "t" == conversation.last.id


def test_what_is_put_in_front_stands_behind_what_sums_up_the_oldest():
    """A summary stays the oldest entry: it is what is left of all before."""
    conversation = order(Summed("s"), UserSaid("b"), UserSaid("c"))

    conversation.place_first("c")
    conversation.place_first("nobody")

    assert ["s", "c", "b"] == names(conversation)


def test_one_that_is_renamed_stays_where_it_stands():
    """And is the one that had this name before, if there was any."""
    conversation = order(UserSaid("mine"), UserSaid("t"), UserSaid("theirs", "Good morning."))

    assert conversation.rename("mine", "theirs")

    assert ["theirs", "t"] == names(conversation)
    assert UserSaid("theirs", "Good morning.") == conversation.find("theirs")
    assert not conversation.rename("mine", "other")
    assert not conversation.rename("t", "t")


def test_a_turn_goes_to_where_the_user_speaks_next():
    """With the outputs of what was called in it, wherever those are."""
    conversation = order(
        UserSaid("u1"),
        ToolCalled("c", "call_1"),
        ToolAnswered("o1", "call_1"),
        UserSaid("u2"),
        ToolAnswered("o2", "call_1"),
        ToolAnswered("o3", "call_2"),
    )

    assert ["u1", "c", "o1", "o2"] == names(conversation.oldest_turn())


def test_of_a_turn_that_is_all_there_is_the_oldest_goes():
    """Of a summary, when nothing else is left."""
    conversation = order(Summed("s"), UserSaid("u"), ModelSaid("a"))

    gone = []
    while conversation:
        gone += names(conversation.oldest_turn())
        conversation.remove_all(set(gone[-1:]))

    assert ["u", "a", "s"] == gone
