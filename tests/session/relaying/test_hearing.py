"""Tests of tornado_app/session/relaying/hearing.py, and of what others ask of a relayed call."""

import pytest

from tests.session.relaying.call import Call
from tests.session.relaying.test_relaying import written
from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.session import events
from tornado_app.session.commands import CloseUpstream, Log
from tornado_app.session.hearing import MALFORMED_BURST

SECOND = "AAAA" * 16_000


@pytest.fixture
def call():
    return Call().begun()


def test_an_event_that_cannot_be_read_is_written_down(call):
    """And nothing else happens, until there are too many: then the link is lost."""
    for _ in range(int(MALFORMED_BURST)):
        call.says_text("no JSON")
        assert {"size_bytes": 7} == next(c.fields for c in call.fresh if isinstance(c, Log))
        assert [] == call.shown
        assert not call.did(CloseUpstream)

    call.says_text("no JSON")
    assert call.did(CloseUpstream)
    lost = next(c.fields for c in call.fresh if isinstance(c, Log) and c.event == "upstream_lost")
    assert ("open", "protocol", "malformed") == (lost["stage"], lost["cause"], lost["detail"])


def test_a_client_plays_what_it_was_told_one_after_the_other(call):
    """If it plays as it is told; speech ends that."""
    conductor = call.session._conductor
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    where = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
    for _ in range(2):
        call.says("response.output_audio.delta", **where, delta=SECOND)
    assert 2.0 == conductor.heard_until
    assert conductor.speech_since is None

    call.now = 0.5
    call.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    assert (0.5, 0.5) == (conductor.heard_until, conductor.speech_since)
    call.says("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=10)
    assert conductor.speech_since is None


def test_a_call_is_quiet_while_nothing_is_asked_answered_or_said(call):
    """Then it may go over to another session."""
    conductor = call.session._conductor
    assert conductor.is_quiet

    call.asks("conversation.item.create", item={"id": "item_q", **written("What?")})
    assert not conductor.is_quiet
    item = {"id": "item_q", **written("What?")}
    call.says("conversation.item.added", item=item, previous_item_id=None)
    assert conductor.is_quiet

    call.asks("response.create").begins("resp_1")
    assert conductor.is_busy
    assert not conductor.is_quiet
    call.ends("resp_1")
    assert not conductor.is_busy
    assert conductor.is_quiet


@pytest.mark.parametrize(
    "message", [asked.Ping(), asked.Text("Hello."), asked.AudioFile("", "wav")]
)
def test_what_the_api_has_no_event_for_is_refused(call, message):
    """Whatever the gateway has of its own."""
    call.feed(events.ClientSaid(message))

    assert ("invalid_value", "type") == (call.error["code"], call.error["param"])
    assert [] == call.sent


def test_who_asks_too_fast_is_read_later_and_told_nothing():
    """As by the API itself."""
    call = Call(messages_per_s=1.0, message_burst=1.0).begun()
    for _ in range(3):
        call.asks("response.cancel")
        assert ["response.cancel"] == [each["type"] for each in call.sent]
        assert [] == call.shown


def test_a_call_whose_quota_is_used_up_answers_no_more(call):
    """With the reason; an answer that runs is ended."""
    call.session._conductor.stop_answering(Refused("quota_exceeded", "It is used up."))
    call.asks("response.create", event_id="mine")

    assert ("insufficient_quota", "mine") == (call.error["code"], call.error["event_id"])
    assert [] == call.sent


@pytest.mark.parametrize("kind", ["cleared", "committed"])
def test_speech_that_the_buffer_holds_no_more_is_over(kind):
    """It had begun behind the client's order, and no model says that it ends."""
    call = Call().begun()
    order = "input_audio_buffer.clear" if kind == "cleared" else "input_audio_buffer.commit"
    call.asks("input_audio_buffer.append", audio="AAAA" * 4000).asks(order)
    call.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    assert call.session._conductor.speech_since is not None
    assert not call.session._conductor.is_quiet
    call.says(f"input_audio_buffer.{kind}", item_id="item_u", previous_item_id=None)

    assert call.session._conductor.speech_since is None
    assert call.session._conductor.is_quiet
