"""Stories of one session, told as the sequence diagrams of the API."""

import base64

from local_realtime.session.session_kinds import AZURE_REALTIME

SPOKEN_DELTAS = {"response.output_audio.delta", "response.output_audio_transcript.delta"}
USER_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


def test_opening_shows_the_default_session(call):
    """The first event is `session.created` with an hour to go."""
    session = call.created["session"]

    assert call.created["type"] == "session.created"
    assert session["model"] == "test-model"
    assert session["expires_at"] == 1_003_600
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_update_is_echoed_whole(call):
    """`session.updated` shows what was changed and what was not."""
    (event,) = call.update(instructions="Be brief.")

    assert event["type"] == "session.updated"
    assert event["session"] == {**call.created["session"], "instructions": "Be brief."}


def test_spoken_turn_is_echoed(call, kinds, audio, speech, silence):
    """Speech, then silence, gives one user item and an answer of exactly the committed audio."""
    said = silence(500) + speech("amiable") + silence(1000)
    events = call.append(said) + call.wait(10)

    names = kinds(events)
    middle = names[len(USER_TURN) + len(call.ANSWER) : -len(call.SPOKEN_END)]
    assert names[: len(USER_TURN)] == USER_TURN
    assert names[len(USER_TURN) :][: len(call.ANSWER)] == call.ANSWER
    assert set(middle) == SPOKEN_DELTAS
    assert middle[0] == "response.output_audio_transcript.delta"
    assert names[-len(call.SPOKEN_END) :] == call.SPOKEN_END
    start_ms, end_ms = events[0]["audio_start_ms"], events[1]["audio_end_ms"]
    assert audio(events) == said[start_ms * 48 : end_ms * 48]
    assert len({event["item_id"] for event in events[:3]} | {events[3]["item"]["id"]}) == 1
    assert call.done(events)["status"] == "completed"


def test_manual_turn_is_echoed_whole(call, kinds, audio, tone):
    """Without turn detection a commit and a `response.create` may be pipelined."""
    call.turn_detection(None)
    said = tone(730)
    appended = call.append(said)
    committed = call.send("input_audio_buffer.commit")
    events = call.send("response.create") + call.wait(2)

    assert appended == []
    assert kinds(committed) == USER_TURN[2:]
    assert committed[1]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert kinds(events)[:4] == call.ANSWER
    assert kinds(events)[-7:] == call.SPOKEN_END
    assert audio(events) == said
    assert events[2]["previous_item_id"] == committed[0]["item_id"]


def test_text_turn_is_answered_with_text(call, kinds):
    """Text output has its own deltas and a finished item of `output_text`."""
    call.update(output_modalities=["text"])
    created = call.say("how are you")
    events = call.send("response.create") + call.wait(2)

    assert kinds(created) == ["conversation.item.added", "conversation.item.done"]
    assert kinds(events) == [
        *call.ANSWER,
        "response.output_text.delta",
        "response.output_text.done",
        *call.SPOKEN_END[2:],
    ]
    assert events[3]["part"] == {"type": "text", "text": ""}
    deltas = [e for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(e["delta"] for e in deltas) == "You wrote: how are you"
    assert all(len(e["delta"]) + len(e["obfuscation"]) == 16 for e in deltas)
    item = {"type": "output_text", "text": "You wrote: how are you"}
    assert call.done(events)["output"][0]["content"] == [item]


def test_text_turn_is_spoken_as_beeps(call, audio):
    """One beep and pause of 120 ms in all for each word."""
    call.say("how are you")
    events = call.send("response.create") + call.wait(2)

    assert len(audio(events)) == 3 * 120 * 48


def test_speech_interrupts_the_answer(call, kinds, speech, silence):
    """Barge-in closes the answer as incomplete right after `speech_started`."""
    call.append(speech("amiable") + silence(600))
    call.wait(0.1)
    events = call.append(speech("selfish")[: 48 * 600])

    followed = kinds(events) + kinds(call.wait(0.05))
    assert followed == ["input_audio_buffer.speech_started", *call.SPOKEN_END]
    response = call.done(events)
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"]["audio_tokens"] > 0


def test_speech_does_not_interrupt_if_told_so(call, kinds, speech, silence):
    """Without `interrupt_response` the answer goes on, and the next turn's is refused openly."""
    call.turn_detection({"type": "server_vad", "interrupt_response": False})
    call.append(speech("amiable") + silence(600))
    call.wait(0.1)
    events = call.append(speech("amiable") + silence(600))

    assert kinds(events) == [*USER_TURN, "error"]
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"
    assert kinds(call.wait(10))[-1] == "rate_limits.updated"


def test_speech_is_not_answered_if_told_so(call, kinds, speech, silence):
    """Without `create_response` a turn ends with its item."""
    call.turn_detection({"type": "server_vad", "create_response": False})

    assert kinds(call.append(speech("amiable") + silence(600))) == USER_TURN


def test_semantic_vad_waits_longer(call, speech, silence):
    """Low eagerness ends the turn 1200 ms after the last word, high 500 ms after it."""
    ends = []
    for eagerness in ("high", "low"):
        detection = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
        call.turn_detection(detection)
        begun, stopped, *_ = call.append(speech("amiable") + silence(2000))
        ends.append(stopped["audio_end_ms"] - begun["audio_start_ms"])
        call.send("input_audio_buffer.clear")

    assert ends[1] - ends[0] == 700


def test_transcription_is_honest(call, kinds, speech, silence):
    """An enabled transcription says that there is none, and meters the seconds rounded up."""
    call.update(audio={"input": {"transcription": {"model": "local"}}})
    call.turn_detection({"type": "server_vad", "create_response": False})
    events = call.append(speech("amiable") + silence(600))

    delta, completed = events[-2:]
    assert kinds(events)[: len(USER_TURN)] == USER_TURN
    assert completed["type"] == "conversation.item.input_audio_transcription.completed"
    assert completed["item_id"] == events[0]["item_id"]
    assert completed["transcript"].endswith("s of speech, not transcribed: echo mode)")
    assert delta["delta"] == completed["transcript"]
    assert completed["usage"] == {"type": "duration", "seconds": 4}


def test_the_transcript_stays_with_the_item(call, speech, silence):
    """Whoever retrieves a user's speech afterwards gets its words as well."""
    call.update(audio={"input": {"transcription": {"model": "local"}}})
    events = call.append(silence(400) + speech("amiable") + silence(700))

    completed = next(e for e in events if e["type"].endswith("transcription.completed"))
    (retrieved,) = call.send("conversation.item.retrieve", item_id=completed["item_id"])
    (content,) = retrieved["item"]["content"]
    assert content["transcript"] == completed["transcript"]
    assert content["audio"]


def test_a_transcript_of_a_deleted_item_is_told_all_the_same(call):
    """There is nothing left to keep it with."""
    delta, completed = call.session.transcribed("item_x", 1.0, "words")

    assert (delta["delta"], completed["transcript"]) == ("words", "words")


def test_failed_transcription_is_told(call):
    """A responder that cannot read speech leaves the session as it is."""
    (event,) = call.session.transcribed("item_x", 1.0, None)

    assert event["type"] == "conversation.item.input_audio_transcription.failed"
    assert event["error"]["code"] == "server_error"


def test_idle_timeout_answers_silence(call, kinds):
    """Counted from the end of the answer's playback, not of its sending."""
    call.turn_detection({"type": "server_vad", "idle_timeout_ms": 5000})
    call.say("one two three four five")
    call.send("response.create")
    before = call.wait(5.5)
    events = call.wait(0.2)

    assert kinds(before)[-1] == "rate_limits.updated"
    assert kinds(events)[:7] == [
        "input_audio_buffer.timeout_triggered",
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert events[1]["item"]["role"] == "system"


def test_idle_timeout_commits_the_silence(call, silence):
    """As much as was sent since the answer was heard, and no more than the timeout."""
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    transcription = {"model": "local"}
    call.update(audio={"input": {"turn_detection": detection, "transcription": transcription}})
    call.say("one two three four five")
    call.send("response.create")
    events = []
    while not events:
        call.append(silence(100))
        events = [e for e in call.wait(0.1) if e["type"] != "response.output_audio.delta"]
        events = events if events and "timeout" in events[0]["type"] else []

    triggered, committed = events[0], events[3]
    silent_ms = triggered["audio_end_ms"] - triggered["audio_start_ms"]
    assert 4900 <= silent_ms <= 5100
    item = call.send("conversation.item.retrieve", item_id=committed["item_id"])[0]["item"]
    assert len(base64.b64decode(item["content"][0]["audio"])) == 5000 * 48


def test_idle_timeout_without_any_sound_is_an_empty_transcript(call):
    """There is nothing to read, and that is told at once."""
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    transcription = {"model": "local"}
    call.update(audio={"input": {"turn_detection": detection, "transcription": transcription}})
    call.say("hello")
    call.send("response.create")
    completed = next(e for e in call.wait(6) if e["type"].endswith("transcription.completed"))

    assert completed["transcript"] == ""
    assert completed["usage"] == {"type": "duration", "seconds": 0}


def test_idle_timeout_needs_no_create_response(call, kinds):
    """It answers of its own accord, and only once."""
    detection = {"type": "server_vad", "idle_timeout_ms": 5000, "create_response": False}
    call.turn_detection(detection)
    call.say("hello")
    call.send("response.create")

    assert kinds(call.wait(6)).count("response.created") == 1


def test_idle_timeout_stops_when_the_user_speaks(call, speech, silence):
    """Speech ends the waiting until the next answer."""
    detection = {"type": "server_vad", "idle_timeout_ms": 5000, "create_response": False}
    call.turn_detection(detection)
    call.say("hello")
    call.send("response.create")
    call.wait(1)
    call.append(speech("amiable") + silence(600))

    assert call.wait(60) == []


def test_session_expires(call):
    """After an hour an error and a close, whatever else was due."""
    assert call.wait(3599.9) == []

    (event,) = call.wait(0.2)

    assert event["error"]["code"] == "session_expired"
    assert (call.closed.code, call.closed.reason) == (
        1001,
        "Your session hit the maximum duration of 60 minutes",
    )


def test_clear_drops_speech_in_progress(call, kinds, speech, silence):
    """What was being said is gone, and the clock of the audio goes on."""
    call.append(speech("amiable"))
    assert kinds(call.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert call.append(silence(2000)) == []

    started = call.append(speech("amiable"))[0]

    assert started["audio_start_ms"] > 5000


def test_commit_during_speech_keeps_its_item_id(call, tone):
    """A client that commits under server VAD gets the item that was announced."""
    started = call.append(tone(500))[0]
    committed = call.send("input_audio_buffer.commit")[0]

    assert committed["item_id"] == started["item_id"]


def test_short_commit_is_refused(call, tone):
    """Less than 100 ms is no turn, and stays in the buffer."""
    call.turn_detection(None)
    call.append(tone(60))
    refused = call.error(call.send("input_audio_buffer.commit"))
    call.append(tone(40))

    assert refused["code"] == "input_audio_buffer_commit_empty"
    assert refused["message"].endswith(
        "at least 100ms of audio, but buffer only has 60.00ms of audio."
    )
    assert call.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_truncate_after_the_answer(call, tone):
    """The unheard audio and the transcript are dropped; more than there is is refused."""
    call.turn_detection(None)
    call.append(tone(3700))
    call.send("input_audio_buffer.commit")
    call.send("response.create")
    item_id = call.done(call.wait(5))["output"][0]["id"]
    where = {"item_id": item_id, "content_index": 0}
    refused = call.error(call.send("conversation.item.truncate", **where, audio_end_ms=3760))
    (truncated,) = call.send("conversation.item.truncate", **where, audio_end_ms=1000)
    (retrieved,) = call.send("conversation.item.retrieve", item_id=item_id)

    assert refused["code"] == "invalid_value"
    assert refused["message"] == "Audio content of 3700ms is already shorter than 3760ms"
    assert {k: v for k, v in truncated.items() if k not in {"type", "event_id"}} == {
        **where,
        "audio_end_ms": 1000,
    }
    (content,) = retrieved["item"]["content"]
    assert content["transcript"] == ""
    assert base64.b64decode(content["audio"]) == tone(3700)[: 1000 * 48]


def test_voice_is_fixed_by_the_first_audio(call):
    """A later change is refused with everything else in that update."""
    assert call.update(audio={"output": {"voice": "ash"}})[0]["type"] == "session.updated"
    call.say("hello")
    call.send("response.create")
    refused = call.error(call.update(instructions="new", audio={"output": {"voice": "verse"}}))
    session = call.update()[0]["session"]

    assert refused["code"] == "cannot_update_voice"
    assert session["audio"]["output"]["voice"] == "ash"
    assert session["instructions"] != "new"


def test_new_input_format_starts_a_new_buffer(call, tone):
    """Audio of two formats is never mixed, and the clock goes on."""
    call.append(tone(500))
    call.update(audio={"input": {"format": {"type": "audio/pcmu"}}})

    refused = call.error(call.send("input_audio_buffer.commit"))

    assert refused["code"] == "input_audio_buffer_commit_empty"


def test_manual_buffer_is_bounded(call, silence):
    """The minute beyond the fifteenth is refused, and the session lives."""
    call.turn_detection(None)
    assert call.append(silence(15 * 60_000), chunk_ms=60_000) == []

    refused = call.error(call.append(silence(20)))

    assert refused["code"] == "invalid_value"
    assert refused["param"] == "audio"


def test_a_refused_update_changes_nothing(call):
    """Though only its last field is wrong."""
    before = call.update()[0]["session"]
    call.error(
        call.update(
            instructions="new",
            tools=[{"type": "function", "name": "f"}],
            audio={"input": {"turn_detection": None}, "output": {"speed": 2}},
        )
    )

    assert call.update()[0]["session"] == before


def test_the_output_of_a_function_needs_its_call(call):
    """One that was made in this conversation, or put into it."""
    output = {"type": "function_call_output", "call_id": "c", "output": "1"}
    refused = call.error(call.send("conversation.item.create", item=output))
    made = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    call.send("conversation.item.create", item=made)
    (added, _) = call.send("conversation.item.create", item=output)

    assert (refused["code"], refused["message"]) == (
        "invalid_tool_call_id",
        "Tool call ID 'c' not found in conversation.",
    )
    assert added["item"]["output"] == "1"


def test_an_id_of_the_client_is_kept_and_taken_once(call):
    """The second item of that name is refused, and the first stays."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    (added, _) = call.send("conversation.item.create", item={**item, "id": "mine"})
    refused = call.error(call.send("conversation.item.create", item={**item, "id": "mine"}))

    assert added["item"]["id"] == "mine"
    assert (refused["code"], refused["param"]) == ("item_create_duplicate_item_id", None)


def test_an_older_model_takes_an_id_again(new_call):
    """The item that had it gives way."""
    call = new_call("gpt-realtime-1.5")
    item = {"type": "message", "role": "system", "id": "mine"}
    for words in ("one", "two"):
        content = [{"type": "input_text", "text": words}]
        added, _ = call.send("conversation.item.create", item={**item, "content": content})
    (shown,) = call.send("conversation.item.retrieve", item_id="mine")

    assert added["previous_item_id"] is None
    assert shown["item"]["content"][0]["text"] == "two"


def test_an_empty_predecessor_is_none(call):
    """The item goes to the end."""
    call.say("one")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    added, _ = call.send("conversation.item.create", item=item, previous_item_id="")

    assert added["previous_item_id"] is not None


def test_azure_tells_parts_twice_and_no_limits(new_call, kinds):
    """As recorded; all else is the same."""
    call = new_call("my-deployment", kind=AZURE_REALTIME)
    call.say("hello")
    events = call.send("response.create") + call.wait(30)
    parts = [event for event in events if "content_part" in event["type"]]

    assert all(event["content"] == event["part"] for event in parts)
    assert len(parts) == 2
    assert kinds(events)[-1] == "response.done"


def test_with_azure_the_deployment_is_the_model(new_call):
    """An update that names another one is taken, and the session keeps its own."""
    call = new_call("my-deployment", kind=AZURE_REALTIME)
    (event,) = call.update(model="gpt-realtime", instructions="Sing.")
    wrong = call.error(call.update(model=7))

    assert event["session"]["model"] == "my-deployment"
    assert event["session"]["instructions"] == "Sing."
    assert wrong["param"] == "session.model"


def test_the_conversation_is_paid_for_again_with_every_answer(call):
    """The input grows, and its beginning comes from the cache."""
    call.update(output_modalities=["text"], instructions="x" * 400)
    usages = []
    for words in ("hello", "and again " * 40, "and so on"):
        call.say(words)
        call.send("response.create")
        usages.append(call.done(call.wait(30))["usage"])

    inputs = [usage["input_tokens"] for usage in usages]
    cached = [usage["input_token_details"]["cached_tokens"] for usage in usages]
    assert inputs == sorted(set(inputs))
    assert cached == [0, 64, 192]
    assert all(
        usage["total_tokens"]
        == sum(usage[k] for k in usage if k in {"input_tokens", "output_tokens"})
        for usage in usages
    )
