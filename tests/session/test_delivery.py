"""What goes of an answer by way of the pool: no more than the client takes, all in its order."""

import pytest

from tests.session.story import converted, delta, response
from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDone,
    ResponseCreated,
    ResponseFinished,
)
from tornado_app.session import commands, events
from workers.formats import AudioFormat

PCM_48K = AudioFormat("pcm16", 48_000, 1)
FLOAT_192K = AudioFormat("float32", 192_000, 1)
COMPLETED = ResponseFinished(response(status="completed"))


def conversions(story):
    return [c.payload for c in story.fresh if isinstance(c, commands.ConvertDownlink)]


def answering(story):
    return story.connected().said(ResponseCreated(response()))


def test_no_more_is_converted_than_the_client_takes(stage):
    """An answer given at once, 16 times as large: the pool has a quarter of the queue at a time."""
    story = answering(stage(passes_through=False, target=FLOAT_192K))
    story.said(delta(20_000))
    ahead_bytes = [len(pcm) * 16 * 4 / 3 for pcm in conversions(story)]
    waiting, total = len(ahead_bytes), 0.0
    assert sum(ahead_bytes) <= (1 << 20) / 4 * 1.34
    while waiting:
        story.feed(events.DownlinkReady(converted(64.0)))
        waiting += len(conversions(story)) - 1
        total += 64.0
        assert waiting <= 2

    assert 20_000 == pytest.approx(total, abs=64)
    assert [] == story.said(COMPLETED).told  # the resampler holds the last of it
    assert ["audio", "response_done"] == story.feed(events.DownlinkReady(converted(1.0))).told


def test_a_full_client_stops_the_pool_as_well(stage):
    """What is in the pool comes; no more goes there until there is room."""
    story = answering(stage(passes_through=False, target=FLOAT_192K))
    story.said(delta(20_000))
    story.is_full = True
    for _ in range(2):
        assert ["audio"] == story.feed(events.DownlinkReady(converted(64.0))).told
        assert [] == conversions(story)
    story.is_full = False

    assert 2 == len(conversions(story.feed(events.ClientHasRoom())))


def test_each_item_is_converted_to_its_end(stage):
    """Also one whose end the model does not tell before it begins another."""
    story = answering(stage(passes_through=False, target=PCM_48K))
    story.said(delta(100)).said(delta(100, "item_b"))

    assert [commands.FlushDownlink(), commands.ConvertDownlink(bytes(4800))] == story.fresh


def test_large_texts_wait_for_room_behind_the_pool(stage):
    """Each goes when what was before it has gone, and none all at once with what is converted."""
    story = answering(stage(passes_through=False, target=PCM_48K))
    story.said(delta(100))
    for number in range(20):
        story.said(AnswerTranscriptDone("resp_1", f"item_{number}", "x" * 100_000))
    story.is_full = True
    assert ["audio"] == story.feed(events.DownlinkReady(converted(100))).told
    assert story.session.downlink.holds

    story.is_full = False
    assert ["transcript"] * 20 == story.feed(events.ClientHasRoom()).told


def test_many_messages_do_not_pile_up_behind_the_pool(stage):
    """The model is held while they wait, so there is an end to them."""
    story = answering(stage(passes_through=False, target=PCM_48K))
    story.said(delta(100))
    for number in range(200):
        story.said(AnswerTranscriptDone("resp_1", f"item_{number}", "short"))
    assert story.session.downlink.holds
    story.is_full = True
    assert story.feed(events.DownlinkReady(converted(100))).told == ["audio"] + ["transcript"] * 63

    story.is_full = False
    assert ["transcript"] * 137 == story.feed(events.ClientHasRoom()).told
