"""Partial transcripts are never taken back."""

import pytest

from local_realtime.session.outbox import Outbox, Overhear
from local_realtime.session.transcripts import FOLLOW_EVERY_MS, FOLLOW_UNTIL_MS, Transcripts
from local_realtime.sound.audio import Sound

SOUND = Sound(bytes(4800), 24_000)


class Speaking:
    """A buffer with speech of some length."""

    start_ms = 0

    def __init__(self, end_ms, quiet_ms=0):
        self.end_ms = end_ms
        self.quiet_ms = quiet_ms

    def so_far(self):
        return f"{self.end_ms} ms"


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def transcripts(outbox):
    return Transcripts("sess_x", outbox)


def deltas(outbox):
    events = (output for output in outbox.drain() if isinstance(output, dict))
    return [event["delta"] for event in events if event["type"].endswith(".delta")]


def test_speech_is_followed_in_steps(transcripts, outbox):
    """One question at a time, and none about a long speech."""
    for end_ms in (FOLLOW_EVERY_MS - 1, FOLLOW_EVERY_MS, FOLLOW_EVERY_MS + 1, 2000):
        transcripts.follow("item", Speaking(end_ms))
    asked = outbox.drain()
    transcripts.overheard("item", None)
    transcripts.follow("item", Speaking(FOLLOW_UNTIL_MS + 1))
    transcripts.follow("item", Speaking(2000))

    assert asked == [Overhear("item", f"{FOLLOW_EVERY_MS} ms")]
    assert outbox.drain() == [Overhear("item", "2000 ms")]


def test_a_pause_is_read_once(transcripts, outbox):
    """When it is long enough, and again only after more was said."""
    transcripts.follow("item", Speaking(700))
    outbox.drain()
    asked = []
    for end_ms, quiet_ms in ((1450, 50), (1750, 350), (1800, 400), (2600, 0), (2990, 390)):
        transcripts.overheard("item", None)
        transcripts.follow("item", Speaking(end_ms, quiet_ms))
        asked += [overhear.sound for overhear in outbox.drain()]

    assert asked == ["1750 ms", "2600 ms", "2990 ms"]


def test_only_what_two_runs_agree_on_is_told(transcripts, outbox):
    """Without the last word, which may still grow; the rest comes with the whole."""
    transcripts.follow("item", Speaking(700))
    outbox.drain()
    for heard in ("I mean", "I mean it.", "I mean it is fine", "I mean it is fine today"):
        transcripts.overheard("item", heard)
    partial = deltas(outbox)
    transcripts.ask("item", SOUND)
    outbox.drain()
    transcripts.finish("item", 1.2, "I mean it is fine today.")
    events = outbox.drain()

    assert partial == ["I", " mean", " it is"]
    assert [event.get("delta") for event in events] == [" fine today.", None]
    assert events[1]["transcript"] == "I mean it is fine today."
    assert events[1]["usage"] == {"type": "duration", "seconds": 2}


def test_a_guess_that_was_wrong_stays(transcripts, outbox):
    """No further delta; the whole transcript tells what is right."""
    transcripts.follow("item", Speaking(700))
    outbox.drain()
    for heard in ("to be or", "to be or not"):
        transcripts.overheard("item", heard)
    partial = deltas(outbox)
    transcripts.ask("item", SOUND)
    outbox.drain()
    transcripts.finish("item", 1.0, "Two bees.")
    transcripts.overheard("item", "too late")
    events = outbox.drain()

    assert partial == ["to be"]
    assert [event["transcript"] for event in events] == ["Two bees."]


def test_no_words_are_no_delta(transcripts, outbox):
    """A transcript may be empty."""
    transcripts.finish("item", 0.4, "")

    assert [event["transcript"] for event in outbox.drain()] == [""]


def test_the_next_words_do_not_repeat_the_last(transcripts, outbox):
    """What was told of an item counts, though somebody speaks again before it has been read."""
    transcripts.follow("item", Speaking(700))
    for heard in ("to be or", "to be or not"):
        transcripts.overheard("item", heard)
    transcripts.ask("item", SOUND)
    transcripts.follow("next", Speaking(700))
    partial = deltas(outbox)
    transcripts.overheard("next", "that is")
    transcripts.finish("item", 1.0, "to be or not to be")

    assert partial == ["to be"]
    assert deltas(outbox) == [" or not to be"]
