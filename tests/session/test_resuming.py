"""Stories of clients that are lost and come back."""

import pytest

from tests.session.story import UNIX_MS, delta, response
from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import events
from tornado_app.session.commands import (
    CloseClient,
    DropClient,
    Log,
    PauseClient,
    PingClient,
    SendClient,
)

WINDOW_S = 20.0
TOKEN = "canary-token"
LOST = events.ClientGone(None, is_lost=True)
BACK = events.ClientBack("next-token", UNIX_MS / 1000 + 3600, 1)


@pytest.fixture
def kept(stage):
    story = stage(resume_window_s=WINDOW_S)
    return story.feed(events.Opened(TOKEN)).model_ready()


def test_the_first_status_has_the_token_of_a_call_that_can_be_resumed(stage):
    """And no other."""
    story = stage(resume_window_s=WINDOW_S).feed(events.Opened(TOKEN))
    assert TOKEN == story.messages[0][1]["resume_token"]
    assert "resume_token" not in str(story.model_ready().messages[-1])
    assert "resume_token" not in str(stage().opened().messages)


def test_a_lost_client_may_come_back(kept):
    """Nothing ends; it is told that it is back, with another token and what is in force."""
    kept.feed(events.ClientAudio(bytes(960)), at=1.0)
    kept.feed(LOST, at=2.0)
    assert ["client_away"] == [c.event for c in kept.fresh if isinstance(c, Log)]
    assert not kept.session.ended
    kept.feed(BACK, at=12.0)
    (told,) = kept.messages
    assert "connection_status" == told[0]
    assert (
        told[1] | {"status": "connected", "resumed": True, "resume_token": "next-token", "chunk": 1}
        == told[1]
    )
    assert "marin" == told[1]["negotiated"]["voice"]
    assert [] == kept.tick(30.0).closes
    assert not kept.session.ended


def test_who_waits_at_the_door_of_a_process_that_stood_still_is_let_in(kept):
    """It wakes to the end of the window before it looks who has come; a moment later that is it."""
    kept.feed(LOST, at=2.0).tick(50.0)
    assert not kept.session.ended
    kept.feed(BACK, at=50.5).tick(52.0)
    assert not kept.session.ended

    kept.feed(LOST, at=53.0).tick(100.0)
    assert not kept.session.ended
    assert kept.tick(101.2).session.ended


@pytest.mark.parametrize("gone_at", [0.0, 59.0])
def test_who_does_not_come_back_in_time_is_gone(kept, gone_at):
    """The heartbeat ends nothing meanwhile, and nobody is pinged."""
    kept.feed(LOST, at=gone_at)
    kept.tick(gone_at + WINDOW_S - 0.01)
    assert not kept.session.ended
    assert not any(isinstance(c, PingClient) for c in kept.fresh)
    kept.tick(gone_at + WINDOW_S)
    assert kept.session.ended
    assert not kept.did(CloseClient)
    fields = next(c.fields for c in kept.fresh if isinstance(c, Log))
    assert "client_gone" == fields["cause"]


@pytest.mark.parametrize("code", [None, 1000, 1001, 1002, 1005, 4000])
def test_a_client_that_has_said_goodbye_is_not_waited_for(kept, code):
    """Whatever it said."""
    assert kept.feed(events.ClientGone(code)).session.ended


def test_without_a_window_nobody_is_waited_for(stage):
    """As ever."""
    assert stage().connected().feed(LOST).session.ended


def test_a_network_that_takes_nothing_is_lost_and_one_that_takes_too_little_is_not(stage):
    """Its WebSocket is closed in any case."""
    story = stage(resume_window_s=WINDOW_S).connected()
    assert story.feed(events.ClientSlow("write_timeout")).did(DropClient)
    assert not story.session.ended
    assert (
        stage(resume_window_s=WINDOW_S)
        .connected()
        .feed(events.ClientSlow("queue_full"))
        .session.ended
    )
    assert stage().connected().feed(events.ClientSlow("write_timeout")).session.ended


def test_a_server_that_goes_away_waits_for_nobody(kept, stage):
    """Whoever is lost cannot come in any more; in either order."""
    assert kept.feed(LOST, at=1.0).feed(events.Drain(50.0)).session.ended
    other = stage(resume_window_s=WINDOW_S).connected()
    other.feed(events.Drain(50.0))
    assert other.feed(LOST, at=1.0).session.ended


def test_the_loudspeaker_stands_still_while_nobody_is_there(kept):
    """What was on its way is heard when it is back, and cut there."""
    kept.said(realtime.ResponseCreated(response("resp_1")))
    kept.said(delta(2000), at=0.0)
    kept.feed(LOST, at=1.0)
    kept.feed(BACK, at=11.0)
    kept.client(asked.Interrupt(), at=11.5)
    heard = next(data for name, data in kept.messages if name == "interrupted")
    assert ("item_a", 1500) == (heard["item_id"], heard["heard_ms"])


def test_the_token_of_the_new_connection_counts(kept):
    """It came with it, and was checked at the door."""
    kept.feed(LOST, at=1.0).feed(events.ClientBack("next", UNIX_MS / 1000 + 7200, 1), at=2.0)
    status = kept.feed(events.StatusAsked({})).messages[0][1]
    assert UNIX_MS + 7_200_000 == status["token_expires_at"]


def test_it_is_told_how_much_of_it_has_come(kept):
    """Audio, orders and what was no good, each once: what is behind may be said again."""
    kept.feed(events.ClientAudio(bytes(960)))
    kept.client(asked.Interrupt())
    kept.feed(events.StatusAsked({}))
    kept.feed(events.ClientRefused(InvalidMessage("invalid_message", "No.")))
    kept.feed(events.ClientRefused(InvalidMessage("invalid_audio", "No.", is_audio=True)))
    kept.feed(events.ClientPinged()).feed(events.ClientHeard())
    kept.feed(LOST, at=1.0).feed(BACK, at=2.0)
    assert (2, 5) == (kept.messages[0][1]["chunk"], kept.messages[0][1]["received"])


def test_it_is_pinged_behind_what_it_is_told(kept):
    """Until it answers nobody knows that it has the next token."""
    kept.feed(LOST, at=1.0).feed(BACK, at=2.0)
    assert isinstance(kept.fresh[-1], PingClient)
    assert kept.session.may_lack_token(BACK.last_seq)
    assert not kept.feed(events.ClientPinged(), at=2.1).session.may_lack_token(BACK.last_seq)


def test_who_has_read_on_and_not_to_its_token_may_lack_it(kept):
    """Its library answers pings as it reads, and the client reads what it gives."""
    for _ in range(3):
        kept.client(asked.Ping())
    missed = [c.seq for c in kept.all if isinstance(c, SendClient)]
    kept.feed(LOST, at=1.0).feed(BACK, at=2.0)
    [token_seq] = [c.seq for c in kept.fresh if isinstance(c, SendClient)]
    assert token_seq == missed[-1] + 1
    kept.feed(events.ClientPinged(), at=2.1)

    places = [-1, *range(token_seq + 2)]
    assert [*range(BACK.last_seq + 1, token_seq)] == [
        place for place in places if kept.session.may_lack_token(place)
    ]
    assert kept.session.may_lack_token(None), "it may say one of these"


@pytest.mark.parametrize(
    "said",
    [events.ClientAudio(bytes(960)), events.ClientSaid(asked.Ping()), events.StatusAsked({})],
)
def test_who_says_something_has_its_token(kept, said):
    """Nothing is to be said before it."""
    kept.client(asked.Ping())
    kept.feed(LOST, at=1.0).feed(BACK, at=2.0)
    assert kept.session.may_lack_token(BACK.last_seq + 1)
    kept.feed(said, at=2.1)

    assert not any(kept.session.may_lack_token(place) for place in (None, *range(9)))


def test_one_that_is_not_read_when_it_is_back_was_not_heard(stage):
    """Its token is not used up by what else happens; nor is it silent for that."""
    story = stage(resume_window_s=WINDOW_S, backlog="push_back").feed(events.Opened(TOKEN))
    story.speak(1100)
    assert story.did(PauseClient)
    story.feed(LOST, at=1.0).feed(BACK, at=2.0)
    story.feed(events.Look(0), at=3.0)
    assert story.session.may_lack_token(BACK.last_seq)

    for second in range(4, 9):
        story.feed(events.Look(0), at=float(second))
    assert not story.session.ended
    assert story.session.may_lack_token(BACK.last_seq)


def test_a_takeover_needs_no_loss(kept):
    """The other connection may not have noticed yet."""
    kept.feed(BACK, at=5.0)
    assert kept.messages[0][1]["resumed"]
    assert not kept.session.ended


def test_no_token_stands_in_a_repr():
    """Whatever is printed of an event."""
    assert "canary" not in repr([events.Opened(TOKEN), events.ClientBack(TOKEN, 1.0, 1)])
