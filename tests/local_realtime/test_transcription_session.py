"""Stories of a session that only transcribes."""

import pytest

from local_realtime.responders.echo import Echo
from local_realtime.session.session_kinds import TRANSCRIPTION

ASR = "conversation.item.input_audio_transcription"
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    f"{ASR}.delta",
    f"{ASR}.completed",
]


class Hearing(Echo):
    """Understands one word more for every second."""

    async def overhear(self, sound):
        return " ".join(["word"] * (1 + int(sound.seconds)))

    async def transcribe(self, sound):
        return f"{await self.overhear(sound)}."


@pytest.fixture
def scribe(new_call):
    """A transcription session."""
    return new_call(None, kind=TRANSCRIPTION)


def update(call, include=None, **audio_input):
    session = {"type": "transcription", "audio": {"input": audio_input}, "include": include}
    return call.send("session.update", session=session)


def test_it_opens_with_what_it_hears_and_nothing_else(scribe):
    """As recorded from the API: no model, no voice, a turn detection that answers nothing."""
    session = scribe.created["session"]

    assert session.pop("id").startswith("sess_")
    assert session == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "expires_at": 1_003_600,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                },
            }
        },
        "include": None,
    }


def test_speech_becomes_an_item_and_a_transcript(scribe, kinds, speech, silence):
    """And never an answer, nor a word of rate limits."""
    (updated,) = update(scribe, transcription={"model": "gpt-transcribe"})
    events = scribe.append(speech("amiable") + silence(600)) + scribe.wait(100)

    heard = updated["session"]["audio"]["input"]
    assert heard["transcription"] == {
        "model": "gpt-transcribe",
        "language": None,
        "prompt": None,
    }
    assert kinds(events) == TURN
    assert len({event["item_id"] for event in events if "item_id" in event}) == 1


def test_a_session_without_a_transcription_model_tells_no_words(scribe, kinds, speech, silence):
    """Turns are found all the same."""
    assert kinds(scribe.append(speech("amiable") + silence(600))) == TURN[:-2]


def test_a_streaming_model_tells_words_before_the_commit(scribe, kinds, tone):
    """Of the item that the commit will make; the next one has another id."""
    scribe.responder = Hearing()
    update(scribe, transcription={"model": "gpt-live-transcribe"}, turn_detection=None)
    spoken = scribe.append(tone(3000))
    committed = scribe.send("input_audio_buffer.commit")
    item_ids = {event["item_id"] for event in [*spoken, committed[0], *committed[3:]]}
    deltas = [e["delta"] for e in [*spoken, *committed] if e["type"] == f"{ASR}.delta"]
    following = scribe.append(tone(3000))

    assert kinds(spoken) == [f"{ASR}.delta"]
    assert kinds(committed) == TURN[2:]
    assert len(item_ids) == 1
    assert "".join(deltas) == committed[-1]["transcript"] == "word word word word."
    assert {event["item_id"] for event in following}.isdisjoint(item_ids)


def test_a_cleared_take_is_not_the_next_item(scribe, tone):
    """What was told of it stays without an end, as with the API."""
    scribe.responder = Hearing()
    update(scribe, transcription={"model": "gpt-realtime-whisper"}, turn_detection=None)
    dropped = scribe.append(tone(3000))[0]["item_id"]
    scribe.send("input_audio_buffer.clear")
    scribe.append(tone(200))

    assert scribe.send("input_audio_buffer.commit")[0]["item_id"] != dropped


@pytest.mark.parametrize("model", ["gpt-live-transcribe", "gpt-realtime-whisper"])
def test_a_streaming_model_has_no_turn_detection(scribe, model):
    """It has to be turned off in words, and the update is refused whole."""
    refused = scribe.error(update(scribe, transcription={"model": model}))
    (after,) = update(scribe)
    (accepted,) = update(scribe, transcription={"model": model}, turn_detection=None)

    assert refused["message"].startswith("Turn detection is not supported for this transcription")
    assert after["session"]["audio"]["input"]["transcription"] is None
    assert accepted["session"]["audio"]["input"]["turn_detection"] is None


def completed(call, model, tone, **session):
    """The last events of a turn of two and a half seconds."""
    update(call, transcription={"model": model}, turn_detection=None, **session)
    call.append(tone(2500))
    return call.send("input_audio_buffer.commit")[3:]


def test_usage_is_told_as_the_model_is_billed(scribe, tone):
    """By seconds, or by tokens."""
    seconds = completed(scribe, "whisper-1", tone)[-1]["usage"]
    tokens = completed(scribe, "gpt-4o-transcribe", tone)[-1]["usage"]

    assert seconds == {"type": "duration", "seconds": 3}
    assert (tokens["type"], tokens["input_tokens"]) == ("tokens", 25)


def test_probabilities_are_not_made_up(scribe, tone):
    """Who asks for them is told that there are none."""
    include = ["item.input_audio_transcription.logprobs"]
    with_them = completed(scribe, "whisper-1", tone, include=include)
    without = completed(scribe, "whisper-1", tone)

    assert [event["logprobs"] for event in with_them] == [None, None]
    assert all("logprobs" not in event for event in without)


def test_speakers_are_not_told_apart(scribe, tone):
    """The diarising model hears one of them, all the time."""
    *_, segment, done = completed(scribe, "gpt-4o-transcribe-diarize", tone)

    assert segment["type"] == f"{ASR}.segment"
    assert (segment["start"], segment["end"], segment["speaker"]) == (0.0, 2.5, "A")
    assert segment["text"] == done["transcript"]


def test_no_language_is_made_up(scribe, tone):
    """The model that names languages names none, as if none was certain."""
    assert completed(scribe, "gpt-transcribe", tone)[-1]["languages"] == []


REFUSED = {
    "answer": ({"type": "response.create"}, "invalid_value", "type"),
    "cancel": ({"type": "response.cancel"}, "invalid_value", "type"),
    "item": ({"type": "conversation.item.create", "item": {}}, "invalid_value", "type"),
    "other type": (
        {"type": "session.update", "session": {"type": "realtime"}},
        "invalid_parameter",
        "session.type",
    ),
    "no type": (
        {"type": "session.update", "session": {}},
        "missing_required_parameter",
        "session.type",
    ),
    "instructions": (
        {"type": "session.update", "session": {"type": "transcription", "instructions": "x"}},
        "unknown_parameter",
        "session.instructions",
    ),
    "voice": (
        {
            "type": "session.update",
            "session": {"type": "transcription", "audio": {"output": {"voice": "ash"}}},
        },
        "unknown_parameter",
        "session.audio.output",
    ),
    "answers of its own": (
        {
            "type": "session.update",
            "session": {
                "type": "transcription",
                "audio": {"input": {"turn_detection": {"create_response": True}}},
            },
        },
        "unknown_parameter",
        "session.audio.input.turn_detection.create_response",
    ),
    "short commit": (
        {"type": "input_audio_buffer.commit"},
        "input_audio_buffer_commit_empty",
        None,
    ),
}


@pytest.mark.parametrize(("event", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_answered_is_refused(scribe, event, code, param):
    """One error, and the session goes on."""
    refused = scribe.error(scribe.send(event.pop("type"), **event))

    assert (refused["code"], refused["param"]) == (code, param)
    assert update(scribe)[0]["type"] == "session.updated"


def test_the_refusal_of_an_answer_says_what_there_is(scribe):
    """Only what may be sent in this kind of session is listed."""
    message = scribe.error(scribe.send("response.create"))["message"]

    assert "'input_audio_buffer.commit'" in message
    assert "'response.create'" not in message


def test_its_items_can_be_read_and_deleted(scribe, tone):
    """Though none can be put in."""
    update(scribe, turn_detection=None)
    scribe.append(tone(200))
    item_id = scribe.send("input_audio_buffer.commit")[0]["item_id"]

    assert (
        "audio"
        in scribe.send("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"][0]
    )
    assert scribe.send("conversation.item.delete", item_id=item_id)[0]["item_id"] == item_id


def test_it_ends_after_an_hour(scribe):
    """As every session does."""
    (event,) = scribe.wait(3601)

    assert event["error"]["code"] == "session_expired"
    assert scribe.closed.code == 1001
