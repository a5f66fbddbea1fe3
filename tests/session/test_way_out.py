"""Tests of tornado_app/session/way_out.py: whoever ends a session, it ends in the same way."""

import pytest

from tests.session.story import UNIX_MS, delta
from tornado_app.protocol import asked
from tornado_app.protocol.close import GOING_AWAY
from tornado_app.session import commands, events


def test_the_last_line_of_a_session_says_why_and_how_long(story):
    """From whichever side it was ended; the code is the client's own, if that closed."""
    story.connected().feed(events.ClientGone(1001), at=2.5)

    [line] = [c for c in story.fresh if isinstance(c, commands.Log)]
    assert "session_closed" == line.event
    expected = {"cause": "client_gone", "duration_s": 2.5, "close_code": 1001, "reconnects": 0}
    assert expected.items() <= line.fields.items()


def test_draining_tells_the_deadline_and_ends_there(story):
    """The client has until then to go elsewhere."""
    story.connected().feed(events.Drain(20.0))
    assert [("going_away", {"reason": "draining", "deadline": UNIX_MS + 20_000})] == story.messages
    assert [] == story.closes

    assert [(1001, "going_away")] == story.tick(20.0).closes


@pytest.mark.parametrize(
    ("ending", "close"),
    [
        (events.ClientGone(1000), []),
        (events.ClientSlow("queue_full"), [(4429, "limit_reached")]),
        (events.Stop(GOING_AWAY), [(1001, "going_away")]),
        (events.BegunAnew(), [(4409, "resumed_elsewhere")]),
    ],
)
def test_every_ending_releases_everything(story, ending, close):
    """The upstream is closed at once, and nothing is done afterwards."""
    story.connected().feed(ending)

    assert close == story.closes
    assert story.did(commands.CloseUpstream)
    assert story.did(commands.Finish)
    assert [] == story.client(asked.Ping()).fresh


def test_a_fault_of_ours_is_told_and_ends_the_session(story):
    """The client learns that it was not its own, and that it may come again; once."""
    story.connected().speak(100).abandoned()

    assert ["internal"] == story.errors
    assert "The server had a fault of its own. Reconnect." == story.messages[0][1]["sentence"]
    assert [(1011, "internal")] == story.closes
    assert story.did(commands.CloseUpstream)
    assert [] == story.abandoned().fresh


@pytest.mark.parametrize("ending", [events.ClientGone(1006), events.Stop(GOING_AWAY)])
@pytest.mark.parametrize("passes_through", [True, False])
def test_what_waits_when_a_call_ends_is_counted(stage, ending, passes_through):
    """Speech in the pool and in the socket of the model; an answer in the pool and before it."""
    story = stage(passes_through=passes_through).connected()
    story.feed(events.UpstreamBacklog(64 * 100)).feed(events.ClientAudio(bytes(48 * 20)))
    story.said(delta(300))
    story.is_full = True
    story.said(delta(500)).feed(ending)

    [closed] = [c.fields for c in story.fresh if isinstance(c, commands.Log)]
    assert 120.0 == closed["unsent_ms"]
    assert (500.0 if passes_through else 800.0) == closed["untaken_ms"]
