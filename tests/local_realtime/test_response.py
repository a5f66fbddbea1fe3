"""Answers that come in pieces: sentences, and calls of functions."""

import pytest

from local_realtime.audio import Sound
from local_realtime.responder import Answer, FunctionCall

TONE = b"\x01\x02"
CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
]
FIRST, SECOND = (Answer(text, Sound(TONE * 6000, 24_000)) for text in ("One two. ", "Three."))
WEATHER = FunctionCall("get_weather", '{"city": "Paris"}')


@pytest.fixture
def asked(new_call):
    """A call with a response that waits for its answer, and the id of that response."""
    call = new_call(pace=0)
    created = call.session.handle('{"type":"response.create"}', call.now)
    return call, created[-1].response_id


def said(events):
    return "".join(e["delta"] for e in events if e["type"].endswith("transcript.delta"))


def test_the_first_sentence_is_sent_before_the_second_is_there(asked, audio, kinds):
    """Then nothing is due until more comes; the end is the end of the answer."""
    call, response_id = asked
    call.session.take(response_id, FIRST, call.now)
    first = call.wait(1)
    call.session.take(response_id, SECOND, call.now)
    second = call.wait(1)
    call.session.answered(response_id, call.now)
    end = call.wait(1)

    assert [said(first), said(second)] == ["One two. ", "Three."]
    assert [len(audio(first)), len(audio(second))] == [12_000, 12_000]
    assert kinds(end) == call.SPOKEN_END
    assert end[1]["transcript"] == "One two. Three."
    assert call.done(end)["usage"]["output_token_details"] == {"text_tokens": 4, "audio_tokens": 10}


def test_sentences_are_sent_at_the_pace_of_their_sound(new_call, audio):
    """A short last piece takes only its own time, so that real time has no holes."""
    call = new_call(pace=1.0)
    created = call.session.handle('{"type":"response.create"}', call.now)
    for piece in (FIRST, SECOND):
        call.session.take(created[-1].response_id, piece, call.now)

    assert len(audio(call.wait(0.49))) == 2 * 12_000


def test_a_call_has_the_order_of_the_api(asked, kinds):
    """Its arguments come in deltas; the done response holds the call."""
    call, response_id = asked
    events = call.session.take(response_id, WEATHER, call.now)
    events += call.session.answered(response_id, call.now) + call.wait(1)
    deltas = [e for e in events if e["type"].endswith("arguments.delta")]
    done = next(e for e in events if e["type"].endswith("arguments.done"))
    (item,) = call.done(events)["output"]

    assert kinds(events) == [*CALL, "response.done", "rate_limits.updated"]
    assert events[0]["item"]["arguments"] == ""
    assert "".join(e["delta"] for e in deltas) == done["arguments"] == WEATHER.arguments
    assert done["name"] == item["name"] == "get_weather"
    assert item["call_id"].startswith("call_")
    assert {e["call_id"] for e in [*deltas, done]} == {item["call_id"]}
    assert item["status"] == "completed"


def test_what_is_said_before_a_call_is_said_first(asked):
    """A message and two calls, one after the other."""
    call, response_id = asked
    events = []
    for piece in (FIRST, WEATHER, FunctionCall("end_call", "{}")):
        events += call.session.take(response_id, piece, call.now)
    events += call.session.answered(response_id, call.now) + call.wait(1)
    items = [(e["type"], e["output_index"]) for e in events if "output_item" in e["type"]]

    kinds = ("response.output_item.added", "response.output_item.done")
    assert items == [(kind, index) for index in range(3) for kind in kinds]
    assert [i["type"] for i in call.done(events)["output"]] == ["message"] + 2 * ["function_call"]


def test_a_cancelled_call_is_not_to_be_made(asked, kinds):
    """No `arguments.done`, and an item that is incomplete."""
    call, response_id = asked
    call.session.take(response_id, WEATHER, call.now)
    events = call.send("response.cancel")

    assert kinds(events)[:3] == [*CALL[4:], "response.done"]
    assert call.done(events)["output"][0]["status"] == "incomplete"
    assert not call.session.awaits(response_id)


def test_the_limit_counts_over_all_sentences(new_call, audio):
    """Seven tokens are 350 ms: the first sentence, and a part of the second."""
    call = new_call(pace=0)
    wanted = '{"type":"response.create","response":{"max_output_tokens":7}}'
    response_id = call.session.handle(wanted, call.now)[-1].response_id
    for piece in (FIRST, SECOND, FIRST):
        call.session.take(response_id, piece, call.now)
    call.session.answered(response_id, call.now)
    events = call.wait(1)

    assert len(audio(events)) == 350 * 48
    assert call.done(events)["status"] == "incomplete"


def test_a_failure_midway_ends_what_was_begun(asked, kinds):
    """The item is closed as incomplete, the response has failed."""
    call, response_id = asked
    call.session.take(response_id, FIRST, call.now)
    call.wait(1)
    events = call.session.unanswered(response_id, call.now)

    assert kinds(events) == call.SPOKEN_END
    assert call.done(events)["status"] == "failed"
    assert call.done(events)["output"][0]["status"] == "incomplete"
