"""Tests of tornado_app/session/admitting.py: how much a client may say, and be wrong."""

import pytest

from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.session import events


def test_too_many_messages_are_refused_one_by_one(stage):
    """Each one over the rate is answered and dropped; the next in time goes through."""
    story = stage(messages_per_s=10.0, message_burst=2.0).opened()
    for _ in range(2):
        assert ["pong"] == story.client(asked.Ping()).told
    story.client(asked.Ping())
    assert ["rate_limited"] == story.errors
    assert 101 == pytest.approx(story.messages[0][1]["retry_after_ms"], abs=1)

    assert ["pong"] == story.client(asked.Ping(), at=0.1).told


def test_too_many_wrong_messages_end_the_session(stage):
    """A client that cannot learn is closed with 4429."""
    story = stage(errors_per_minute=3.0).opened()
    wrong = events.ClientRefused(InvalidMessage("unknown_type", "no such type", "type"))
    for _ in range(3):
        assert ["unknown_type"] == story.feed(wrong).errors

    assert ["unknown_type", "rate_limited"] == story.feed(wrong).errors
    assert [(4429, "limit_reached")] == story.closes


def test_a_flood_of_pings_ends_the_session(stage):
    """They are cheap, but not free."""
    story = stage(messages_per_s=10.0, message_burst=2.0).opened()
    for _ in range(3):
        story.feed(events.ClientPinged())

    assert ["rate_limited"] == story.errors
    assert [(4429, "limit_reached")] == story.closes


def test_a_flood_of_fragments_ends_the_session(stage):
    """Ten for each message that is allowed; empty ones cost no bytes, but time."""
    story = stage(messages_per_s=10.0, message_burst=2.0).opened()
    for _ in range(20):
        story.feed(events.ClientHeard())
    assert [] == story.errors

    story.feed(events.ClientHeard())
    assert ["rate_limited"] == story.errors
    assert [(4429, "limit_reached")] == story.closes


def test_bad_audio_counts_as_a_wrong_message(stage):
    """Garbage in audio is garbage too."""
    story = stage(errors_per_minute=1.0).opened()
    for _ in range(2):
        story.feed(events.ClientAudio(b"\0"))
    story.feed(events.UplinkReady(events.Unusable("half a frame")))
    assert ["invalid_audio"] == story.errors
    story.feed(events.UplinkReady(events.Unusable("half a frame")))

    assert [(4429, "limit_reached")] == story.closes
