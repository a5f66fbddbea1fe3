"""What echo mode says."""

import asyncio

import pytest

from local_realtime.responders.echo import MAX_BEEPS, Echo
from local_realtime.session.items import Item, Part, spoken_by_user
from local_realtime.session.responder import Turn
from local_realtime.sound.audio import Sound


def answer(*items):
    async def only_piece():
        (piece,) = [piece async for piece in Echo().answer(Turn(items, ""))]
        return piece

    with asyncio.Runner() as runner:
        return runner.run(only_piece())


def written(text):
    part = Part({"type": "input_text", "text": text})
    return Item("t", {"type": "message", "role": "user"}, parts=(part,))


def test_the_last_speech_is_played_back():
    """Sample for sample, and the transcript tells its length."""
    first, last = (Sound(bytes([n, 0]) * 24_000, 24_000) for n in (1, 2))
    items = (spoken_by_user("a", first), spoken_by_user("b", last))

    assert answer(*items).sound == last
    assert answer(*items).text == "(echo of 1.0 s of audio)"


def test_text_after_speech_is_what_is_answered():
    """The last user item counts, whatever it is."""
    spoken = spoken_by_user("a", Sound(bytes(4800), 24_000))

    assert answer(spoken, written("one two")).text == "You wrote: one two"


@pytest.mark.parametrize(
    ("text", "beeps"), [("", 0), ("one", 1), ("one two", 2), ("x " * 9999, MAX_BEEPS)]
)
def test_words_are_beeped(text, beeps):
    """120 ms for each, up to a minute."""
    assert answer(written(text)).sound.duration_ms == beeps * 120


def test_there_may_be_nothing_to_echo():
    """A conversation without the user has one beep."""
    assert answer().text == "(nothing to echo)"
    assert answer().sound.duration_ms == 120
