"""Stories of answers: their pace, their end, and more than one at a time."""

import base64

import pytest

from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.sound.audio import Sound


def test_answer_comes_at_its_pace(call, audio, tone):
    """At ten times real time, two seconds are sent in 0.2."""
    call.turn_detection(None)
    call.append(tone(2000))
    call.send("input_audio_buffer.commit")
    call.send("response.create")
    half = call.wait(0.0951)

    assert len(audio(half)) == 1000 * 48
    assert len(audio(half + call.wait(0.2))) == 2000 * 48


def test_pace_of_zero_never_waits(new_call, audio, tone):
    """With pace 0 the whole answer is due at once."""
    call = new_call(pace=0)
    call.turn_detection(None)
    call.append(tone(2000))
    call.send("input_audio_buffer.commit")
    call.send("response.create")

    assert len(audio(call.wait(0))) == 2000 * 48


def test_client_cancels(call, kinds, tone):
    """`response.cancel` closes the answer; a second one finds nothing to cancel."""
    call.turn_detection(None)
    call.append(tone(5000))
    call.send("input_audio_buffer.commit")
    call.send("response.create")
    sent = call.wait(0.1)
    events = call.send("response.cancel")
    limits = call.wait(0.05)
    again = call.send("response.cancel", event_id="mine")

    assert kinds(events) + kinds(limits) == call.SPOKEN_END
    said = "".join(e["delta"] for e in sent if e["type"].endswith("transcript.delta"))
    assert events[1]["transcript"] == said
    assert call.done(events)["status_details"]["reason"] == "client_cancelled"
    assert call.error(again)["code"] == "response_cancel_not_active"
    assert call.error(again)["event_id"] == "mine"


def test_second_response_is_refused(call, tone):
    """One answer at a time in the conversation."""
    call.say("hello")
    first = call.send("response.create")
    refused = call.error(call.send("response.create"))

    assert refused["code"] == "conversation_already_has_active_response"
    assert first[0]["response"]["id"] in refused["message"]


def test_out_of_band_response_leaves_no_trace(call, kinds):
    """With `conversation: none` it runs beside the other, and no item is added."""
    call.say("hello")
    main = call.send("response.create")[0]["response"]["id"]
    wanted = {"conversation": "none", "output_modalities": ["text"], "metadata": {"topic": "x"}}
    events = call.send("response.create", response=wanted) + call.wait(5)

    beside = next(e["response"] for e in events if e["type"] == "response.created")
    own = [e for e in events if e.get("response_id") == beside["id"]]
    assert beside["conversation_id"] is None
    assert beside["metadata"] == {"topic": "x"}
    assert kinds(own)[0] == "response.output_item.added"
    assert kinds(own)[-1] == "response.output_item.done"
    ends = {e["response"]["id"]: e["response"] for e in events if e["type"] == "response.done"}
    assert set(ends) == {main, beside["id"]}
    refused = call.send("conversation.item.retrieve", item_id=ends[beside["id"]]["output"][0]["id"])
    assert call.error(refused)["code"] == "item_retrieve_invalid_item_id"


def test_out_of_band_responses_are_bounded(call):
    """The ninth beside the conversation is refused."""
    codes = [call.send("response.create", response={"conversation": "none"})[0] for _ in range(9)]

    assert [e["type"] for e in codes] == ["response.created"] * 8 + ["error"]
    assert codes[-1]["error"]["code"] == "rate_limit_exceeded"


def test_failed_answer_ends_the_response(call):
    """A responder that raises makes `response.done` with status failed, and another may follow."""
    created = call.session.handle('{"type":"response.create"}', 100.0)
    events = call.session.unanswered(created[1].response_id, 100.0)

    assert [e["type"] for e in events] == ["response.done"]
    assert [e["type"] for e in call.wait(0.05)] == ["rate_limits.updated"]
    assert call.done(events)["status"] == "failed"
    assert call.done(events)["status_details"]["error"]["code"] == "server_error"
    assert call.send("response.create")[0]["type"] == "response.created"


def test_answer_after_cancel_is_ignored(call):
    """An answer that comes too late says nothing."""
    created = call.session.handle('{"type":"response.create"}', 100.0)
    cancelled = call.send("response.cancel")

    assert [e["type"] for e in cancelled] == ["response.done"]
    assert [e["type"] for e in call.wait(0.05)] == ["rate_limits.updated"]
    assert call.done(cancelled)["output"] == []
    late = Answer("too late", Sound(bytes(4800), 24_000))
    assert call.session.take(created[1].response_id, late, 100.0) == []
    assert call.session.unanswered(created[1].response_id, 100.0) == []


def test_truncate_during_the_answer(call, tone):
    """What the client has heard of an answer in progress counts once the answer is over."""
    call.turn_detection(None)
    call.append(tone(5000))
    call.send("input_audio_buffer.commit")
    item_id = call.send("response.create")[1]["item"]["id"]
    call.wait(0.095)
    where = {"item_id": item_id, "content_index": 0}
    refused = call.error(call.send("conversation.item.truncate", **where, audio_end_ms=1001))
    call.send("conversation.item.truncate", **where, audio_end_ms=400)
    call.send("response.cancel")
    (retrieved,) = call.send("conversation.item.retrieve", item_id=item_id)

    assert refused["code"] == "invalid_value"
    assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 400 * 48


def test_deleting_the_answer_in_progress_does_no_harm(call, kinds):
    """The response ends as usual."""
    call.say("hello")
    item_id = call.send("response.create")[1]["item"]["id"]
    deleted = call.send("conversation.item.delete", item_id=item_id)

    assert kinds(deleted) == ["conversation.item.deleted"]
    assert kinds(call.wait(5))[-7:] == call.SPOKEN_END


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_telephone_formats_are_echoed_exactly(call, audio, law):
    """G.711 in and out is the same bytes, in a manual turn."""
    call.turn_detection(None)
    call.update(audio={"input": {"format": {"type": law}}, "output": {"format": {"type": law}}})
    said = bytes(range(128, 256)) * 20
    call.send("input_audio_buffer.append", audio=base64.b64encode(said).decode())
    call.send("input_audio_buffer.commit")
    call.send("response.create")

    assert audio(call.wait(2)) == said


def test_items_are_shown_in_the_formats_of_the_session(call):
    """The user's in that of the input, the answer in that of the output, as they were sent."""
    call.turn_detection(None)
    law = {"format": {"type": "audio/pcmu"}}
    call.update(audio={"input": law, "output": law})
    said = base64.b64encode(bytes(range(128, 256)) * 20).decode()
    call.send("input_audio_buffer.append", audio=said)
    heard_id = call.send("input_audio_buffer.commit")[0]["item_id"]
    call.send("response.create")
    answer_id = call.done(call.wait(2))["output"][0]["id"]
    shown = [
        call.send("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"][0]["audio"]
        for item_id in (heard_id, answer_id)
    ]

    assert shown == [said, said]


def test_formats_may_differ(call, audio, tone):
    """24 kHz in and 8 kHz out: a third of the samples."""
    call.turn_detection(None)
    call.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    call.append(tone(1000))
    call.send("input_audio_buffer.commit")
    call.send("response.create")

    assert len(audio(call.wait(2))) == 8000


def test_max_output_tokens_cuts_the_answer(call, audio, tone):
    """Words and sound get their share of ten tokens, and the response says why it ended."""
    call.turn_detection(None)
    call.append(tone(2000))
    call.send("input_audio_buffer.commit")
    call.send("response.create", response={"max_output_tokens": 10})
    events = call.wait(2)

    assert len(audio(events)) == 450 * 48
    assert call.done(events)["status"] == "incomplete"
    assert call.done(events)["status_details"]["reason"] == "max_output_tokens"
    assert call.done(events)["usage"]["output_tokens"] == 10


def test_the_voice_of_a_response_is_fixed_too(call):
    """By the first sound of the session, and as a whole: nothing is started."""
    other = {"audio": {"output": {"voice": "ash"}}}
    call.say("hello")
    call.send("response.create")
    call.wait(5)
    refused = call.error(call.send("response.create", response=other))

    assert (refused["code"], refused["param"]) == ("cannot_update_voice", None)


def test_a_call_alone_fixes_no_voice(call):
    """There was no sound yet."""
    created = call.session.handle('{"type":"response.create"}', call.now)
    call.session.take(created[-1].response_id, FunctionCall("f", "{}"), call.now)

    assert call.update(audio={"output": {"voice": "ash"}})[0]["type"] == "session.updated"


def test_the_speed_changes_between_answers_only(call):
    """And is refused with everything else in that update."""
    call.say("hello")
    call.send("response.create")
    during = call.error(call.update(audio={"output": {"speed": 1.5}}))
    call.wait(5)
    after = call.update(audio={"output": {"speed": 1.5}})

    assert during["param"] == "session.audio.output.speed"
    assert after[0]["session"]["audio"]["output"]["speed"] == 1.5


def test_a_conversation_too_long_for_the_model_loses_its_beginning(call):
    """By default; the items themselves stay."""
    call.update(output_modalities=["text"])
    first = call.say("x" * 300_000)[0]["item"]["id"]
    call.say("y" * 300_000)
    call.send("response.create")
    usage = call.done(call.wait(0.1) + call.send("response.cancel"))["usage"]

    assert 75_000 <= usage["input_tokens"] < 76_000
    assert call.send("conversation.item.retrieve", item_id=first)[0]["item"]["id"] == first


def test_without_truncation_a_conversation_too_long_is_refused(call):
    """One error, and nothing starts."""
    call.update(truncation="disabled")
    call.say("x" * 400_000)
    refused = call.error(call.send("response.create"))

    assert refused["code"] == "context_length_exceeded"
    assert "100000 tokens" in refused["message"]
