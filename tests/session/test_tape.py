"""Tests of tornado_app/session/tape.py: what may be sent again of an answer."""

from tornado_app.session.pieces import MODEL_BYTES_PER_MS, Sound
from tornado_app.session.playout import Playout
from tornado_app.session.tape import ITEMS_KEPT, TAPE_BYTES, Tape


def sound(duration_ms, item_id="item_a"):
    return Sound(item_id, "resp_1", bytes(duration_ms * MODEL_BYTES_PER_MS), "")


def played(*sounds):
    """A tape and its loudspeaker, to which all of that was sent at 0."""
    playout = Playout()
    tape = Tape(playout)
    for each in sounds:
        tape.add(each, 0.0)
        playout.sent(each.item_id, each.left_bytes / MODEL_BYTES_PER_MS, 0.0)
    return tape


def rests(tape, now):
    return [(each.item_id, len(each.pcm) // MODEL_BYTES_PER_MS) for each in tape.rest(now)]


def test_what_was_not_heard_may_be_sent_again():
    """From where the loudspeaker is, piece by piece."""
    tape = played(sound(1000), sound(500))

    assert [("item_a", 1000), ("item_a", 500)] == rests(tape, 0.0)
    assert [("item_a", 600), ("item_a", 500)] == rests(tape, 0.4)
    assert [("item_a", 100)] == rests(tape, 1.4)
    assert [] == rests(tape, 1.5)
    assert {"item_a": 1500} == tape.ends_ms(1.4)
    assert {} == tape.ends_ms(1.5)


def test_what_was_heard_is_forgotten_when_more_comes():
    """And its memory is free again."""
    tape = played(sound(1000))
    before = tape.size_bytes
    tape.add(sound(1000), 1.0)
    assert before == tape.size_bytes

    tape.clear()
    assert 0 == tape.size_bytes
    assert [] == rests(tape, 1.0)


def test_nothing_is_kept_behind_a_hole():
    """What was too much is missing, and what follows it would be heard in the wrong place."""
    most_ms = TAPE_BYTES // MODEL_BYTES_PER_MS
    tape = played(sound(most_ms - 1000), sound(2000), sound(500))

    assert [("item_a", most_ms - 1000)] == rests(tape, 0.0)
    ends = tape.ends_ms(0.0)
    assert {"item_a": most_ms - 1000} == ends
    assert not tape.is_whole("item_a", 0, ends)
    assert tape.is_whole("item_a", most_ms + 1500, ends)


def test_whether_an_item_is_whole():
    """All of it was heard, or is kept."""
    tape = played(sound(1000))

    assert tape.is_whole("item_a", 0, {"item_a": 1000})
    assert tape.is_whole("item_a", 1000, {})
    assert not tape.is_whole("item_a", 999, {})
    assert tape.is_whole("item_b", 0, {})
    assert not played(sound(1)).is_whole("item_a", 0, {})


def test_of_many_items_the_oldest_is_forgotten():
    """So that an answer of a thousand items takes no memory."""
    tape = played(*(sound(10, f"item_{number}") for number in range(ITEMS_KEPT + 1)))

    assert ITEMS_KEPT == len(tape._ends_bytes)
    assert tape.is_whole("item_0", 0, {})
    assert not tape.is_whole("item_1", 0, {})
