"""Answers whose events are lost, late, doubled or nameless."""

import pytest

from tests.session.story import FORGETFUL, converted, delta, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.answer_audio import BrokenAudio
from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDelta,
    AnswerTranscriptDone,
    Committed,
    ErrorFacts,
    ResponseCreated,
    ResponseFinished,
    StatusDetails,
    Unknown,
    UpstreamError,
    UserSpeechStarted,
    UserTranscriptDelta,
)
from tornado_app.protocol.realtime.orders import CancelResponse
from tornado_app.session import commands, events
from tornado_app.session.kept import ORDERS_HELD

FLUSHED = events.UplinkReady(converted(0, 0, b""))
DONE = ResponseFinished(response(status="completed"))


def answering(story, at=0.0):
    """A typed turn, and one second of the answer to it."""
    story.connected().client(asked.Text("hello"), at)
    return story.said(ResponseCreated(response())).said(delta(1000))


def error(code, event_id=None, kind="invalid_request_error"):
    return UpstreamError(ErrorFacts(kind, code, event_id=event_id))


def done_of(story):
    return [
        (d["response_id"], d["status"]) for name, d in story.messages if name == "response_done"
    ]


def test_a_lost_end_is_made_up_for_when_there_is_nothing_to_cancel(story):
    """The model knows of no answer: it has ended, and the next turn is asked for."""
    answering(story).client(asked.Text("and"), at=5.0)
    assert "response.create" not in story.asked

    story.said(error("response_cancel_not_active", "parley_cancel_1"))
    assert [("resp_1", "cancelled")] == done_of(story)
    assert ["response.create"] == story.asked


def test_a_lost_end_without_the_name_of_our_cancel_is_made_up_for(story):
    """Not every server says which order its error is about."""
    answering(story).client(asked.Text("and"))

    assert ["response.create"] == story.said(error("response_cancel_not_active")).asked


def test_a_cancel_that_was_not_ours_to_lose_ends_nothing(story):
    """The refusal of an older cancel says nothing about the answer that runs."""
    answering(story).client(asked.Interrupt())
    story.said(ResponseFinished(response(status="cancelled")))
    story.client(asked.Text("b")).said(ResponseCreated(response("resp_2")))
    story.client(asked.Interrupt())

    assert [] == story.said(error("response_cancel_not_active", "parley_cancel_1")).told
    story.said(error("response_cancel_not_active", "parley_cancel_2"))
    assert [("resp_2", "cancelled")] == done_of(story)


def test_an_error_about_a_cancel_that_was_never_sent_ends_nothing(story):
    """Somebody is confused, and it is not us."""
    answering(story)

    assert [] == story.said(error("response_cancel_not_active")).told
    assert ["audio"] == story.said(delta(20)).told


def test_an_answer_that_stops_half_way_is_ended_and_told(story):
    """After response_stall_s; what still comes of it is not for the client."""
    answering(story).said(AnswerTranscriptDelta("resp_1", "item_a", "Well,"), at=1.0)
    assert [] == story.tick(20.9).told

    story.tick(21.0)
    assert ["transcript", "response_done", "error"] == story.told
    assert [("resp_1", "failed")] == done_of(story)
    assert ["upstream_timeout"] == story.errors
    assert [CancelResponse("resp_1", "parley_cancel_1")] == story.orders
    assert story.messages[0][1]["final"]
    assert [] == story.said(delta(20)).told
    assert [] == story.said(ResponseFinished(response(status="cancelled"))).told


@pytest.mark.parametrize("life", [Unknown("response.output_item.added"), delta(20)])
def test_whatever_comes_of_an_answer_shows_that_it_goes_on(story, life):
    """Also what is not for the client: the arguments of a function may take their time."""
    answering(story).said(life, at=15.0)
    assert [] == story.tick(34.9).told

    assert ["upstream_timeout"] == story.tick(35.0).errors


def test_other_events_do_not_keep_an_answer_alive(story):
    """The words of the user go on to come from a model whose answer hangs."""
    answering(story).said(Unknown("rate_limits.updated"), at=15.0)

    assert ["upstream_timeout"] == story.tick(20.0).errors


def test_a_turn_after_a_stalled_answer_is_answered(story):
    """When the model says that it has cancelled, or when it has not in time."""
    answering(story).tick(20.0)
    assert ["conversation.item.create"] == story.client(asked.Text("b"), at=21.0).asked
    assert ["response.create"] == story.tick(25.0).asked

    story.said(ResponseCreated(response("resp_2")))
    assert ["response_started"] == story.told
    assert ["audio"] == story.said(delta(20, "item_b", "resp_2")).told


def test_an_interrupted_answer_that_the_model_does_not_end_is_cancelled_and_then_over(story):
    """A barge-in is the model's own to cancel; if it forgets, it is told."""
    answering(story).said(UserSpeechStarted("item_u", 0), at=1.0)
    story.client(asked.Text("b"))
    assert ["response.cancel"] == story.tick(6.0).asked
    story.tick(11.0)

    assert [("resp_1", "cancelled")] == done_of(story)
    assert ["response.create"] == story.asked


def test_a_model_that_is_busy_with_an_unknown_answer_is_told_to_stop(story):
    """Its response.created was lost, and everything of it."""
    story.connected().client(asked.Text("a"))
    story.said(error("conversation_already_has_active_response", "parley_response_1"))
    assert [] == story.fresh[1:]

    story.tick(5.0)
    assert ["response.cancel", "response.create"] == story.asked
    assert story.orders[0].response_id is None
    assert ["response_started"] == story.said(ResponseCreated(response())).told


def test_the_end_of_an_unknown_answer_lets_the_next_be_asked_for(story):
    """At once, and not after a deadline."""
    story.connected().client(asked.Text("a"))
    story.said(error("conversation_already_has_active_response", "parley_response_1"))

    story.said(ResponseFinished(response("resp_x", "completed")))
    assert ["response_started", "response_done"] == story.told
    assert ["response.create"] == story.asked


def test_a_model_that_is_busy_for_ever_is_given_up(stage):
    """The link is dialled anew, and the turn that it owed is told."""
    story = stage(**FORGETFUL).connected().client(asked.Text("a"))
    story.said(error("conversation_already_has_active_response", "parley_response_1")).tick(5.0)
    story.said(error("conversation_already_has_active_response", "parley_response_2")).tick(10.0)

    assert story.did(commands.CloseUpstream)
    assert ["connection_status", "error"] == story.told
    assert ["upstream_unavailable"] == story.errors
    assert story.tick(11.0).did(commands.DialUpstream)


def test_an_error_that_comes_twice_is_about_one_request(story):
    """The second request goes on to be waited for."""
    story.connected().client(asked.Text("a"))
    story.said(error("conversation_already_has_active_response", "parley_response_1")).tick(5.0)
    story.said(error("conversation_already_has_active_response", "parley_response_1"))

    assert [] == story.tick(10.0).asked
    assert ["upstream_timeout"] == story.tick(20.0).errors


def test_an_answer_whose_beginning_was_lost_begins_with_what_comes_of_it(story):
    """It settles the request, and can be interrupted."""
    story.connected().client(asked.Text("a"))

    assert ["response_started", "audio"] == story.said(delta(100)).told
    assert ["response.cancel", "conversation.item.truncate"] == (
        story.client(asked.Interrupt()).asked
    )
    assert [] == story.said(ResponseFinished(response(status="cancelled"))).errors


def test_an_interrupted_request_whose_answer_has_no_beginning_is_stopped_all_the_same(story):
    """With the first thing that comes of it."""
    story.connected().client(asked.Text("a")).client(asked.Interrupt())

    assert ["response_started"] == story.said(delta(100)).told
    assert ["response.cancel", "conversation.item.truncate"] == story.asked


def test_an_answer_of_which_only_the_end_comes_was_one(story):
    """Nothing was heard of it, and nobody waits for it any more."""
    story.connected().client(asked.Text("a")).said(DONE)

    assert ["response_started", "response_done"] == story.told
    assert [] == story.tick(15.0).errors


def test_events_without_ids_are_of_the_answer_that_runs(story):
    """Also its end."""
    story.connected().client(asked.Text("a")).said(ResponseCreated(response("")))
    assert ["response_started", "audio"] == story.said(delta(100)).told
    assert ["audio"] == story.said(delta(100, response_id="")).told
    assert ["response_done"] == story.said(ResponseFinished(response("", "completed"))).told

    assert [] == story.said(ResponseFinished(response("", "completed"))).told


def test_an_answer_that_has_no_name_at_all_is_heard(story):
    """It begins with its first event; its name is empty."""
    story.connected().client(asked.Text("a")).said(ResponseCreated(response("")))

    assert ["response_started", "audio"] == story.said(delta(100, response_id="")).told
    assert [CancelResponse(None, "parley_cancel_1")] == [
        order for order in story.client(asked.Interrupt()).orders if "cancel" in order.event_id
    ]
    assert ["response_done"] == story.said(ResponseFinished(response("", "cancelled"))).told


def test_an_end_that_names_another_answer_does_not_end_this_one(story):
    """The client hears on."""
    answering(story)

    assert [] == story.said(ResponseFinished(response("resp_x", "completed"))).told
    assert ["audio"] == story.said(delta(20)).told


def test_what_comes_twice_is_told_once(story):
    """A beginning, and an end."""
    answering(story)

    assert [] == story.said(ResponseCreated(response())).told
    assert ["response_done"] == story.said(DONE).told
    assert [] == story.said(DONE).told
    assert [] == story.said(ResponseCreated(response())).told


def test_a_new_answer_ends_the_one_before_whose_end_was_lost(story):
    """The model has but one."""
    answering(story).said(ResponseCreated(response("resp_2")))

    assert ["response_done", "response_started"] == story.told
    assert [("resp_1", "incomplete")] == done_of(story)
    assert [] == story.said(delta(20)).told
    assert ["audio"] == story.said(delta(20, "item_b", "resp_2")).told


def test_a_late_piece_of_an_interrupted_answer_is_not_heard_after_the_next(story):
    """However many answers have come since."""
    answering(story).client(asked.Interrupt())
    story.said(ResponseFinished(response(status="cancelled")))
    story.said(ResponseCreated(response("resp_2"))).client(asked.Interrupt())

    assert [] == story.said(delta(20)).told


def test_a_request_that_was_interrupted_and_never_begins_is_no_error(story):
    """Nobody waits for it; a turn that came after it is asked for then."""
    story.connected().client(asked.Text("a")).client(asked.Interrupt())
    assert [] == story.tick(15.0).told
    assert story.session.timers.earliest > 20.0

    story.client(asked.Text("b"), at=16.0)
    assert ["response.create"] == [name for name in story.asked if "response" in name]


def test_a_turn_behind_an_interrupted_request_is_asked_for_when_that_is_late(story):
    """It is not taken for the one that was interrupted."""
    story.connected().client(asked.Text("a")).client(asked.Interrupt()).client(asked.Text("b"))
    story.tick(15.0)

    assert [] == story.errors
    assert ["response.create"] == story.asked


def test_a_turn_that_the_model_refused_takes_no_other_with_it(story):
    """Two were typed; one answer is still owed."""
    story.connected().client(asked.Text("a")).client(asked.Text("b"))
    assert ["upstream_rejected"] == story.said(error("invalid_value", "parley_text_1")).errors
    story.said(ResponseCreated(response()))
    story.said(ResponseFinished(response(status="cancelled")))

    assert ["response.create"] == story.asked


def test_the_answer_to_a_turn_that_was_refused_is_stopped(story):
    """There is nothing that it would answer."""
    story.connected().client(asked.Text("a")).said(error("invalid_value", "parley_text_1"))

    assert ["response.cancel"] == story.said(ResponseCreated(response())).asked


def test_words_without_an_end_of_their_own_end_with_the_answer(story):
    """Its `done` was lost; what comes too late of it changes nothing that was final."""
    answering(story).said(AnswerTranscriptDelta("resp_1", "item_a", "Well"))
    story.said(DONE)
    final = {"role": "assistant", "item_id": "item_a", "text": "Well", "final": True}
    assert ("transcript", final) == story.messages[0]
    assert ["transcript", "response_done"] == story.told

    assert [] == story.said(AnswerTranscriptDelta("resp_1", "item_a", ", then")).told
    assert [] == story.said(AnswerTranscriptDone("resp_1", "item_a", "Well, then")).told


def test_a_refusal_that_comes_late_withdraws_its_own_turn(story):
    """And not the one that waits: the answer to what was refused has begun already."""
    answering(story).client(asked.Text("b"))
    story.said(error("invalid_value", "parley_text_1"))

    assert ["response.create"] == story.said(ResponseFinished(response(status="cancelled"))).asked


def test_the_refusal_of_a_turn_that_wanted_no_answer_withdraws_none(stage):
    """It was interrupted while the commit before it was on its way."""
    story = stage(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).client(asked.Text("a")).client(asked.Interrupt())
    story.feed(FLUSHED).client(asked.Text("b"))
    story.said(error("invalid_value", "parley_text_1"))

    assert ["response_started"] == story.said(ResponseCreated(response())).told
    assert [] == story.asked


def test_a_commit_that_is_refused_is_the_one_that_is_named(stage):
    """Two are on their way; the answer to the other is still owed."""
    story = stage(turn_detection="none").connected()
    for ref in "ab":
        story.speak(200).client(asked.CommitAudio(ref=ref)).feed(FLUSHED)
    story.said(error("input_audio_buffer_commit_empty", "parley_commit_2"))
    assert "b" == story.messages[0][1]["ref"]

    assert "a" == story.said(Committed("item_u")).messages[0][1]["ref"]


def test_an_answer_of_the_models_own_is_taken_for_none_that_was_asked_for(story):
    """It had begun before the request came, and says so after its beginning."""
    story.connected().client(asked.Text("a", ref="t")).said(ResponseCreated(response("resp_own")))
    busy = error("conversation_already_has_active_response", "parley_response_1")
    assert [] == story.said(busy).said(busy).told

    story.said(ResponseFinished(response("resp_own", "completed")))
    assert "ref" not in story.messages[0][1]
    assert ["response.create"] == story.asked
    assert "t" == story.said(ResponseCreated(response())).messages[0][1]["ref"]


def test_a_model_that_has_not_been_sent_everything_is_not_late(story):
    """Its socket took the request only now."""
    story.connected().client(asked.Text("a"))
    story.feed(events.UpstreamBacklog(100_000))
    assert [] == story.tick(15.0).errors
    story.feed(events.UpstreamBacklog(0), at=20.0)
    assert [] == story.tick(30.0).errors

    assert ["upstream_timeout"] == story.tick(35.0).errors


def test_names_of_a_lost_model_are_free_again(story):
    """The next one may count from one as well."""
    answering(story).said(DONE).lost().tick(1.0)
    story.model_ready().client(asked.Text("b"))

    assert ["response_started"] == story.said(ResponseCreated(response())).told
    assert ["response_done"] == story.said(DONE).told


def test_words_that_were_under_way_end_with_the_model(story):
    """No half sentence stays open on the client's screen."""
    answering(story).said(AnswerTranscriptDelta("resp_1", "item_a", "Well,")).lost()

    assert ["connection_status", "transcript", "response_done"] == story.told
    assert {"text": "Well,", "final": True}.items() <= story.messages[1][1].items()


def test_a_model_that_is_not_read_is_not_late(story):
    """The client has enough to take, so what the model says waits for it."""
    answering(story)
    for second in range(20):
        story.feed(events.Look(0, is_held=True), at=float(second))
    assert [] == story.tick(38.9).told

    assert ["upstream_timeout"] == story.tick(39.0).errors


def test_a_model_is_not_late_when_this_process_stood_still(story):
    """It wakes to its timers, and what the model has said meanwhile is read behind them."""
    answering(story)
    story.feed(events.Look(0), at=1.0)
    story.feed(events.Look(0), at=30.0)
    assert [] == story.tick(30.0).told
    assert [] == story.tick(49.9).told

    assert ["upstream_timeout"] == story.tick(50.0).errors


def test_what_is_no_audio_begins_no_answer(story):
    """It is told and counted; the answer that comes next is whole, and nothing ends before it."""
    story.connected().client(asked.Text("hello"))
    assert ["error"] == story.said(BrokenAudio("resp_bad", 4)).told
    assert ["response_started"] == story.said(ResponseCreated(response())).told
    assert [("resp_1", "completed")] == done_of(story.said(DONE))


def test_what_is_no_audio_of_an_answer_that_was_interrupted_is_not_told(story):
    """The client has thrown the rest of it away."""
    answering(story).client(asked.Interrupt())

    assert [] == story.said(BrokenAudio("resp_1", 4)).told


def test_a_stalled_answer_that_fails_after_all_is_told_once(story):
    """The client knows."""
    answering(story).tick(20.0)

    assert [] == story.said(ResponseFinished(response(status="failed"))).told


def test_late_pieces_of_an_answer_that_was_over_when_it_was_cut_are_not_heard(story):
    """It had ended at the model, and still played."""
    answering(story).said(DONE).client(asked.Interrupt(), at=0.2)

    assert [] == story.said(delta(20)).told


def test_names_of_answers_that_ended_are_bounded(story):
    """What comes of one that is forgotten is an answer of its own."""
    story.connected()
    for number in range(18):
        story.said(ResponseCreated(response(f"resp_{number}"))).client(asked.Interrupt())
        story.said(ResponseFinished(response(f"resp_{number}", "cancelled")))

    assert [] == story.said(delta(20, response_id="resp_2")).told
    assert ["response_started", "audio"] == story.said(delta(20, response_id="resp_0")).told


def test_the_rest_of_an_answer_is_let_out_at_its_end(stage):
    """Though its audio had no end of its own: the next must not begin with it."""
    story = stage(passes_through=False).connected()
    story.said(ResponseCreated(response())).said(delta(100))

    assert story.said(DONE).did(commands.FlushDownlink)


def test_a_request_without_room_is_refused(stage):
    """The item has the last place that there is."""
    story = stage(message_burst=1000.0).opened()
    for _ in range(255):
        story.client(asked.CommitAudio()).feed(FLUSHED)
    assert ["server_busy"] == story.client(asked.Text("a")).errors
    assert ["server_busy"] == story.client(asked.Text("b")).errors
    story.client(asked.CommitAudio()).feed(FLUSHED)

    assert ["audio_backlog"] == story.errors


def test_an_interrupted_request_that_is_refused_is_not_made_again(story):
    """The model had an answer of its own, of which we do not know."""
    story.connected().client(asked.Text("a")).client(asked.Interrupt())
    story.said(error("conversation_already_has_active_response", "parley_response_1"))

    assert [] == story.tick(5.0).asked
    assert [] == story.tick(15.0).told


def test_a_turn_after_an_interrupted_request_that_was_refused_is_asked_for(story):
    """At once, as nothing is under way of which we know."""
    story.connected().client(asked.Text("one")).client(asked.Interrupt())
    story.said(UpstreamError(ErrorFacts("e", "conversation_already_has_active_response")))

    assert "response.create" in story.client(asked.Text("two")).asked


def test_a_model_is_given_up_only_if_it_is_busy_again_and_again(story):
    """An answer between shows that it is not stuck."""
    story.connected()
    for number in (1, 3):
        story.client(asked.Text("a"))
        busy = error("conversation_already_has_active_response", f"parley_response_{number}")
        story.said(busy).tick(story.now + 5.0)
        assert ["response.cancel", "response.create"] == story.asked
        story.said(ResponseCreated(response(f"resp_{number}")))
        story.said(ResponseFinished(response(f"resp_{number}", "completed")))

    assert not any(isinstance(command, commands.CloseUpstream) for command in story.all)


def test_turns_that_waited_for_a_late_request_are_told_with_it(story):
    """One error covers them; none is asked for behind it."""
    story.connected().client(asked.Text("a")).client(asked.Text("b")).tick(15.0)

    assert ["upstream_timeout"] == story.errors
    assert [] == story.asked


def test_words_of_the_user_that_were_under_way_end_with_the_model(story):
    """As those of the answer do."""
    story.connected().said(UserTranscriptDelta("item_u", "hel")).lost()

    final = {"role": "user", "item_id": "item_u", "text": "hel", "final": True}
    assert ("transcript", final) in story.messages


def logged(story, event="upstream_late"):
    lines = [c for c in story.fresh if isinstance(c, commands.Log) and c.event == event]
    return [dict(line.fields) for line in lines]


def sentences(story):
    return [data["sentence"] for name, data in story.messages if name == "error"]


def test_a_late_beginning_is_logged_and_told(story):
    """With what was waited for, and with what the client may do."""
    story.connected().client(asked.Text("a", ref="t")).tick(15.0)

    assert [{"waited_for": "response.created"}] == logged(story)
    assert ["The model did not begin to answer in time. Ask again."] == sentences(story)
    assert "t" == story.messages[-1][1]["ref"]


def test_a_late_piece_and_a_late_end_are_logged_and_told(story):
    """Each as what it is."""
    answering(story).tick(20.0)
    assert [{"waited_for": "response"}] == logged(story)
    assert ["The answer stopped half way, and was ended. Ask again."] == sentences(story)

    story.tick(25.0)
    assert [{"waited_for": "response.done"}] == logged(story)
    assert [] == story.told


def test_a_model_that_is_busy_for_ever_is_logged(stage):
    """And each of our cancels has a name of its own."""
    story = stage(**FORGETFUL).connected().client(asked.Text("a", ref="t"))
    story.said(error("conversation_already_has_active_response", "parley_response_1")).tick(5.0)
    assert [{"waited_for": "unknown_response"}] == logged(story)
    assert CancelResponse(None, "parley_cancel_1") == story.orders[0]
    assert "parley_response_2" == story.orders[1].event_id
    story.said(error("conversation_already_has_active_response", "parley_response_2")).tick(10.0)

    (lost,) = logged(story, "upstream_lost")
    assert {"cause": "stalled", "stage": "open", "detail": "busy"}.items() <= lost.items()
    assert ["The model was lost before it answered. Say it again."] == sentences(story)
    assert "t" == story.messages[-1][1]["ref"]


def test_a_refused_request_is_told_with_its_reason(story):
    """By the name that the client gave its turn, if it is about the last request."""
    story.connected().client(asked.Text("a", ref="t"))
    story.said(error("invalid_value", "parley_response_1"))

    assert ["The model refused to answer (invalid_value)."] == sentences(story)
    assert "t" == story.messages[-1][1]["ref"]
    assert ["The model refused to answer (no reason given)."] == sentences(
        story.said(error("", "parley_response_7"))
    )
    assert "ref" not in story.messages[-1][1]


def test_of_two_turns_one_that_is_refused_leaves_one(story):
    """Both were waiting, as the answer to an earlier one ran."""
    answering(story).client(asked.Text("b")).client(asked.Text("c"))
    story.said(error("invalid_value", "parley_text_2"))
    assert ["response.create"] == story.said(ResponseFinished(response(status="cancelled"))).asked


def test_turns_that_are_all_refused_are_not_asked_for(story):
    """Nor counted below none."""
    answering(story).client(asked.Text("b"))
    for _ in range(3):
        story.said(error("invalid_value", "parley_text_2"))
    assert [] == story.said(ResponseFinished(response(status="cancelled"))).asked

    assert "response.create" in story.client(asked.Text("c")).asked


@pytest.mark.parametrize(
    ("facts", "said", "logs"),
    [
        (None, "no reason given", [("response_failed", {"code": ""})]),
        (ErrorFacts(), "no reason given", [("response_failed", {"code": ""})]),
        (
            ErrorFacts("server_error"),
            "server_error",
            [("response_failed", {"code": "server_error"})],
        ),
        (ErrorFacts("server_error", "odd"), "odd", [("response_failed", {"code": "odd"})]),
        (
            ErrorFacts("x", "insufficient_quota"),
            "insufficient_quota",
            [
                ("response_failed", {"code": "insufficient_quota"}),
                ("upstream_rejected", {"cause": "insufficient_quota"}),
            ],
        ),
        (
            ErrorFacts("insufficient_quota"),
            "insufficient_quota",
            [
                ("response_failed", {"code": "insufficient_quota"}),
                ("upstream_rejected", {"cause": "insufficient_quota"}),
            ],
        ),
    ],
)
def test_an_answer_that_fails_is_told_with_its_reason(story, facts, said, logs):
    """Behind its end, with the name of the turn; the operator has a line, or two if he must act."""
    story.connected().client(asked.Text("hello", ref="t1")).said(ResponseCreated(response()))
    story.said(ResponseFinished(response(status="failed", status_details=StatusDetails(facts))))

    assert ["response_done", "error"] == story.told
    [sentence] = sentences(story)
    assert f"The model failed to answer ({said})." == sentence
    assert "t1" == story.messages[-1][1]["ref"]
    lines = [(c.event, dict(c.fields)) for c in story.fresh if isinstance(c, commands.Log)]
    assert logs == [line for line in lines if line[0] != "response_done"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (None, "completed"),
        ("", "completed"),
        ("incomplete", "incomplete"),
        ("cancelled", "cancelled"),
        ("odd", "failed"),
    ],
)
def test_how_an_answer_ended(story, status, told):
    """As the model says; a word that there is not is no good one."""
    answering(story).said(ResponseFinished(response(status=status)))

    assert [("resp_1", told)] == done_of(story)


@pytest.mark.parametrize("places", [1, 0], ids=["for the item", "for nothing"])
def test_a_turn_that_cannot_be_asked_for_is_refused_with_its_name(stage, places):
    """And when to come again."""
    story = stage(message_burst=1000.0).opened()
    for _ in range(ORDERS_HELD - places):
        story.client(asked.CommitAudio()).feed(FLUSHED)
    story.client(asked.Text("a", ref="t1"))
    [data] = [data for name, data in story.messages if name == "error"]

    assert ("server_busy", 1000, "t1", True) == tuple(
        data[name] for name in ("code", "retry_after_ms", "ref", "retryable")
    )
    assert (
        "Too much is waiting for the model. Send it again when it is connected."
        == (data["sentence"])
    )


def test_what_is_asked_while_an_answer_runs_is_asked_at_its_end(story):
    """Once, for all that waits."""
    story.connected()
    story.said(ResponseCreated(response()))
    story.session._conductor.answers.asking.want(None)
    story.session._conductor.answers.asking.want(None)
    story.session._actions.take()
    assert ["response.create"] == story.said(DONE).asked

    assert [] == story.said(ResponseCreated(response("resp_2"))).asked
    assert [] == story.said(ResponseFinished(response("resp_2", "completed"))).asked


def test_an_answer_without_a_name_of_which_only_the_end_comes_is_what_was_asked(story):
    """Also if nobody wants it any more; without a request it is nothing."""
    story.connected()
    assert [] == story.said(ResponseFinished(response("", "completed"))).told
    story.client(asked.Text("a"))
    assert ["response_started", "response_done"] == (
        story.said(ResponseFinished(response("", "completed"))).told
    )
    story.client(asked.Text("b")).client(asked.Interrupt())

    story.said(ResponseFinished(response("", "completed")))
    assert "response_done" in story.told


@pytest.mark.parametrize(("is_cut", "status"), [(True, "cancelled"), (False, "incomplete")])
def test_how_an_answer_ended_whose_end_never_came(story, is_cut, status):
    """The next has begun, and a model has but one."""
    answering(story)
    if is_cut:
        story.client(asked.Interrupt())
    story.said(ResponseCreated(response("resp_2")))

    assert [("resp_1", status)] == done_of(story)


def test_a_typed_turn_has_a_name_for_the_model(story):
    """By which it may refuse it."""
    story.connected().client(asked.Text("a"))
    assert "parley_text_1" == story.orders[0].event_id

    assert "parley_text_2" == story.client(asked.Text("b")).orders[0].event_id


def test_busy_without_a_name_is_about_what_was_asked(story):
    """Not every server says which order its error is about; the turn is asked for again."""
    story.connected().client(asked.Text("a", ref="t"))
    story.said(error("conversation_already_has_active_response"))
    begun = story.said(ResponseCreated(response()))
    assert [] == begun.asked

    assert ["response.create"] == story.said(DONE).asked


def test_words_that_could_not_be_written_down_are_logged_with_the_reason(story):
    """In a word of the model's that is safe to log."""
    story.connected()
    story.session._conductor.answers.on_user_transcript_failed("item_u", "audio_unintelligible")
    story.tick(1.0)

    codes = [
        c.fields["code"]
        for c in story.all
        if isinstance(c, commands.Log) and c.event == "transcription_failed"
    ]
    assert ["audio_unintelligible"] == codes


@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_interrupted_before_there_is_a_model_is_not_asked_of_it(stage, is_first):
    """The turn stands; an answer would be paid for, and cancelled when it begins."""
    story = stage().opened() if is_first else stage().connected().lost()
    story.client(asked.Text("Tell me.")).client(asked.Interrupt())
    story.client(asked.Text("No, this."))
    story.tick(at=story.session.timers.earliest) if not is_first else None
    story.model_ready()

    wanted = ["conversation.item.create", "conversation.item.create", "response.create"]
    assert wanted == [kind for kind in story.asked if kind != "session.update"]
    assert ["response_started"] == story.said(ResponseCreated(response())).told
    assert [] == story.orders


def test_a_turn_that_is_refused_asks_for_nothing_that_has_not_left(stage):
    """Its request waits for the model's socket."""
    story = stage().connected().client(asked.Text("a"))
    story.said(ResponseCreated(response())).said(DONE)
    story.feed(events.UpstreamBacklog(2 << 20)).client(asked.Text("b"))
    story.said(error("invalid_value", "parley_text_2")).feed(events.UpstreamBacklog(0))

    assert ["conversation.item.create"] == story.asked
