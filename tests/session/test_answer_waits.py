"""How long the user waited for an answer, and for whom: on a clock in the test's hand."""

from dataclasses import replace

import pytest

from tests.session.story import Story, converted, delta, response
from tests.session.test_tools import RULES, begins, calls, done, ends
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import commands, events
from tornado_app.session.answer_waits import ANSWERS_KEPT

COMMIT_MS = 200


def waits(told):
    """Every wait that the client was told, on which message."""
    return [(name, data["wait"]) for name, data in told.all_messages if "wait" in data]


def wait_of(told):
    """The only one that the last event led to."""
    [data] = [data for _, data in told.messages if "wait" in data]
    wait = data["wait"]
    logs = [c for c in told.fresh if isinstance(c, commands.Log) and c.event == "answer_heard"]
    [logged] = [dict(log.fields) for log in logs]
    del logged["response_id"]
    assert {"tools_ms": None} | wait == logged
    return wait


def typed(told, at):
    return told.client(asked.Text("hello"), at)


def answers(told, begun_at, heard_at, response_id="resp_1", item_id="item_a"):
    told.said(realtime.ResponseCreated(response(response_id)), begun_at)
    return told.said(delta(100, item_id, response_id), heard_at)


def test_a_typed_turn_waits_for_the_model(story):
    """From the message to the first of the answer; what comes behind it carries none."""
    typed(story.connected(), 1.0)
    answers(story, 1.1, 1.5)
    assert {"model_ms": 500.0, "gateway_ms": 0.0} == wait_of(story)
    story.said(delta(100))
    story.said(delta(100, "item_b"))
    story.said(realtime.ResponseFinished(response(status="completed")))

    assert 1 == len(waits(story))


def test_a_spoken_turn_counts_from_its_end(story):
    """As the model says it; the voice before that is no wait."""
    story.connected().said(realtime.UserSpeechStarted("item_u", 0), 1.0)
    story.said(realtime.UserSpeechStopped("item_u", 900), 2.0)
    answers(story, 2.1, 2.75)

    assert {"model_ms": 750.0, "gateway_ms": 0.0} == wait_of(story)


@pytest.mark.parametrize("turn_detection", ["none", "server_vad"])
def test_a_commit_counts_from_the_clients_word(stage, turn_detection):
    """What the pool takes for the last of the audio is the gateway's time."""
    told = stage(turn_detection=turn_detection).connected().speak(COMMIT_MS, 1.0)
    told.client(asked.CommitAudio(), 2.0)
    told.feed(events.UplinkReady(converted(0, 0, b"")), 2.25)
    told.said(realtime.Committed("item_u"), 2.5)
    answers(told, 2.6, 3.0)

    assert {"model_ms": 750.0, "gateway_ms": 250.0} == wait_of(told)


def test_a_typed_turn_behind_a_commit_counts_from_when_it_came(stage):
    """It waits with the commit, and the last turn is the one that is answered."""
    told = stage(turn_detection="none").connected().speak(COMMIT_MS, 1.0)
    told.client(asked.CommitAudio(), 2.0)
    told.client(asked.Text("and"), 2.1)
    told.feed(events.UplinkReady(converted(0, 0, b"")), 2.25)
    told.said(realtime.Committed("item_u"), 2.3)
    answers(told, 2.6, 3.0)

    assert {"model_ms": 750.0, "gateway_ms": 150.0} == wait_of(told)


def test_what_a_slow_client_or_a_conversion_takes_is_the_gateways(stage):
    """The first is when the model's audio came; the last when the client is told."""
    told = stage(passes_through=False).connected()
    typed(told, 1.0)
    answers(told, 1.1, 1.5)
    assert [] == waits(told)
    told.feed(events.DownlinkReady(converted(100)), 1.75)
    assert {"model_ms": 500.0, "gateway_ms": 250.0} == wait_of(told)

    slow = stage().connected()
    typed(slow, 1.0)
    slow.is_full = True
    answers(slow, 1.1, 1.5)
    slow.said(delta(100), 1.6)
    slow.is_full = False
    slow.feed(events.ClientHasRoom(), 2.0)
    assert {"model_ms": 500.0, "gateway_ms": 500.0} == wait_of(slow)


def test_tools_are_waited_for_while_they_alone_run():
    """Not while the answer that called goes on, nor when the next is on its way."""
    told = typed(Story(tools=RULES).connected(), 1.0)
    told.said(realtime.ResponseCreated(response()), 1.1)
    told.now = 1.5
    calls(told)
    told.now = 1.75
    ends(told)
    done(told, at=3.0)
    answers(told, 3.2, 3.5, "resp_2")

    assert {"model_ms": 1250.0, "gateway_ms": 0.0, "tools_ms": 1250.0} == wait_of(told)


def test_several_tools_at_once_count_once_and_one_after_the_other_twice():
    """It is the caller's time."""
    told = begins(typed(Story(tools=RULES).connected(), 0.0))
    calls(told, "c1")
    calls(told, "c2")
    ends(told)
    done(told, "c1", at=1.0)
    done(told, "c2", at=2.0)
    begins(told, "resp_2")
    ends(calls(told, "c3", "resp_2"), "resp_2")
    done(told, "c3", at=2.5)
    answers(told, 2.75, 3.0, "resp_3")

    assert {"model_ms": 500.0, "gateway_ms": 0.0, "tools_ms": 2500.0} == wait_of(told)


def test_each_answer_of_a_turn_says_how_long_the_turn_has_been():
    """Words before the call, and the answer behind it."""
    told = typed(Story(tools=RULES).connected(), 0.0)
    answers(told, 0.2, 0.5)
    told.now = 1.0
    ends(calls(told))
    done(told, at=2.0)
    answers(told, 2.2, 2.5, "resp_2", "item_b")

    assert [
        {"model_ms": 500.0, "gateway_ms": 0.0},
        {"model_ms": 1500.0, "gateway_ms": 0.0, "tools_ms": 1000.0},
    ] == [wait for _, wait in waits(told)]


@pytest.mark.parametrize(("is_heard", "model_ms"), [(True, 1500.0), (False, 21_500.0)])
def test_the_rest_of_an_answer_counts_from_where_it_broke_off(story, is_heard, model_ms):
    """What was heard before is no wait; of an answer of which nothing was, all of it is."""
    typed(story.connected(), 0.0)
    story.said(realtime.ResponseCreated(response("resp_1")), 0.2)
    if is_heard:
        story.said(delta(100, "item_a", "resp_1"), 0.5)
    story.now = 20.0
    story.lost().model_ready()
    answers(story, 21.0, 21.5, "resp_2", "item_b")

    assert {"model_ms": model_ms, "gateway_ms": 0.0} == waits(story)[-1][1]


@pytest.mark.parametrize("is_over_first", [True, False])
def test_the_answer_behind_a_sentence_that_filled_the_wait_has_waited_since_the_turn(is_over_first):
    """Such a sentence is no answer that broke off, whether it or the tool is over first."""
    told = Story(tools=replace(RULES, filler="One moment.", filler_after_ms=1000)).connected()
    ends(calls(begins(typed(told, 0.0))))
    told.tick(1.0)
    answers(told, 1.1, 1.5, "resp_2", "item_b")
    if is_over_first:
        ends(told, "resp_2")
        done(told, at=2.0)
    else:
        done(told, at=2.0)
        ends(told, "resp_2")
    answers(told, 2.2, 2.5, "resp_3", "item_c")

    wait = wait_of(told)
    assert wait["tools_ms"] > 0
    assert 2500.0 == sum(wait.values())


def test_a_tool_that_runs_on_is_not_what_the_next_turn_waits_for():
    """Neither while it runs nor when it ends; nor what ran of it before the words came."""
    told = begins(typed(Story(tools=RULES).connected(), 0.0))
    ends(calls(told))
    typed(told, 1.0)
    done(told, at=1.2)
    answers(told, 1.3, 1.5, "resp_2")

    assert {"model_ms": 500.0, "gateway_ms": 0.0} == wait_of(told)


def test_a_client_that_reads_late_does_not_wait_for_tools_twice():
    """What came before the call is the gateway's time, however long the tool runs meanwhile."""
    told = typed(Story(tools=RULES).connected(), 0.0)
    told.is_full = True
    answers(told, 0.2, 0.5)
    ends(calls(told))
    told.tick(3.0)
    told.is_full = False
    told.feed(events.ClientHasRoom(), 3.0)

    assert {"model_ms": 500.0, "gateway_ms": 2500.0, "tools_ms": 0.0} == wait_of(told)


def test_an_answer_to_nobody_counts_from_its_beginning(story):
    """The model speaks by itself, long after the turn before; so does one that was asked for."""
    typed(story.connected(), 1.0)
    answers(story, 1.1, 1.5)
    story.said(realtime.ResponseFinished(response(status="completed")), 2.0)
    answers(story, 60.0, 60.25, "resp_2", "item_b")

    assert {"model_ms": 250.0, "gateway_ms": 0.0} == wait_of(story)


def test_the_end_of_an_answer_does_not_end_the_turn_behind_it(story):
    """Which had come before the model said that the other was over."""
    typed(story.connected(), 1.0)
    answers(story, 1.1, 1.5)
    typed(story, 2.0)
    story.said(realtime.ResponseFinished(response(status="cancelled")), 2.1)
    answers(story, 2.2, 2.5, "resp_2", "item_b")

    assert {"model_ms": 500.0, "gateway_ms": 0.0} == wait_of(story)


def test_an_answer_that_was_interrupted_unheard_has_none(story):
    """Nobody waits for it, and its place is not taken by the next."""
    typed(story.connected(), 1.0)
    story.is_full = True
    answers(story, 1.1, 1.5)
    story.client(asked.Interrupt(), 1.6)
    story.is_full = False
    story.said(delta(100), 1.7)
    assert [] == waits(story)
    assert ({}, {}) == (
        story.session._conductor.answers.waits.open,
        story.session._conductor.answers.waits.texts,
    )


def test_an_answer_without_a_word_leaves_nothing_behind(story):
    """As one that only calls tools."""
    typed(story.connected(), 1.0)
    story.said(realtime.ResponseCreated(response()), 1.1)
    story.said(realtime.ResponseFinished(response(status="completed")), 1.2)

    assert {} == story.session._conductor.answers.waits.open


@pytest.mark.parametrize(
    "first",
    [
        realtime.AnswerTextDelta("resp_1", "item_a", "Hel"),
        realtime.AnswerTextDone("resp_1", "item_a", "Hello."),
    ],
)
def test_a_written_answer_carries_it_on_its_first_words(story, first):
    """The first transcript of it, be it the only one."""
    typed(story.connected(), 1.0)
    story.said(realtime.ResponseCreated(response()), 1.1)
    story.said(first, 1.5)
    assert {"model_ms": 500.0, "gateway_ms": 0.0} == wait_of(story)
    story.said(realtime.AnswerTextDelta("resp_1", "item_a", "lo."), 1.6)
    story.said(realtime.AnswerTextDone("resp_1", "item_a", "Hello."), 1.7)
    story.said(realtime.ResponseFinished(response(status="completed")), 1.8)

    assert ["transcript"] == [name for name, _ in waits(story)]
    assert ({}, {}) == (
        story.session._conductor.answers.waits.open,
        story.session._conductor.answers.waits.texts,
    )


def test_the_words_of_a_spoken_answer_carry_none(story):
    """Its audio does, whichever comes first; and the user's own words are no answer."""
    typed(story.connected(), 1.0)
    story.said(realtime.ResponseCreated(response()), 1.1)
    story.said(realtime.UserTranscriptDone("item_u", "hello"), 1.2)
    story.said(realtime.AnswerTranscriptDelta("resp_1", "item_a", "Hel"), 1.3)
    story.said(delta(100), 1.5)

    assert [("audio", {"model_ms": 500.0, "gateway_ms": 0.0})] == waits(story)


def test_answers_of_which_all_was_lost_are_not_kept_for_ever(stage):
    """Their only piece could not be converted, or their words are of items without end."""
    told = stage(passes_through=False).connected()
    for number in range(ANSWERS_KEPT + 9):
        answers(told, number, number, f"r{number}")
        told.feed(events.DownlinkReady(events.Unusable(None)))
        told.said(realtime.ResponseFinished(response(f"r{number}", "completed")))
    assert ANSWERS_KEPT == len(told.session._conductor.answers.waits.open)
    told.said(realtime.ResponseCreated(response("last")))
    for number in range(ANSWERS_KEPT + 9):
        told.session._conductor.answers.waits.written("last", f"item_{number}")

    assert ANSWERS_KEPT == len(told.session._conductor.answers.waits.texts)


def test_parts_are_told_to_a_tenth_of_a_millisecond(story):
    """And add up to the whole as it is told."""
    typed(story.connected(), 1.0)
    story.is_full = True
    answers(story, 1.1, 1.43212)
    story.is_full = False
    story.feed(events.ClientHasRoom(), 1.55558)

    assert {"model_ms": 432.1, "gateway_ms": 123.5} == wait_of(story)


def test_words_of_another_item_take_no_wait_of_a_written_answer(story):
    """Nor do those of the user's, which may come between."""
    typed(story.connected(), 1.0)
    story.said(realtime.ResponseCreated(response()), 1.1)
    story.is_full = True
    story.said(realtime.UserTranscriptDone("item_u", "hello"), 1.2)
    story.said(realtime.AnswerTextDelta("resp_1", "item_a", "Hel"), 1.5)
    story.is_full = False
    story.feed(events.ClientHasRoom(), 1.6)

    assert [("item_a", {"model_ms": 500.0, "gateway_ms": 100.0})] == [
        (data["item_id"], data["wait"]) for _, data in story.all_messages if "wait" in data
    ]
