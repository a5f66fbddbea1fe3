"""A client that conducts: what it asks goes on as it is, and so does what the model says."""

import json

import pytest

from tests.session.relaying.call import SECRET, TOOL, Call
from tornado_app.admission.quotas import QuotaUse
from tornado_app.protocol.close import BYE
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.overhearing import overhear
from tornado_app.session import events
from workers.formats import AudioFormat


@pytest.fixture
def call():
    return Call().begun()


def test_a_call_begins_with_the_session_as_it_is_in_force_and_nothing_of_the_operator(call):
    (created,) = [event for event in call.all_shown if event["type"] == "session.created"]

    assert "sess_1" == created["session"]["id"]
    assert "" == created["session"]["instructions"]
    assert SECRET in json.dumps(call.all_sent[0])
    assert SECRET not in json.dumps(call.all_shown)


def test_nothing_is_said_that_the_api_has_no_event_for(call):
    assert ["session.created"] == [event["type"] for event in call.all_shown]


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "conversation.item.retrieve", "item_id" :"item_1",  "event_id":"e"}',
        '{"type":"response.cancel"}',
        '{ "type":"output_audio_buffer.clear" }',
    ],
)
def test_an_event_that_nothing_has_to_be_changed_of_passes_byte_for_byte(call, text):
    (order,) = call.asks_text(text).orders

    assert text.encode() == encode_order(order)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "something.new",  "x": 1e400}',
        '{"type":"rate_limits.updated","rate_limits":[]}',
        '{"type":"input_audio_buffer.timeout_triggered","item_id":"i"}',
        '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAAA"}',
    ],
)
def test_what_the_model_says_passes_byte_for_byte(call, text):
    call.begins("r")
    call.feed(events.UpstreamSaid(overhear(text)))

    (command,) = call.fresh
    assert text == command.message.text


def test_audio_is_not_decoded_and_not_answered(call):
    call.asks("input_audio_buffer.append", audio="QUJD" * 100)

    assert [{"type": "input_audio_buffer.append", "audio": "QUJD" * 100}] == call.sent
    assert [] == call.shown


def test_audio_of_an_answer_is_counted(call):
    """It is in the figures of the call, however it comes."""
    call.begins("resp_1").begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "Yes.")

    totals = call.session.totals()
    assert (1, 1000.0) == (totals.pieces, totals.answered_ms)


def test_audio_goes_by_the_name_that_the_client_gave_it_or_by_none(call):
    for name, sent in (("mine", {"event_id": "mine"}), ("parley_session", {})):
        call.asks("input_audio_buffer.append", audio="***", event_id=name)
        assert [{"type": "input_audio_buffer.append", "audio": "***", **sent}] == call.sent

    call.says("error", error={"code": "invalid_value", "message": "No.", "event_id": "mine"})
    assert "mine" == call.error["event_id"]


def test_audio_of_another_format_goes_through_the_pool_and_what_is_behind_it_waits():
    call = Call(source=AudioFormat("pcm16", 48_000, 1)).begun()

    call.asks("input_audio_buffer.append", audio="QUJD" * 1600)
    call.asks("input_audio_buffer.commit", event_id="mine")
    call.asks("response.create")
    assert [] == call.sent

    call.hears_back(100.0)
    assert ["input_audio_buffer.append"] == [each["type"] for each in call.sent]
    call.hears_back(0.0)
    assert [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ] == [each["type"] for each in call.sent]
    assert "mine" == call.sent[1]["event_id"]


@pytest.mark.parametrize("name", ["mine", "parley_session", "parley_answer_1", "parley_tool_1"])
def test_an_error_bears_the_name_that_the_client_gave(call, name):
    call.asks("conversation.item.retrieve", item_id="nope", event_id=name)
    sent_as = call.sent[0]["event_id"]
    error = {"type": "invalid_request_error", "code": "item_retrieve_invalid_item_id"}
    call.says("error", error={**error, "message": "No such item.", "event_id": sent_as})

    assert name == call.error["event_id"]
    assert "item_retrieve_invalid_item_id" == call.error["code"]
    assert not call.session.ended


@pytest.mark.parametrize("kind", ["response.cancel", "output_audio_buffer.clear"])
def test_a_client_cannot_pass_for_the_gateway(kind):
    """By the name of an order whose refusal would end the session, and be the operator's fault."""
    call = Call().begun().asks(kind, event_id="parley_session")
    sent_as = call.sent[0]["event_id"]
    call.says("error", error={"code": "x", "message": "No.", "event_id": sent_as})

    assert "parley_session" == call.error["event_id"]
    assert not call.session.ended


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"session.updated","session":{"instructions":"\\ud83d"}}',
        '{"type":"response.created","response":{"id":"r","metadata":{"k":"\\ud83d"}}}',
        '{"type":"response.done","response":{"id":"r","instructions":"\\ud83d"}}',
    ],
)
def test_half_of_a_character_of_the_models_ends_no_call(call, text):
    call.says_text(text)

    assert not call.session.ended
    assert text[9:20] in json.dumps(call.shown).replace(" ", "")


def test_an_error_bears_no_name_that_the_client_has_not_given(call):
    call.asks("conversation.item.create", item=written("hello"))
    sent_as = call.sent[0]["event_id"]
    call.says("error", error={"code": "x", "message": "No.", "event_id": sent_as})

    assert call.error["event_id"] is None


@pytest.mark.parametrize(
    "message",
    [
        f"Invalid value: '{SECRET}'.",
        f"... {SECRET[20:60]} ...",
        "Tool 'secret_lookup' is no function.",
        "Incorrect API key provided: sk-abc.",
    ],
)
def test_an_error_that_repeats_what_is_hidden_is_said_in_other_words(message):
    call = Call(tools=(TOOL,)).begun()

    call.says("error", error={"code": "invalid_value", "message": message})

    assert "invalid_value" == call.error["code"]
    assert "The model refused this." == call.error["message"]


@pytest.mark.parametrize("has_tool", [False, True])
@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"Invalid value: '{SECRET}'.", "The model refused this."),
        ("Tool 'secret_lookup' is no function.", "The model refused this."),
        ("The server had an error.", "The server had an error."),
    ],
)
def test_so_is_that_of_an_answer_that_has_failed(message, shown, has_tool):
    """Be it shown as the model says it, or put together of several."""
    call = Call(tools=(TOOL,)).begun().asks("response.create").begins("resp_1")
    if has_tool:
        call.calls("resp_1", "item_s", "call_s", TOOL.name)
    error = {"type": "server_error", "code": "server_error", "message": message}
    call.ends("resp_1", status="failed", status_details={"type": "failed", "error": error})

    (response,) = [e["response"] for e in call.shown if e["type"] == "response.done"]
    details = {"type": "failed", "error": {**error, "message": shown}}
    assert details == response["status_details"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"Invalid value: '{SECRET}'.", "The model refused this."),
        ("Not understood.", "Not understood."),
    ],
)
def test_so_is_that_of_words_that_were_not_written_down(call, message, shown):
    error = {"type": "server_error", "code": "x", "message": message, "param": None}
    where = {"item_id": "item_1", "content_index": 0}
    call.says("conversation.item.input_audio_transcription.failed", **where, error=error)

    assert [{**error, "message": shown}] == [event["error"] for event in call.shown]


def test_an_error_keeps_its_words_where_a_tool_is_called_as_a_part_of_one():
    call = Call(tools=(Function("can", "Opens it.", {"type": "object"}, 5.0),)).begun()
    message = "Cancellation failed: no active response found"

    call.says("error", error={"code": "response_cancel_not_active", "message": message})

    assert message == call.error["message"]


@pytest.mark.parametrize("field", ["instructions", "tools"])
@pytest.mark.parametrize("kind", ["response.created", "response.done"])
def test_an_answer_that_says_what_it_was_made_with_is_shown_without(kind, field):
    call = Call(tools=(TOOL,)).begun()
    told = {"instructions": SECRET, "tools": [{"type": "function", "name": TOOL.name}]}

    call.says(kind, response={"id": "r", "status": "completed", field: told[field]})

    assert "OYSTER" not in json.dumps(call.shown)
    assert TOOL.name not in json.dumps(call.shown)


def test_a_binary_frame_is_refused_in_words(call):
    call.feed(events.ClientAudio(b"\x00\x00"))

    assert "invalid_event" == call.error["code"]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("response.cancel", {}), ("conversation.item.retrieve", {"item_id": "item_1"})],
)
def test_an_empty_name_is_one(call, kind, fields):
    call.asks(kind, **fields, event_id="")
    (sent,) = call.sent
    call.says("error", error={"code": "x", "message": "no", "event_id": sent["event_id"]})

    assert "" == call.error["event_id"]


def test_a_client_that_sends_too_fast_is_read_later_and_told_nothing():
    call = Call(messages_per_s=1.0, message_burst=2.0).begun()

    for _ in range(4):
        call.asks("input_audio_buffer.clear")

    assert 4 == sum(each["type"] == "input_audio_buffer.clear" for each in call.all_sent)
    assert ["session.created"] == [event["type"] for event in call.all_shown]
    assert any(type(command).__name__ == "PauseClient" for command in call.all)


def test_what_is_asked_before_the_model_is_there_is_kept_for_it():
    call = Call()
    call.opened()
    call.asks("conversation.item.create", item=written("hello"))
    assert [] == call.sent

    call.begun()

    assert "conversation.item.create" == call.sent[-1]["type"]


def test_the_end_of_a_call_leaves_nothing(call):
    call.asks("conversation.item.create", item=written("hello"))
    call.feed(events.Stop(BYE))

    call.check()


def written(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def test_nothing_is_answered_any_more_when_a_quota_is_used_up(call):
    """What is asked is refused, what the model begins by itself is stopped; what runs goes on."""
    call.begins("resp_1")
    use = QuotaUse("money_per_user_per_day", 2.0, 1.0, 1_800_000_100_000)
    call.feed(events.Metered((use,)))
    assert ["insufficient_quota"] == [each["error"]["code"] for each in call.shown]
    assert [] == call.sent
    call.asks("response.create")
    assert ["insufficient_quota"] == [each["error"]["code"] for each in call.shown]
    assert [] == call.sent
    call.ends("resp_1")
    call.begins("resp_2")
    assert [("response.cancel", "resp_2")] == [(e["type"], e["response_id"]) for e in call.sent]


def test_audio_that_is_written_unusually_is_audio_and_keeps_the_name_it_has_or_none(call):
    """With an escape, and its type behind it."""
    text = '{"audio":"QUJD\\/w==","type":"input_audio_buffer.append"%s}'
    audio = {"type": "input_audio_buffer.append", "audio": "QUJD/w=="}

    assert [audio] == call.asks_text(text % "").sent
    assert [{**audio, "event_id": "mine"}] == call.asks_text(text % ',"event_id":"mine"').sent


def test_an_event_that_waits_its_turn_counts_with_its_text_and_its_fields():
    """Both are there: the call may hold so much and no more."""
    call = Call(source=AudioFormat("pcm16", 48_000, 1)).begun()
    call.asks("input_audio_buffer.append", audio="QUJD" * 1600)
    item = written("x" * 50_000)
    text = json.dumps({"type": "conversation.item.create", "item": item})
    before = call.budget.held_bytes
    call.asks_text(text)
    assert 2 * len(text) < call.budget.held_bytes - before < 3 * len(text)

    call.hears_back(100.0)
    assert item == call.sent[-1]["item"]
    assert before + len(text) > call.budget.held_bytes


@pytest.mark.parametrize("kind", ["input_audio_buffer.commit", "input_audio_buffer.clear"])
@pytest.mark.parametrize("name", ["mine", "parley_session"])
def test_who_marks_its_speech_is_told_by_its_own_name_that_the_model_refuses(call, kind, name):
    call.asks(kind, event_id=name)
    sent_as = call.sent[0]["event_id"]
    call.says("error", error={"code": "x", "message": "No.", "event_id": sent_as})

    assert name == call.error["event_id"]


def test_that_a_session_has_expired_is_no_error_of_the_clients(call):
    """The close that follows is mended, and the client goes on."""
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "60 minutes."}
    assert [] == call.says("error", error=error).shown
    assert not call.session.ended
