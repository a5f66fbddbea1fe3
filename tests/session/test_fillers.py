"""What the model is asked to say while a tool takes long, and when it is not."""

import json
from dataclasses import replace

import pytest
from openai.types.realtime import ResponseCreateEvent

from tests.session.story import FORGETFUL, Story, delta, model_session, response
from tests.session.test_client_tools import COLOUR, RED, answers
from tests.session.test_tools import (
    CLOCK,
    RULES,
    WEATHER,
    asks,
    begins,
    calls,
    done,
    ends,
    logged,
    outputs,
)
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Manners
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import CancelResponse, CreateResponse
from tornado_app.session import commands
from tornado_app.session.following import ANSWER_S

PATIENT = replace(RULES, filler="One moment.", filler_after_ms=1000)
BODY = {
    "instructions": "Say exactly this: One moment.\nSay nothing else.",
    "tool_choice": "none",
}


def story(rules=PATIENT, **changes):
    return Story(**({"tools": rules} | changes)).connected()


def asking(rules=PATIENT, **changes):
    """A typed turn, and an answer that has called a tool and ended, all at once."""
    told = story(rules, **changes)
    told.client(asked.Text("How is the weather?", ref="t1"))
    return ends(calls(begins(told)))


def fillers(told):
    """How many were asked for in all."""
    orders = [c.order for c in told.all if isinstance(c, commands.SendUpstream)]
    return sum(isinstance(order, CreateResponse) and order.response == BODY for order in orders)


def filling(**changes):
    """A filler that has begun."""
    told = asking(**changes).tick(1.0)
    assert 1 == fillers(told)
    return begins(told, "resp_2")


def error(code, event_id="parley_response_2", kind="invalid_request_error"):
    return realtime.UpstreamError(realtime.ErrorFacts(kind, code, event_id=event_id))


def test_a_tool_that_takes_long_has_the_model_say_a_word():
    """An answer of the turn's own name, that continues; the answer to the result follows it."""
    told = asking()
    assert 1.0 == told.session.timers.earliest
    assert [] == told.tick(0.999).asked
    [order] = told.tick(1.0).orders
    assert BODY == order.response
    ResponseCreateEvent.model_validate(json.loads(encode_order(order)))
    assert [("get_weather",)] == [
        (c.fields["name"],)
        for c in told.all
        if isinstance(c, commands.Log) and c.event == "tool_filler"
    ]

    begins(told, "resp_2")
    assert [("response_started", {"response_id": "resp_2", "ref": "t1"})] == told.messages
    assert ["audio"] == told.said(delta(500, "item_b", "resp_2")).told
    assert ["conversation.item.create"] == done(told, at=2.0).asked

    ends(told, "resp_2")
    assert (True, "t1", "completed") == tuple(
        told.messages[-1][1][name] for name in ("continues", "ref", "status")
    )
    [order] = told.orders
    assert order.response is None
    begins(told, "resp_3")
    assert "t1" == told.messages[0][1]["ref"]
    ends(told, "resp_3")
    assert "continues" not in told.messages[-1][1]
    assert 1 == fillers(told)


def test_it_is_off_unless_somebody_says_what_is_to_be_said():
    """Nothing is asked, and nothing wakes us, before the time of the tool is over."""
    told = asking(RULES)

    assert 5.0 == told.session.timers.earliest
    assert [] == told.tick(4.9).asked


def test_a_result_that_comes_in_time_needs_none():
    """Not even where the answer to it is on its way when the time comes."""
    told = done(asking(), at=0.9)
    assert 1 == asks(told) - 1
    told.tick(1.0)
    begins(told, "resp_2")
    told.tick(1.5)

    assert 0 == fillers(told)


@pytest.mark.parametrize(
    ("default", "manners", "wakes_at", "said"),
    [
        ("", Manners("My own.", None), 2.0, "My own."),
        ("", Manners("My own.", 300.0), 0.3, "My own."),
        ("One.", Manners(None, 300.0), 0.3, "One."),
        ("One.", Manners(None, None), 2.0, "One."),
        ("One.", Manners("", 300.0), 5.0, None),
        ("", Manners(None, 300.0), 5.0, None),
        ("", Manners(None, None), 5.0, None),
    ],
)
def test_each_tool_may_have_its_own(default, manners, wakes_at, said):
    """Sentence and time apart; what it does not say is as for all."""
    rules = replace(RULES, functions=(replace(WEATHER, manners=manners),), filler=default)
    told = asking(rules)
    assert wakes_at == told.session.timers.earliest
    orders = told.tick(min(wakes_at, 4.0)).orders

    asks_for = [o.response["instructions"] for o in orders if isinstance(o, CreateResponse)]
    assert ([] if said is None else [f"Say exactly this: {said}\nSay nothing else."]) == asks_for


def test_the_first_of_several_that_is_due_is_said():
    """And no other in this turn."""
    slow = replace(WEATHER, manners=Manners("Slow.", 1000.0))
    quick = replace(CLOCK, manners=Manners("Quick.", 500.0))
    told = begins(story(replace(RULES, functions=(slow, quick))))
    calls(told, "c1")
    calls(told, "c2", name="get_time", arguments="{}")
    ends(told)
    [order] = told.tick(0.5).orders
    assert "Quick." in order.response["instructions"]
    ends(begins(told, "resp_2"), "resp_2")

    assert [] == told.tick(1.9).asked


def test_a_tool_of_the_clients_may_be_waited_for_as_well():
    """With what is said of all tools."""
    told = story(model_session=model_session(tools=(COLOUR,)))
    ends(calls(begins(told), name="set_colour", arguments=RED))
    told.tick(1.0)
    assert 1 == fillers(told)
    answers(ends(begins(told, "resp_2"), "resp_2"))

    assert ["conversation.item.create", "response.create"] == told.asked


def test_there_is_one_in_a_turn_and_the_next_turn_may_have_one():
    """However many tools the model calls one after the other."""
    told = filling()
    ends(told, "resp_2")
    done(told, at=2.0)
    ends(calls(begins(told, "resp_3"), "c2", "resp_3"), "resp_3")
    assert [] == told.tick(4.0).asked
    ends(begins(done(told, "c2"), "resp_4"), "resp_4")

    told.client(asked.Text("And in Rome?"), at=10.0)
    ends(calls(begins(told, "resp_5"), "c3", "resp_5"), "resp_5")
    told.tick(11.0)
    assert 2 == fillers(told)


def test_what_has_just_been_heard_is_waited_from():
    """The model's own "let me look" is a second long; the silence begins behind it."""
    told = begins(story())
    told.said(delta(1000), at=0.5)
    ends(calls(told))

    told.tick(2.4)
    assert 0 == fillers(told)
    told.tick(2.5)
    assert 1 == fillers(told)


def test_an_answer_that_has_not_ended_is_not_talked_into():
    """It is said behind it, at once if the time is over by then."""
    told = calls(begins(story()))
    told.tick(3.0)
    assert 0 == fillers(told)
    ends(told)

    assert 1 == fillers(told)


def test_nothing_is_said_while_the_user_speaks():
    """Nor behind it: the model answers what they said, and that is another turn."""
    told = asking()
    told.said(realtime.UserSpeechStarted("item_u", 0), at=0.9)
    told.tick(1.5)
    told.said(realtime.UserSpeechStopped("item_u", 600), at=1.6)
    told.tick(1.6 + ANSWER_S + 1)
    assert 0 == fillers(told)

    assert ["conversation.item.create", "response.create"] == done(told).asked


def test_a_sentence_that_has_not_begun_when_the_user_speaks_is_cancelled():
    """And what comes of it is for nobody."""
    told = asking().tick(1.0)
    told.said(realtime.UserSpeechStarted("item_u", 0), at=1.05)
    begins(told, "resp_2")
    assert [CancelResponse("resp_2", "parley_cancel_1")] == told.orders
    assert [] == told.said(delta(20, "item_b", "resp_2")).told

    ends(told, "resp_2", "cancelled")
    assert "continues" not in told.messages[-1][1]


def test_a_typed_turn_cancels_one_that_has_not_begun():
    """The answer to the turn comes in its place."""
    told = asking().tick(1.0)
    told.client(asked.Text("Never mind.", ref="t2"))
    begins(told, "resp_2")
    assert ["response.cancel"] == told.asked
    assert [] == told.said(delta(20, "item_b", "resp_2")).told
    ends(told, "resp_2", "cancelled")

    assert ["response.create"] == told.asked
    assert "t2" == begins(told, "resp_3").messages[0][1]["ref"]


def test_a_barge_in_ends_it_and_the_result_asks_for_nothing():
    """As for any answer; the conversation keeps what was heard of the sentence."""
    told = filling()
    told.said(delta(2000, "item_b", "resp_2"), at=1.1)
    told.said(realtime.UserSpeechStarted("item_u", 0), at=1.6)
    assert ["conversation.item.truncate"] == told.asked
    assert [500] == [data["heard_ms"] for name, data in told.messages if name == "interrupted"]
    ends(told, "resp_2", "cancelled")
    assert "continues" not in told.messages[-1][1]

    assert ["conversation.item.create"] == done(told).asked
    assert {"c1": "It is 4 degrees."} == outputs(told)


def test_it_is_not_said_of_a_call_that_was_interrupted():
    """Nobody waits for its result."""
    told = asking().client(asked.Interrupt(), at=0.5)

    assert 5.0 == told.session.timers.earliest
    assert [] == told.tick(2.0).asked


def test_an_interrupt_takes_back_one_that_was_asked_for():
    """It is cancelled when it begins."""
    told = asking().tick(1.0)
    told.client(asked.Interrupt(), at=1.01)

    assert ["response.cancel"] == begins(told, "resp_2").asked


def test_it_waits_until_the_model_takes_orders_at_once():
    """What would be said late is not asked for early."""
    told = asking()
    told.session._model.gate.on_unsent(1 << 30)
    told.tick(1.0)
    assert 0 == fillers(told)
    told.session._model.gate.on_unsent(0)
    told.tick(1.5)

    assert 1 == fillers(told)


def test_a_model_that_is_busy_is_not_asked_again():
    """Whatever it says is heard; that one is none of ours, and is the end of the turn."""
    told = asking().tick(1.0)
    begins(told, "resp_2")
    told.said(error("conversation_already_has_active_response"))
    assert [] == told.told
    ends(told, "resp_2")
    assert "continues" not in told.messages[-1][1]
    assert [] == told.asked

    assert ["conversation.item.create", "response.create"] == done(told).asked
    assert 1 == fillers(told)


def test_a_model_that_is_busy_with_what_it_does_not_tell():
    """The answer to the result waits for the end of that."""
    told = asking().tick(1.0)
    told.said(error("conversation_already_has_active_response"))

    assert ["conversation.item.create", "response.create"] == done(told).asked
    assert 1 == fillers(told)


def test_one_that_the_model_refuses_is_nobodys_loss():
    """The client is told nothing; the operator has the line of any error."""
    told = asking().tick(1.0)
    assert [] == told.said(error("invalid_value")).told
    assert ["upstream_error"] == [c.event for c in told.fresh if isinstance(c, commands.Log)]
    assert [] == told.tick(2.0).asked

    assert ["conversation.item.create", "response.create"] == done(told).asked


def test_the_refusal_of_an_older_request_is_told_all_the_same():
    """Only that of the sentence is nobody's."""
    told = asking().tick(1.0)

    assert ["upstream_rejected"] == told.said(error("x", "parley_response_1")).errors


def test_one_that_never_begins_is_given_up():
    """Without a word to the client; the answer to the result is asked for."""
    told = done(asking().tick(1.0), at=2.0)
    told.tick(16.0)
    assert [] == told.told

    assert ["response.create"] == told.asked


def test_one_that_fails_is_followed_by_the_answer():
    """It has an end like any other, and no error."""
    told = filling()
    done(told)
    ends(told, "resp_2", "failed")

    assert [("failed", True)] == [(data["status"], data["continues"]) for _, data in told.messages]
    assert ["response.create"] == told.asked
    assert "response_failed" in [c.event for c in told.fresh if isinstance(c, commands.Log)]


def test_one_that_stops_half_way_is_ended():
    """The same, when the model has said nothing for too long."""
    told = filling().tick(21.0)
    told.tick(22.0)
    done_of = [data for name, data in told.all_messages if name == "response_done"]
    assert [("completed", True), ("failed", True)] == [
        (data["status"], data.get("continues")) for data in done_of
    ]
    assert "error" not in [name for name, _ in told.all_messages]


def test_a_model_that_is_lost_takes_it_along():
    """One error, of the turn and not of the sentence."""
    told = asking(**FORGETFUL).tick(1.0)
    told.lost(Failure("open", "reset"))

    assert [("upstream_unavailable", "t1")] == [
        (data["code"], data["ref"]) for name, data in told.messages if name == "error"
    ]
    assert [("get_weather", "lost")] == logged(told, "tool_done")


def test_it_counts_as_no_answer_in_a_row_of_calls():
    """A model that does nothing but call is stopped all the same."""
    told = filling()
    following = told.session._conductor.answers.tools._following
    done(told)
    assert 1 == following._in_a_row
    ends(told, "resp_2")
    assert 1 == following._in_a_row

    ends(begins(told, "resp_3"), "resp_3")
    assert 0 == following._in_a_row


def test_a_filler_that_calls_a_tool_is_an_answer_that_did():
    """It was told not to, and is heard all the same."""
    told = calls(filling(), "c2", "resp_2")
    done(told)
    ends(told, "resp_2")
    assert told.messages[-1][1]["continues"] is True
    assert ["response.create"] == told.asked
    ends(begins(told, "resp_3"), "resp_3")
    assert told.messages[-1][1].get("continues") is None

    assert ["conversation.item.create", "response.create"] == done(told, "c2").asked


def test_the_end_of_one_behind_the_last_result_that_nobody_waits_for():
    """The client has interrupted something else: then nothing follows."""
    told = filling()
    told.session._conductor.answers.tools._rounds.interrupted()
    ends(told, "resp_2")

    assert "continues" not in told.messages[-1][1]


def test_an_answer_that_continues_says_so_once():
    """`response` is what the model says of it in the end."""
    told = filling()
    told.said(realtime.ResponseFinished(response("resp_2", "completed")))
    told.said(realtime.ResponseFinished(response("resp_2", "completed")))

    assert [] == told.told


def test_a_tool_with_nothing_to_say_keeps_no_other_from_it():
    """Though its time is over first."""
    silent = replace(WEATHER, manners=Manners("", 100.0))
    other = replace(CLOCK, manners=Manners("Quick.", 500.0))
    told = begins(story(replace(RULES, functions=(silent, other))))
    calls(told, "c1")
    calls(told, "c2", name="get_time", arguments="{}")
    ends(told)
    assert [] == told.tick(0.4).asked
    [order] = told.tick(0.5).orders

    assert "Quick." in order.response["instructions"]
