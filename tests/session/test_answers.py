"""The model's answers: asked for, passed on, cut."""

import json

import pytest

from tests.session.story import FORGETFUL, Story, converted, delta, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDelta,
    AnswerTranscriptDone,
    AudioDone,
    ErrorFacts,
    ResponseCreated,
    ResponseFinished,
    StatusDetails,
    UpstreamError,
    UserSpeechStarted,
    UserTranscriptDelta,
    UserTranscriptDone,
    UserTranscriptFailed,
    parse_realtime,
)
from tornado_app.protocol.realtime.orders import CancelResponse, Truncate
from tornado_app.session import commands, events
from tornado_app.session.commands import ConvertDownlink, FlushDownlink, Log, ResetDownlink
from tornado_app.session.model_side import TRUNCATE_ID
from workers.blocks import Piece
from workers.formats import AudioFormat, OpusFormat
from workers.opus.encoding import PacketBlock

NOT_ACTIVE = UpstreamError(
    ErrorFacts("invalid_request_error", "response_cancel_not_active", event_id="parley_cancel_1")
)


def failed(**error):
    details = StatusDetails(ErrorFacts(**error))
    return ResponseFinished(response(status="failed", status_details=details))


def answering(story, audio_ms=1000, at=0.0):
    """Connected, and one second of an answer sent."""
    story.connected().said(ResponseCreated(response()), at)
    return story.said(delta(audio_ms))


def test_a_text_turn_creates_an_item_and_asks_for_an_answer(story):
    """Typed and spoken turns are answered alike."""
    story.connected().client(asked.Text("hello"))

    assert ["conversation.item.create", "response.create"] == story.asked
    assert [{"type": "input_text", "text": "hello"}] == story.orders[0].item["content"]


def test_audio_passes_through_with_its_place_in_the_item(story):
    """The model's base64 is the client's base64; offsets add up."""
    answering(story, 100)
    assert [
        (
            "audio",
            {
                "item_id": "item_a",
                "response_id": "resp_1",
                "offset_ms": 0.0,
                "duration_ms": 100.0,
                "audio": "A" * 6400,
                "wait": {"model_ms": 0.0, "gateway_ms": 0.0},
            },
        )
    ] == story.messages

    assert 100.0 == story.said(delta(50)).messages[0][1]["offset_ms"]
    assert 0.0 == story.said(delta(50, item_id="item_b")).messages[0][1]["offset_ms"]


def test_an_answer_begins_and_ends_for_the_client(story):
    """With the model's own count of what it cost."""
    answering(story)
    story.said(ResponseFinished(response(status="completed", usage={"total_tokens": 7})))

    assert [
        (
            "response_done",
            {"response_id": "resp_1", "status": "completed", "usage": {"total_tokens": 7}},
        )
    ] == story.messages


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("incomplete", {"type": "incomplete", "reason": "content_filter"}, "content_filter"),
        ("incomplete", {"reason": "max_output_tokens"}, "max_output_tokens"),
        ("cancelled", {"reason": "turn_detected"}, "turn_detected"),
        ("incomplete", {"reason": "because of sk-123, see https://example.com"}, None),
        ("incomplete", {"reason": 7}, None),
        ("incomplete", "incomplete", None),
        ("completed", None, None),
    ],
)
def test_why_an_answer_is_not_complete_is_told_in_a_word(story, status, details, reason):
    """The client and the operator learn whether it was too long or was not to be said."""
    answering(story)
    facts = {"id": "resp_1", "status": status, "status_details": details}
    story.said(parse_realtime(json.dumps({"type": "response.done", "response": facts})))

    (done,) = (data for name, data in story.messages if name == "response_done")
    assert (status, reason) == (done["status"], done.get("reason"))
    (line,) = (c.fields for c in story.fresh if isinstance(c, Log) and c.event == "response_done")
    assert reason == line["reason"]


def test_barge_in_truncates_to_what_was_heard(story):
    """The model cancels by itself; it is told where the client's loudspeaker was."""
    answering(story, 900).said(UserSpeechStarted("item_u", 400), at=0.4)

    assert ["speech_started", "interrupted"] == story.told
    assert {"item_id": "item_a", "heard_ms": 400} == story.messages[1][1]
    assert [Truncate("item_a", 400, 0, "parley_truncate")] == story.orders


def test_speech_ends_no_answer_where_it_is_not_to():
    """With interrupt_response off the model goes on, and so does what the client hears."""
    story = Story(model_session=model_session(interrupt_response=False))
    answering(story).said(UserSpeechStarted("item_u", 5.0), 0.4)

    assert ["speech_started"] == story.told
    assert [] == story.asked
    assert ["audio"] == story.said(delta(100)).told


def test_speech_while_nothing_plays_interrupts_nothing(story):
    """An answer that was heard to its end stays whole."""
    answering(story, 900).said(ResponseFinished(response(status="completed")))
    story.said(UserSpeechStarted("item_u", 400), at=2.0)

    assert ["speech_started"] == story.told
    assert [] == story.orders


def test_what_still_comes_of_an_interrupted_answer_is_not_passed_on(story):
    """Late deltas would be heard after the flush; the end of the answer is still told."""
    answering(story).said(UserSpeechStarted("item_u", 400), at=0.4)

    assert [] == story.said(delta(100)).told
    assert [] == story.said(AnswerTranscriptDelta("resp_1", "item_a", "and")).told
    assert [] == story.said(AudioDone("resp_1", "item_a")).told
    assert ["response_done"] == story.said(ResponseFinished(response(status="cancelled"))).told
    story.said(ResponseCreated(response("resp_2")))
    assert ["audio"] == story.said(delta(100, "item_b", "resp_2")).told


def test_an_interruption_cancels_and_keeps_what_was_heard(story):
    """The client's own word on what it heard is exact."""
    answering(story).client(asked.Interrupt("item_a", 350), at=0.9)

    assert [
        CancelResponse("resp_1", "parley_cancel_1"),
        Truncate("item_a", 350, 0, "parley_truncate"),
    ] == story.orders
    assert [("interrupted", {"heard_ms": 350, "item_id": "item_a"})] == story.messages


def test_an_interruption_without_an_item_is_of_the_one_that_plays(story):
    """heard_ms alone is as exact."""
    answering(story).client(asked.Interrupt(None, 350), at=0.9)

    assert [("interrupted", {"heard_ms": 350, "item_id": "item_a"})] == story.messages


def test_an_interruption_without_an_item_may_say_that_it_was_heard_to_its_end(story):
    """Or beyond: no more of it was sent, and none of it is cut."""
    answering(story, 1000).client(asked.Interrupt(None, 5000), at=0.9)

    assert [("interrupted", {"heard_ms": 1000, "item_id": "item_a"})] == story.messages
    assert not any(isinstance(order, Truncate) for order in story.orders)


def test_an_interruption_is_told_of_the_item_it_names(story):
    """Another may play already: the client flushes, and says where it was."""
    answering(story, 1000).said(delta(500, "item_b"))
    story.client(asked.Interrupt("item_b", 100), at=0.25)

    assert [("interrupted", {"heard_ms": 100, "item_id": "item_b"})] == story.messages
    cuts = [order for order in story.orders if isinstance(order, Truncate)]
    assert [("item_b", 100)] == [(cut.item_id, cut.audio_end_ms) for cut in cuts]


def test_an_interruption_names_an_item_that_was_heard_to_its_end(story):
    """There is nothing to cut, and the client is told how much of it was heard."""
    answering(story, 1000).said(ResponseFinished(response(status="completed")))
    story.client(asked.Interrupt("item_a"), at=5.0)

    assert [("interrupted", {"heard_ms": 1000, "item_id": "item_a"})] == story.messages
    assert [] == story.orders


@pytest.mark.parametrize("before", ["interrupt", "speech", "nothing"])
def test_an_interruption_says_nothing_of_an_item_that_does_not_play(story, before):
    """Of one that was cut already the conversation keeps what the client was told then, and not
    0 ms, and of one that nobody knows there is nothing to tell.
    """
    if before != "nothing":
        answering(story)
    if before == "interrupt":
        story.client(asked.Interrupt("item_a", 350), at=0.9)
    elif before == "speech":
        story.said(UserSpeechStarted("item_u", 0), at=0.9)
    story.client(asked.Interrupt("item_a", 350), at=1.0)

    assert [("interrupted", {"heard_ms": 0})] == story.messages
    assert not any(isinstance(order, Truncate) for order in story.orders)


def test_an_interruption_that_names_an_unknown_item_is_told_of_the_one_that_plays(story):
    """It is stopped as well, and the conversation keeps what was heard of it."""
    answering(story).client(asked.Interrupt("item_z", 350), at=0.4)

    assert [("interrupted", {"heard_ms": 400, "item_id": "item_a"})] == story.messages


@pytest.mark.parametrize(
    ("status", "told"), [("", "completed"), ("completed", "completed"), ("exploded", "failed")]
)
def test_an_end_of_a_kind_that_nobody_knows_is_a_failure(story, status, told):
    """One of no kind is an ordinary one."""
    answering(story).said(ResponseFinished(response(status=status)))

    ends = [data["status"] for name, data in story.messages if name == "response_done"]
    assert [told] == ends


def test_playback_reports_make_the_truncation_exact(story):
    """The guess of the clock gives way to the loudspeaker."""
    answering(story).client(asked.Playback("item_a", 100), at=0.5)
    story.said(UserSpeechStarted("item_u", 600), at=0.7)

    assert 300 == story.messages[1][1]["heard_ms"]


def test_items_that_were_not_begun_are_cut_to_nothing(story):
    """Everything behind the one that plays was never heard."""
    answering(story, 1000).said(delta(500, "item_b"))
    story.client(asked.Interrupt(), at=0.25)

    cuts = [order for order in story.orders if isinstance(order, Truncate)]
    assert [("item_a", 250), ("item_b", 0)] == [(cut.item_id, cut.audio_end_ms) for cut in cuts]


def test_interrupting_silence_is_harmless(story):
    """The client flushes; the model is asked nothing."""
    story.connected().client(asked.Interrupt())

    assert [("interrupted", {"heard_ms": 0})] == story.messages
    assert [] == story.orders


def test_interrupting_before_the_answer_began_stops_it_when_it_does(story):
    """The answer that was asked for is cancelled under its own id."""
    story.connected().client(asked.Text("hello")).client(asked.Interrupt())
    story.said(ResponseCreated(response()))

    assert [CancelResponse("resp_1", "parley_cancel_1")] == story.orders
    assert [] == story.said(delta(100)).told


def test_a_new_turn_ends_the_answer_that_runs_and_is_answered_after_it(story):
    """The model refuses two answers at once."""
    answering(story).client(asked.Text("stop, something else"), at=0.2)
    assert ["conversation.item.create", "response.cancel", "conversation.item.truncate"] == (
        story.asked
    )
    assert ["interrupted"] == story.told

    story.said(ResponseFinished(response(status="cancelled")))
    assert ["response.create"] == story.asked


def test_an_answer_that_the_model_had_begun_itself_is_awaited(story):
    """VAD and a typed turn may race; the typed one is asked for again afterwards."""
    story.connected().client(asked.Text("hello"))
    busy = ErrorFacts(
        "invalid_request_error", "conversation_already_has_active_response", event_id="x"
    )
    assert [] == story.said(UpstreamError(busy)).told

    story.said(ResponseCreated(response()))
    story.said(ResponseFinished(response(status="completed")))
    assert ["response.create"] == story.asked


def test_a_late_cancel_is_no_error_for_the_client(story):
    """The answer was over, which is what was wanted."""
    answering(story).client(asked.Interrupt())
    story.said(ResponseFinished(response(status="completed")))

    assert [] == story.said(NOT_ACTIVE).told


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            ErrorFacts("server_error"),
            "upstream_unavailable",
            "The model had a fault of its own. Ask again.",
        ),
        (
            ErrorFacts("invalid_request_error", "bad_item", event_id="parley_text_9"),
            "upstream_rejected",
            "The model refused a request (bad_item).",
        ),
        (
            ErrorFacts("invalid_request_error", "a word and more"),
            "upstream_rejected",
            "The model refused a request (no reason given).",
        ),
    ],
)
def test_an_error_of_the_model_is_told_in_our_words(story, error, code, sentence):
    """Its own may hold what is not for a client; a plain word of it helps."""
    story.connected().said(UpstreamError(error))

    assert [(code, sentence)] == [(data["code"], data["sentence"]) for _, data in story.messages]


def test_the_end_of_a_session_is_told_by_its_close(stage):
    """The error that comes just before says the same."""
    story = stage(**FORGETFUL).connected()
    story.said(UpstreamError(ErrorFacts("invalid_request_error", "session_expired")))
    assert [] == story.told

    assert ["session_expired"] == story.lost(Failure("open", "closed", close_code=1001)).errors


def test_a_cut_that_came_too_late_is_no_error_for_the_client(story):
    """There was nothing left to cut, which is what was wanted."""
    story.connected()
    error = ErrorFacts("invalid_request_error", "item_not_found", event_id=TRUNCATE_ID)

    assert [] == story.said(UpstreamError(error)).told


def test_a_failed_answer_says_why_without_the_models_words(story):
    """A code is shown, free text is not."""
    answering(story)
    story.said(failed(code="rate_limit_exceeded", message="org-secret used 100%"))

    assert ["response_done", "error"] == story.told
    assert ["rate_limited"] == story.errors
    assert "org-secret" not in str(story.messages)


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        ("server_error", "server_error", "upstream_unavailable"),
        ("server_error", None, "upstream_unavailable"),
        ("tokens", "rate_limit_exceeded", "rate_limited"),
        ("rate_limit_exceeded", None, "rate_limited"),
        ("insufficient_quota", "insufficient_quota", "upstream_rejected"),
        (None, None, "upstream_rejected"),
    ],
)
def test_a_failure_is_told_by_whether_it_may_pass(story, kind, code, told):
    """The same for an answer that failed, one that was refused, and any other request."""
    answering(story)
    said = [
        failed(type=kind, code=code),
        UpstreamError(ErrorFacts(kind, code, event_id="parley_response_2")),
        UpstreamError(ErrorFacts(kind, code, event_id="parley_other")),
    ]

    assert [[told]] * 3 == [story.said(event).errors for event in said]


def test_an_answer_that_never_begins_is_told(story):
    """The client may ask again."""
    story.connected().client(asked.Text("hello")).tick(15.0)

    assert ["upstream_timeout"] == story.errors


def test_the_wait_for_an_answer_counts_from_connected(story):
    """A model that cannot hear yet is not late."""
    story.opened().client(asked.Text("hello"))
    story.now = 9.0
    story.model_ready().tick(16.0)
    assert [] == story.errors

    assert ["upstream_timeout"] == story.tick(24.0).errors


def test_transcripts_carry_the_new_words_and_all_so_far(story):
    """Of both sides; the final one is the whole text."""
    story.connected()
    story.said(UserTranscriptDelta("item_u", "hel"))
    assert [
        (
            "transcript",
            {"role": "user", "item_id": "item_u", "text": "hel", "final": False, "delta": "hel"},
        )
    ] == story.messages
    assert "hello" == story.said(UserTranscriptDelta("item_u", "lo")).messages[0][1]["text"]
    story.said(UserTranscriptDone("item_u", "Hello."))
    assert [
        ("transcript", {"role": "user", "item_id": "item_u", "text": "Hello.", "final": True})
    ] == story.messages


def test_an_interrupted_transcript_ends_with_what_was_said(story):
    """No half sentence stays open on the client's screen."""
    answering(story).said(AnswerTranscriptDelta("resp_1", "item_a", "Well, "))
    story.client(asked.Interrupt(), at=0.3)

    assert ["transcript", "interrupted"] == story.told
    assert {"text": "Well, ", "final": True}.items() <= story.messages[0][1].items()
    assert [] == story.said(AnswerTranscriptDone("resp_1", "item_a", "Well, well, well.")).told


def test_converted_audio_keeps_its_place_before_what_follows_it(stage):
    """The end of an answer waits for audio that is still in the pool."""
    story = stage(passes_through=False, target=AudioFormat("pcm16", 48_000, 1)).connected()
    story.said(ResponseCreated(response())).said(delta(100))
    assert [ConvertDownlink(bytes(4800))] == story.fresh
    story.said(AudioDone("resp_1", "item_a"))
    assert [FlushDownlink()] == story.fresh
    assert [] == story.said(ResponseFinished(response(status="completed"))).told

    assert ["audio"] == story.feed(events.DownlinkReady(converted(95))).told
    assert ["audio", "response_done"] == story.feed(events.DownlinkReady(converted(5))).told


def test_binary_output_sends_the_frame_behind_its_message(stage):
    """The message has the size and no audio."""
    story = stage(passes_through=False, binary_output=True).connected()
    story.said(ResponseCreated(response())).said(delta(100))
    story.feed(events.DownlinkReady(converted(100, audio=b"\1\2\3\4")))

    assert {"size": 4}.items() <= story.messages[0][1].items()
    assert "audio" not in story.messages[0][1]
    [sent] = [c for c in story.fresh if isinstance(c, commands.SendClient)]
    assert b"\1\2\3\4" == sent.binary


def test_packets_of_a_codec_are_a_message_each(stage):
    """Neither joined nor cut; the ledger of what is played counts what each holds of the item."""
    story = stage(passes_through=False, target=OpusFormat(24_000)).connected()
    story.said(ResponseCreated(response())).said(delta(100))
    packets = (Piece(b"QQ==", 13.5), Piece(b"Qg==", 20.0))
    block = PacketBlock(b"", 4800, 100.0, -30.0, 33.5, packets=packets)
    story.feed(events.DownlinkReady(block))

    told = [(data["offset_ms"], data["duration_ms"], data["audio"]) for _, data in story.messages]
    assert [(0, 13.5, "QQ=="), (13.5, 20, "Qg==")] == told

    story.said(AudioDone("resp_1", "item_a"))
    assert [] == story.feed(events.DownlinkReady(PacketBlock(b"", 0, 0.0, -120.0, 0.0))).told


def test_an_interruption_drops_audio_in_the_pool_but_no_message(stage):
    """What waited behind the audio is told at once."""
    story = stage(passes_through=False, target=AudioFormat("pcm16", 48_000, 1)).connected()
    story.said(ResponseCreated(response())).said(delta(100))
    story.said(UserTranscriptDone("item_u", "Hello."))
    assert [] == story.told

    story.client(asked.Interrupt())
    assert story.did(ResetDownlink)
    assert ["transcript", "interrupted"] == story.told


def test_a_rate_limit_says_when_to_try_again(story):
    """As the model names it; its own sentence is not passed on."""
    answering(story)
    message = "Rate limit reached for org-secret. Please try again in 1.5s."
    story.said(failed(type="tokens", code="rate_limit_exceeded", message=message))
    assert 1500 == story.messages[-1][1]["retry_after_ms"]
    assert "org-secret" not in str(story.messages)

    error = ErrorFacts("tokens", "rate_limit_exceeded", message, event_id="parley_response_1")
    assert 1500 == story.said(UpstreamError(error)).messages[-1][1]["retry_after_ms"]


def refused(event_id, code="rate_limited"):
    return UpstreamError(ErrorFacts("invalid_request_error", code, event_id=event_id))


def test_a_withdrawn_request_that_fails_stops_no_later_answer(story):
    """The interruption was for the turn that the model refused."""
    story.connected().client(asked.Text("a")).client(asked.Interrupt())
    story.said(refused("parley_response_1")).client(asked.Text("b"))
    story.said(ResponseCreated(response()))

    assert [] == story.orders
    assert ["audio"] == story.said(delta(100)).told


def test_a_turn_that_waited_behind_a_refused_one_is_answered(story):
    """At once, and not when some later answer ends."""
    story.connected().client(asked.Text("a")).client(asked.Text("b"))
    assert ["response.create"] == story.said(refused("parley_response_1")).asked

    story.said(ResponseCreated(response())).said(ResponseFinished(response(status="completed")))
    assert [] == story.asked


def test_nothing_is_asked_again_after_a_model_that_did_not_answer(story):
    """The error covers every turn that waited."""
    story.connected().client(asked.Text("a")).client(asked.Text("b")).tick(15.0)
    story.said(ResponseCreated(response())).said(ResponseFinished(response(status="completed")))

    assert [] == story.asked


def test_an_interrupted_turn_is_not_asked_for_again(story):
    """The model had begun an answer of its own, and the client stopped everything."""
    story.connected().client(asked.Text("a"))
    story.said(ResponseCreated(response())).client(asked.Interrupt())
    story.said(refused("parley_response_1", "conversation_already_has_active_response"))

    assert [] == story.said(ResponseFinished(response(status="cancelled"))).asked


def test_a_failed_transcription_ends_with_what_there_was(story):
    """A client that waits for the final text gets one."""
    story.connected().said(UserTranscriptDelta("item_u", "hel"))
    story.said(UserTranscriptFailed("item_u", ErrorFacts(code="audio_unintelligible")))

    assert [
        ("transcript", {"role": "user", "item_id": "item_u", "text": "hel", "final": True})
    ] == story.messages


def test_transcripts_that_never_end_do_not_fill_the_memory(story):
    """The oldest is forgotten; what is said of it begins anew."""
    story.connected()
    for number in range(100):
        story.said(UserTranscriptDelta(f"item_{number}", "word"))

    assert "word" == story.said(UserTranscriptDelta("item_0", "word")).messages[0][1]["text"]
    assert "wordword" == story.said(UserTranscriptDelta("item_99", "word")).messages[0][1]["text"]


def test_an_answer_of_which_only_the_sound_comes_is_one(story):
    """The end of the one before it was lost, and its own beginning."""
    answering(story).said(delta(100, "item_b", "resp_2"))

    assert ["response_done", "response_started", "audio"] == story.told
    assert ["incomplete"] == [d["status"] for n, d in story.messages if n == "response_done"]
