"""A client of the API that wants another format than the model's hears the same events."""

import pytest

from tests.session.relaying.call import Call
from tests.session.relaying.test_relaying import written
from tests.session.story import converted
from tornado_app.session import events
from tornado_app.session.commands import ConvertDownlink, FlushDownlink, ResetDownlink
from tornado_app.session.events import Unusable
from tornado_app.session.kept import ORDERS_HELD
from workers.formats import AudioFormat


@pytest.fixture
def call():
    call = Call(target=AudioFormat("pcm16", 8_000, 1)).begun()
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    return call


def says_audio(call, audio="AAAAAAAA"):
    where = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
    return call.says("response.output_audio.delta", **where, delta=audio)


def test_what_is_said_behind_audio_waits_until_that_is_converted(call):
    says_audio(call)
    assert [ConvertDownlink(bytes(6))] == call.fresh
    call.says("response.output_audio.done", response_id="resp_1", item_id="item_a")
    assert [FlushDownlink()] == call.fresh
    call.says("rate_limits.updated")
    assert [] == call.shown

    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))
    (delta,) = call.shown
    assert ("QUJD", "item_a") == (delta["delta"], delta["item_id"])

    call.feed(events.DownlinkReady(converted(0.0, audio=b"REVG")))
    assert [
        "response.output_audio.delta",
        "response.output_audio.done",
        "rate_limits.updated",
    ] == call.kinds


ENDS = {
    "response.output_item.done": {"item": {"id": "item_a", "type": "message"}},
    "response.done": {"response": {"id": "resp_1", "status": "cancelled"}},
}


@pytest.mark.parametrize("kind", ENDS)
def test_a_model_that_does_not_say_that_the_audio_is_over_leaves_nothing_of_it_out(call, kind):
    """What was held back comes before the end, and not with the next answer."""
    says_audio(call)
    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))

    call.says(kind, response_id="resp_1", **ENDS[kind])
    assert FlushDownlink() in call.fresh
    call.feed(events.DownlinkReady(converted(2.0, audio=b"REVG")))
    assert ["response.output_audio.delta", kind] == call.kinds


@pytest.mark.parametrize("kind", ENDS)
def test_the_end_of_another_ends_no_audio(call, kind):
    """Of an answer beside this one, or of another item."""
    call.begins("resp_2").begins_item("resp_2", "item_b")
    says_audio(call)
    other = {"item": {"id": "item_b", "type": "message"}, "response": {"id": "resp_2"}}
    [name] = ENDS[kind]
    call.says(kind, response_id="resp_2", **{name: other[name]})

    assert FlushDownlink() not in call.fresh


def test_half_a_sample_goes_with_the_next(call):
    says_audio(call, "AAAA")
    assert [ConvertDownlink(bytes(2))] == call.fresh

    says_audio(call, "AAAA")
    assert [ConvertDownlink(bytes(4))] == call.fresh


def test_audio_that_is_none_costs_itself_and_nothing_else(call):
    says_audio(call, "***")
    assert [] == call.fresh
    assert 1 == call.session.downlink.broken_pieces

    says_audio(call)
    call.says("rate_limits.updated")
    call.feed(events.DownlinkReady(Unusable(None)))
    assert ["rate_limits.updated"] == call.kinds


def test_the_model_is_read_no_further_while_much_waits(call):
    says_audio(call)
    for _ in range(70):
        call.says("rate_limits.updated")
    assert call.session.downlink.holds

    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))
    assert not call.session.downlink.holds


def test_a_model_that_is_lost_leaves_the_tail_in_its_place(call):
    says_audio(call)

    call.lost()
    assert [] == call.shown
    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))
    call.feed(events.DownlinkReady(converted(0.0, audio=b"REVG")))

    assert "response.output_audio.delta" == call.kinds[0]
    assert "response.output_item.done" == call.kinds[-1]


def test_the_client_does_not_choose_the_models_format(call):
    pcmu = {"format": {"type": "audio/pcmu"}}
    call.asks("session.update", session={"type": "realtime", "audio": {"output": pcmu}})

    assert {"output": {}} == call.sent[0]["session"]["audio"]


SPOKEN = "AAAA" * 160
ORDERS = {
    "session.update": {"session": {"type": "realtime", "instructions": "Be brief."}},
    "conversation.item.create": {"item": {"id": "item_n", **written("And now?")}},
    "conversation.item.retrieve": {"item_id": "item_q"},
    "conversation.item.truncate": {"item_id": "item_q", "content_index": 0, "audio_end_ms": 5},
    "conversation.item.delete": {"item_id": "item_q"},
    "response.create": {"response": {"instructions": "Answer."}},
    "response.cancel": {},
    "input_audio_buffer.clear": {},
}


@pytest.fixture
def speaker():
    """A client that speaks in another format than the model's, and has written something."""
    call = Call(source=AudioFormat("pcm16", 16_000, 1)).begun()
    item = {"id": "item_q", **written("What is it?")}
    call.asks("conversation.item.create", item=item)
    call.says("conversation.item.added", item=item, previous_item_id=None)
    call.says("conversation.item.done", item=item, previous_item_id=None)
    return call


def kinds_from(call, number):
    return [event["type"] for event in call.all_sent[number:]]


@pytest.mark.parametrize("is_back_first", [False, True])
def test_what_waits_behind_speech_is_sent_once_and_behind_it(speaker, is_back_first):
    """The model is lost meanwhile; the pool answers before the next one is there, or after."""
    speaker.asks("input_audio_buffer.append", audio=SPOKEN)
    for kind, fields in ORDERS.items():
        speaker.asks(kind, **fields)
    before = len(speaker.all_sent)
    speaker.loses_model()
    steps = [lambda: speaker.hears_back(20.0), speaker.finds_model]
    for step in steps if is_back_first else reversed(steps):
        step()
    speaker.feed(events.UplinkReady(converted(0.0, audio=b"")))  # the tail before the clear

    begun_and_told = ["session.update", "conversation.item.create"]
    there = [*begun_and_told, "input_audio_buffer.append", *ORDERS]
    assert there == kinds_from(speaker, before)


ASKED_AGAIN = [k for k in ORDERS if k not in {"response.cancel", "input_audio_buffer.clear"}]


@pytest.mark.parametrize("kind", ASKED_AGAIN)
def test_what_has_left_behind_speech_is_asked_again_of_each_next_model(speaker, kind):
    speaker.asks("input_audio_buffer.append", audio=SPOKEN).asks(kind, **ORDERS[kind])
    speaker.hears_back(20.0)
    for _ in range(2):
        before = len(speaker.all_sent)
        speaker.loses_model().finds_model()
        begun_and_told = ["session.update", "conversation.item.create"]
        there = [*begun_and_told, "input_audio_buffer.append", kind]
        assert there == kinds_from(speaker, before)


def test_what_waits_when_the_call_ends_is_said_but_for_the_audio(call):
    """Nothing of it comes back from the pool any more."""
    says_audio(call)
    call.says("rate_limits.updated")
    call.abandoned()

    assert "rate_limits.updated" in call.kinds
    assert "response.output_audio.delta" not in call.kinds
    assert call.did(ResetDownlink)


def test_the_last_of_one_item_comes_before_the_first_of_the_next(call):
    """Even if the model says nothing of an end."""
    says_audio(call)
    call.begins_item("resp_1", "item_b", 1)
    where = {"response_id": "resp_1", "item_id": "item_b", "output_index": 1, "content_index": 0}
    call.says("response.output_audio.delta", **where, delta="AAAA")

    assert [FlushDownlink(), ConvertDownlink(bytes(2))] == call.fresh


@pytest.mark.parametrize("letters", [70_000, 40_000])
def test_what_waited_is_no_reason_to_hold_the_model_when_it_has_gone(call, letters):
    """However much it was, and however often."""
    for _ in range(3):
        says_audio(call)
        for _ in range(2):
            call.says("response.new", text="x" * letters)
        assert call.session.downlink.holds
        call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))

        assert not call.session.downlink.holds


def test_who_finds_no_room_behind_speech_is_told_which_order_was_lost(speaker):
    """Though it is another event by which that is known."""
    speaker.lost()
    for _ in range(ORDERS_HELD):
        speaker.asks("conversation.item.create", item=written("Hello."), event_id="other")
    speaker.asks("input_audio_buffer.append", audio=SPOKEN)
    speaker.asks("conversation.item.create", item=written("Hello."), event_id="mine")
    assert [] == speaker.shown
    speaker.hears_back(20.0)

    assert ("server_busy", "mine") == (speaker.error["code"], speaker.error["event_id"])


def test_all_pieces_that_are_no_audio_are_counted(call):
    """Those of the model, and those of which the pool can make nothing."""
    for broken in range(1, 3):
        says_audio(call, "***")
        assert broken == call.session.downlink.broken_pieces
    for broken in range(3, 5):
        says_audio(call)
        call.feed(events.DownlinkReady(Unusable(None)))
        assert broken == call.session.downlink.broken_pieces
