"""Tests of tornado_app/session/clock.py: where the user speaks, in the client's own sound."""

import pytest

from tests.session.story import FORGETFUL, Story, converted
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import commands, events
from workers.blocks import Block

POSITIONS = ("audio_start_ms", "audio_end_ms")


def speech_at(story, start_ms, end_ms):
    """What the client is told where the model hears somebody from *start_ms* to *end_ms*."""
    story.said(realtime.UserSpeechStarted("u", start_ms))
    told = story.messages
    told += story.said(realtime.UserSpeechStopped("u", end_ms)).messages
    return [data[name] for (_, data), name in zip(told, POSITIONS, strict=True)]


def lost(story):
    """The model is lost, and the next one dialled."""
    story.lost()
    story.tick(story.session.timers.earliest)
    return story


def test_the_first_model_counts_as_the_client_does():
    assert [100, 700] == speech_at(Story().connected().speak(900), 100.0, 700.0)


@pytest.mark.parametrize(
    ("rules", "said_again_ms"), [({}, 900), ({"speech_kept_ms": 500.0}, 500), (FORGETFUL, 0)]
)
def test_behind_a_lost_model_positions_go_on(rules, said_again_ms):
    """Less what the next one hears again."""
    story = Story(hold_ms=60_000.0, **rules).connected()
    for _ in range(9):
        story.speak(100)
    lost(story).model_ready()
    story.speak(1000)

    begun_ms = 900 - said_again_ms
    assert [begun_ms + 950, begun_ms + 1500] == speech_at(story, 950.0, 1500.0)


def test_speech_does_not_end_before_it_has_begun():
    """A turn that is said while the model is lost keeps its beginning, and so does its end."""
    story = Story(hold_ms=60_000.0).connected()
    for _ in range(20):
        story.speak(100)
    story.said(realtime.UserSpeechStarted("u0", 100.0)).said(realtime.UserSpeechStopped("u0", 500))
    story.said(realtime.Committed("u0", None)).said(realtime.UserSpeechStarted("u1", 1200.0))
    assert 1200 == story.messages[0][1]["audio_start_ms"]
    lost(story).model_ready().speak(1000)

    story.said(realtime.UserSpeechStarted("u2", 700.0))
    story.said(realtime.UserSpeechStopped("u2", 1900.0))
    assert [("speech_stopped", {"item_id": "u1", "audio_end_ms": 2400})] == story.messages


@pytest.mark.parametrize("backlog", ["refuse", "drop_oldest"])
def test_what_is_dropped_has_been_said_none_the_less(backlog):
    """What comes, or what has waited longest."""
    story = Story(backlog=backlog, hold_ms=1000.0).opened()
    for _ in range(15):
        story.feed(events.ClientAudio(bytes(4800)))
        if story.fresh and isinstance(story.fresh[0], commands.ConvertUplink):
            story.feed(events.UplinkReady(converted(100.0, 4800)))
    assert 500.0 == story.figures.dropped_ms
    story.model_ready().speak(100)

    assert [1510, 1520] == speech_at(story, 1010.0, 1020.0)


def test_what_is_cleared_on_its_way_has_been_said_none_the_less():
    """In the pool, in the resampler, and where it waits for a model."""
    story = Story(hold_ms=60_000.0).connected()
    for _ in range(3):
        story.feed(events.ClientAudio(bytes(4800))).feed(events.ClientAudio(bytes(4800)))
        story.feed(events.UplinkReady(Block(b"QUJD", 4800, 100.0, -30.0, 86.0)))
        story.client(asked.ClearAudio()).said(realtime.Cleared())
    assert [600, 610] == speech_at(story, 3 * 86.0, 3 * 86.0 + 10.0)

    story.said(realtime.Committed("u", None)).lost()
    story.speak(1000).client(asked.ClearAudio())
    story.tick(story.session.timers.earliest)
    story.model_ready().speak(100)
    assert [1610, 1620] == speech_at(story, 10.0, 20.0)
