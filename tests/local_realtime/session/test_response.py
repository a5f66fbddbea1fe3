"""Answers that come in pieces: sentences, and calls of functions."""

import pytest

from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.sound.audio import Sound

TONE = b"\x01\x02"
CALL_EVENTS = [
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
    assert call.done(end)["usage"]["output_tokens"] == 4 + 10


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

    assert kinds(events) == [*CALL_EVENTS, "response.done", "rate_limits.updated"]
    assert events[0]["item"]["arguments"] == ""
    assert "".join(e["delta"] for e in deltas) == done["arguments"] == WEATHER.arguments
    assert done["name"] == item["name"] == "get_weather"
    assert item["call_id"].startswith("call_")
    assert {e["call_id"] for e in [*deltas, done]} == {item["call_id"]}
    assert item["status"] == "completed"


def done(events):
    return next(event["response"] for event in events if event["type"] == "response.done")


ADDED, DONE = "response.output_item.added", "response.output_item.done"


def answered(asked, *pieces):
    """All that an answer of these pieces is told by."""
    call, response_id = asked
    events = []
    for piece in pieces:
        events += call.session.take(response_id, piece, call.now)
    return events + call.session.answered(response_id, call.now) + call.wait(1)


def test_what_is_said_before_a_call_is_said_first(asked):
    """A message and two calls: each is added before the one before it is done."""
    events = answered(asked, FIRST, WEATHER, FunctionCall("end_call", "{}"))
    items = [(e["type"], e["output_index"]) for e in events if "output_item" in e["type"]]
    said, *calls = done(events)["output"]

    assert items == [(ADDED, 0), (ADDED, 1), (DONE, 0), (ADDED, 2), (DONE, 1), (DONE, 2)]
    assert [said["phase"], *(item["type"] for item in calls)] == [
        "commentary",
        "function_call",
        "function_call",
    ]
    assert len({item["call_id"] for item in calls}) == 2


def test_a_commentary_is_told_as_recorded(asked, kinds):
    """Its phase is known at once, and it ends after the first of the call's arguments."""
    commentary = Answer("One moment. ", Sound(TONE * 600, 24_000), is_commentary=True)
    events = answered(asked, commentary, WEATHER)
    first = kinds(events).index("response.function_call_arguments.delta")

    assert events[0]["item"]["phase"] == "commentary"
    assert kinds(events)[first - 2 :] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_the_items_of_an_answer_stand_in_its_order(asked):
    """Each follows the one before it in the conversation, and the words come together."""
    call, _ = asked
    events = answered(asked, WEATHER, FIRST, SECOND)
    added = [e for e in events if e["type"] == "conversation.item.added"]
    first, second = done(events)["output"]

    assert [e["previous_item_id"] for e in added] == [None, first["id"]]
    assert second["content"] == [{"type": "output_audio", "transcript": "One two. Three."}]
    assert second["phase"] == "final_answer"
    assert call.send("conversation.item.retrieve", item_id=second["id"])[0]["item"]["status"] == (
        "completed"
    )


def test_one_call_at_a_time_if_told_so(new_call):
    """Without `parallel_tool_calls` the first is all there is."""
    call = new_call(pace=0)
    call.update(parallel_tool_calls=False)
    response_id = call.session.handle('{"type":"response.create"}', call.now)[-1].response_id
    events = answered((call, response_id), WEATHER, FunctionCall("end_call", "{}"))

    assert [item["name"] for item in done(events)["output"]] == ["get_weather"]


def test_an_older_model_names_no_phase(new_call):
    """Nor does it count reasoning."""
    call = new_call(model="gpt-realtime", pace=0)
    response_id = call.session.handle('{"type":"response.create"}', call.now)[-1].response_id
    response = done(answered((call, response_id), FIRST))

    assert "phase" not in response["output"][0]
    assert "reasoning_tokens" not in response["usage"]["output_token_details"]


def test_a_call_beyond_the_limit_is_not_to_be_made(new_call):
    """Its arguments end where the tokens do, and nobody is told that they are done."""
    call = new_call(pace=0)
    wanted = '{"type":"response.create","response":{"max_output_tokens":2}}'
    response_id = call.session.handle(wanted, call.now)[-1].response_id
    events = answered((call, response_id), WEATHER, FIRST)
    (item,) = done(events)["output"]

    assert (item["arguments"], item["status"]) == (WEATHER.arguments[:8], "incomplete")
    assert done(events)["status_details"]["reason"] == "max_output_tokens"
    assert "response.function_call_arguments.done" not in [e["type"] for e in events]


def test_a_cancelled_call_is_not_to_be_made(asked, kinds):
    """No `arguments.done`, and an item that is incomplete."""
    call, response_id = asked
    call.session.take(response_id, WEATHER, call.now)
    events = call.send("response.cancel")

    assert kinds(events)[:3] == [*CALL_EVENTS[4:], "response.done"]
    assert call.done(events)["output"][0]["status"] == "incomplete"
    assert not call.session.awaits(response_id)


def test_the_limit_counts_over_all_sentences(new_call, audio):
    """Twelve tokens are the first sentence, and a part of the second."""
    call = new_call(pace=0)
    wanted = '{"type":"response.create","response":{"max_output_tokens":12}}'
    response_id = call.session.handle(wanted, call.now)[-1].response_id
    for piece in (FIRST, SECOND, FIRST):
        call.session.take(response_id, piece, call.now)
    call.session.answered(response_id, call.now)
    events = call.wait(1)

    assert len(audio(events)) == 400 * 48
    assert said(events) == "One two. Thre"
    assert call.done(events)["status"] == "incomplete"
    assert call.done(events)["usage"]["output_tokens"] == 12


def test_a_failure_midway_ends_what_was_begun(asked, kinds):
    """The item is closed as incomplete, the response has failed."""
    call, response_id = asked
    call.session.take(response_id, FIRST, call.now)
    call.wait(1)
    events = call.session.unanswered(response_id, call.now) + call.wait(1)

    assert kinds(events) == call.SPOKEN_END
    assert call.done(events)["status"] == "failed"
    assert call.done(events)["output"][0]["status"] == "incomplete"
