"""Stories of a call that goes on beyond the token it began with."""

import math

import pytest

from tests.session.story import UNIX_MS, converted
from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.session import events
from tornado_app.session.commands import CheckToken, CloseClient, Log

BEGIN_S = UNIX_MS / 1000
TOKEN = "eyJ.canary.sig"
ANOTHER = asked.RefreshToken(TOKEN, ref="r1")
LATE = {"token_expires_at_unix_s": BEGIN_S + 100, "read_timeout_s": 1e6}


def took(until_s, ref="r1"):
    return events.TokenChecked(BEGIN_S + until_s, ref)


def test_another_token_takes_the_place_of_the_first(stage):
    """It is checked elsewhere; then its end counts, for the warning, the status and the end."""
    story = stage(**LATE).connected()
    story.client(ANOTHER, at=40.0)
    assert [CheckToken(TOKEN, "r1")] == [c for c in story.fresh if isinstance(c, CheckToken)]
    assert "token_refreshed" not in story.told

    story.feed(took(640))
    assert [("token_refreshed", {"expires_at": UNIX_MS + 640_000, "ref": "r1"})] == story.messages
    assert (
        UNIX_MS + 640_000 == story.feed(events.StatusAsked({})).messages[0][1]["token_expires_at"]
    )
    assert [] == story.tick(579.0).told
    assert [("token_expiring", {"expires_at": UNIX_MS + 640_000})] == story.tick(580.0).messages
    assert [] == story.tick(649.0).closes
    assert [(4410, "token_expired")] == story.tick(650.0).closes


def test_a_token_that_is_not_taken_leaves_the_first(stage):
    """An error with its name, counted as a mistake; the end is where it was."""
    story = stage(**LATE, errors_per_minute=1.0).connected()
    refused = Refused("token_invalid", "No. The one before goes on.", "token", detail="sealed")
    story.client(ANOTHER).feed(events.TokenChecked(refused, "r1"))
    (told,) = story.messages
    assert ("token_invalid", "r1", "token") == tuple(
        told[1][name] for name in ("code", "ref", "field")
    )
    assert {"detail": "sealed"} == next(
        c.fields for c in story.fresh if isinstance(c, Log) and c.event == "token_refused"
    )
    assert [] == story.tick(109.0).closes
    assert [(4410, "token_expired")] == story.tick(110.0).closes


def test_guessing_tokens_ends_the_session(stage):
    """Each refusal is a mistake of the client's."""
    story = stage(**LATE, errors_per_minute=2.0).connected()
    for at in (0.0, 1.0, 2.0):
        assert not story.closes
        refused = Refused("token_invalid", "No.", "token")
        story.client(ANOTHER, at=at).feed(events.TokenChecked(refused, "r1"))
    assert [(4429, "limit_reached")] == story.closes


@pytest.mark.parametrize("every_s", [0.0, 0.1, 2.0, 20.0])
def test_tokens_are_looked_at_at_a_bounded_rate(stage, every_s):
    """Six at once, and six a minute; what is over is not even looked at."""
    story = stage(**LATE, errors_per_minute=1e6).connected()
    looked, asked_for = 0, 40
    for number in range(asked_for):
        story.client(ANOTHER, at=number * every_s)
        looked += story.did(CheckToken)
        assert story.did(CheckToken) != (story.errors == ["rate_limited"])
        if story.did(CheckToken):
            story.feed(took(1e6))
    assert looked <= 6 + asked_for * every_s / 10
    assert looked >= min(asked_for, 6 + (asked_for - 1) * every_s / 10 - 1)


@pytest.mark.parametrize("left_s", [0.5, 30.0, 61.0, 100.0, 120.0, 3600.0])
def test_a_short_token_does_not_ask_for_the_next_at_once(stage, left_s):
    """A minute before its end, or when half of it is over: whichever is later."""
    story = stage(**LATE).connected()
    story.client(ANOTHER, at=50.0).feed(took(50 + left_s))
    assert "token_expiring" not in story.tick(50.0).told
    warned_at = 50 + max(left_s - 60, left_s / 2)
    story.feed(events.Tick(), at=math.nextafter(warned_at, 0) - 1e-3)
    assert "token_expiring" not in story.told
    assert ["token_expiring"] == story.tick(warned_at + 1e-3).told
    assert not story.did(CloseClient)


def test_the_answer_stands_behind_what_was_said_before(stage):
    """As every reply does: behind the receipt of the audio in front of it."""
    story = stage(**LATE).connected()
    story.feed(events.ClientAudio(bytes(960)))
    story.client(ANOTHER).feed(took(640))
    assert [] == story.told
    assert ["audio_received", "token_refreshed"] == story.feed(
        events.UplinkReady(converted(20, 960))
    ).told


def test_no_token_stands_in_a_repr():
    """Whatever is printed of an event or a command."""
    assert "canary" not in f"{events.ClientSaid(ANOTHER)} {CheckToken(TOKEN, None)}"


def test_who_waits_as_long_as_it_is_told_may_refresh(stage):
    """And a moment before, not yet."""
    story = stage(**LATE, errors_per_minute=1e6).connected()
    while not story.client(ANOTHER, at=1.0).errors:
        story.feed(took(1e6))
    (error,) = (data for name, data in story.messages if name == "error")
    back_at = 1.0 + error["retry_after_ms"] / 1000

    assert ["rate_limited"] == story.client(ANOTHER, at=back_at - 0.002).errors
    assert [] == story.client(ANOTHER, at=back_at).errors
    assert story.did(CheckToken)
