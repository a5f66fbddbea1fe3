"""Tests of tornado_app/session/waiting.py: what waits for the client, and what it takes."""

import pytest

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.protocol.realtime.events import UserTranscriptDelta
from tornado_app.protocol.told import ResponseDone
from tornado_app.session.pieces import Sound
from tornado_app.session.waiting import (
    LIGHT_BYTES,
    Counted,
    Due,
    End,
    InPool,
    Over,
    Whole,
    Words,
    is_light,
    size_of,
)

DONE = ResponseDone("resp_1", "completed", None)


@pytest.mark.parametrize(
    ("entry", "size_bytes"),
    [
        (Sound("item_a", "resp_1", bytes(480), "A" * 640), 1120),
        (InPool("item_a", "resp_1", 480), 480),
        (Words(("user", "item_a"), ["Hi", " there"]), 8),
        (Words(("user", "item_a"), ["Hi", "🙂🙂"]), 10),
        (Whole(("user", "item_a"), "Hi 🙂"), 16),
        (Whole(("user", "item_a"), None), 0),
        (End("item_a", "resp_1"), 0),
        (Due(), 0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_what_waits_is_counted_with_its_audio_and_text(entry, size_bytes):
    """Beside what any entry takes: a client that reads nothing cannot fill the memory with them."""
    assert ENTRY_BYTES + size_bytes == size_of(entry)


def test_only_what_is_small_goes_beside_what_waits(story):
    """The end of a text is as large as the text, and a count of what was used may be of any size.

    The words of one side make nothing of the other's large.
    """
    story.connected().said(UserTranscriptDelta("item_u", "x" * (LIGHT_BYTES + 1)))
    entries = [
        (Whole(("user", "item_u"), None), False),
        (Over("user"), False),
        (Whole(("assistant", "item_a"), None), True),
        (Over("assistant"), True),
        (Whole(("assistant", "item_a"), "x" * (LIGHT_BYTES + 1)), False),
        (Whole(("assistant", "item_a"), "x" * LIGHT_BYTES), True),
        (Counted(DONE), False),
        (DONE, True),
        (Due(), True),
    ]
    transcripts = story.session.downlink.transcripts

    assert entries == [(entry, is_light(entry, transcripts)) for entry, _ in entries]


def test_the_end_of_an_answer_is_large_while_words_are_late(story):
    """They are said before it."""
    story.connected()
    for _ in range(40):
        story.said(UserTranscriptDelta("item_u", "x" * 1000))

    assert not is_light(DONE, story.session.downlink.transcripts)
