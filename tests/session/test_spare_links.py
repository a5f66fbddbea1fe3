"""A link that was open before its call needed one, as the session sees it."""

import pytest

from tests.session.story import FORGETFUL, Story
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import SessionCreated, SessionFacts, SessionUpdated
from tornado_app.session import events
from tornado_app.session.commands import (
    CloseUpstream,
    DialUpstream,
    Log,
    NoteModel,
    PrepareUpstream,
)
from tornado_app.session.connecting import CONFIGURE_S

RESET = Failure("open", "reset")
DENIED = Failure("open", "closed", close_code=3000, close_reason="invalid_api_key")


def begun(story: Story, spare_s: float | None = 100.0) -> Story:
    """The model has had its handshake long ago, or just now."""
    story.feed(events.UpstreamOpened(0.0, spare_s=spare_s))
    return story.said(SessionCreated(SessionFacts("sess_m", "m")))


def dials(story: Story) -> list[bool]:
    """Whether each dial of the last event was to be a fresh one."""
    return [each.is_fresh for each in story.fresh if isinstance(each, DialUpstream)]


def logged(story: Story) -> list[str]:
    return [each.event for each in story.fresh if isinstance(each, Log)]


def test_it_is_configured_like_any_other(story):
    """It was not when it was opened."""
    story.opened()
    assert [False] == dials(story)
    story.feed(events.UpstreamOpened(0.0, spare_s=100.0))
    assert ["session.update"] == story.asked
    [log] = [each for each in story.fresh if isinstance(each, Log)]
    assert ("upstream_open", 100.0) == (log.event, log.fields["spare_s"])

    story.said(SessionCreated(SessionFacts("sess_m", "m")))
    assert "connected" == story.said(SessionUpdated(SessionFacts())).messages[0][1]["status"]


@pytest.mark.parametrize("upstreams", [1, 3])
@pytest.mark.parametrize("failure", [RESET, DENIED, Failure("open", "stalled", detail="unheard")])
def test_one_that_is_no_good_costs_nobody_anything(failure, upstreams):
    """Whatever ails it says nothing of the model: another is dialled, and nobody hears of it."""
    story = Story(upstreams=upstreams, reconnect_attempts=0)
    begun(story.opened())
    story.lost(failure)

    assert [True] == dials(story)
    assert "spare_link_stale" == logged(story)[0]
    assert [] == story.told
    assert not story.did(NoteModel)
    assert "connected" in [data.get("status") for _, data in story.model_ready().messages]


def test_one_that_does_not_answer_is_given_up_soon(story):
    """Half dead, it would be for ever."""
    begun(story.opened())
    story.tick(at=CONFIGURE_S)

    assert story.did(CloseUpstream)
    assert [True] == dials(story)
    story.tick(at=CONFIGURE_S + story.config.dialling.ready_timeout_s - 0.1)
    assert [] == dials(story)


def test_what_is_said_before_it_turns_out_to_be_no_good_is_not_lost(story):
    """It was kept, as for any model that is not connected yet."""
    begun(story.opened())
    story.speak(100.0).lost(RESET)
    story.model_ready()

    assert ["input_audio_buffer.append"] == [
        each for each in story.asked if each != "session.update"
    ]


def test_a_lost_model_is_replaced_at_once_if_there_is_another(story):
    """The client hears of it all the same, as what was under way was broken off."""
    story.connected().feed(events.UpstreamLost(RESET, has_spare=True), at=40.0)
    assert [False] == dials(story)
    assert ["reconnecting"] == [data["status"] for _, data in story.messages]

    begun(story).said(SessionUpdated(SessionFacts()))
    assert "connected" == story.messages[0][1]["status"]

    # What has just been lost twice is given a pause.
    story.feed(events.UpstreamLost(RESET, has_spare=True), at=41.0)
    assert [] == dials(story)
    story.tick(at=42.0)
    assert [False] == dials(story)


def test_without_another_one_there_is_the_pause(story):
    """So that those who lost the same model come back one by one."""
    story.connected().lost(RESET, at=40.0)
    assert [] == dials(story)


@pytest.mark.parametrize("spare_s", [None, 40.0])
def test_its_session_ends_so_much_sooner(spare_s):
    """It began when it was opened, whatever call has it."""
    story = Story(session_limit_s=100.0, roll_over_before_s=10.0, read_timeout_s=1000.0)
    begun(story.opened(), spare_s).said(SessionUpdated(SessionFacts()))
    looked_at = 100.0 - (spare_s or 0.0) - 8.0

    assert not story.tick(at=looked_at - 0.1).did(PrepareUpstream)
    assert story.tick(at=looked_at + 0.1).did(PrepareUpstream)


def test_a_call_without_a_ledger_has_one_too():
    """Nothing was ever said over it that could be lost."""
    story = Story(**FORGETFUL)
    begun(story.opened()).lost(RESET)
    assert [] == story.errors
    assert [True] == dials(story)
