"""Tests of tornado_app/usage/call_usage.py."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.relaying.call import Call as RelayedCall
from tests.session.story import Story, config, delta, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.figures import CostFigures
from tornado_app.protocol.realtime.events import (
    ResponseCreated,
    ResponseFinished,
    UserTranscriptDone,
)
from tornado_app.protocol.realtime.functions import Function, tool_entry
from tornado_app.protocol.realtime.given import PICTURE_TOKENS, given_in
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.session import events
from tornado_app.session.commands import Log
from tornado_app.session.config import ToolRules
from tornado_app.session.relaying.answers import ANSWERS_KEPT
from tornado_app.usage.call_usage import BEGUN_MOST, CallUsage
from tornado_app.usage.prices import read_prices

PRICES = read_prices(
    b"""
[[answers]]
model = "*"
from = 2020-01-01
text_input = 1
audio_input = 10
cached_audio_input = 1
image_input = 5
text_output = 2
audio_output = 20

[[transcriptions]]
model = "dear"
from = 2020-01-01
minute = 0.6
"""
)
MILLION = Decimal(10**6)
DAY = date(2026, 12, 1)
TOKENS = {"text_input": 100, "audio_input": 50, "audio_output": 30}


@dataclass(frozen=True)
class Totals:
    received_ms: float = 0.0
    answered_ms: float = 0.0
    given_text: int = 0
    given_pictures: int = 0


class Call:
    """One, told by its facts."""

    def __init__(self):
        self.totals = Totals()
        self.records = []
        self.config = config()
        self.usage = CallUsage(
            self.config, lambda: self.totals, self.records.append, prices=PRICES, trace_id="t1"
        )

    def hear(self, event, **fields):
        self.usage.hear(event, fields, self.config.opened_at + 1.0)

    def most_of_next(self, tokens=0):
        return self.usage.most_of_next(self.config.opened_at, tokens)

    def done(self, response_id, tokens=TOKENS, status="completed"):
        total = None if tokens is None else sum(tokens.values())
        self.hear(
            "response_done",
            response_id=response_id,
            status=status,
            tokens=total,
            tokens_by_type=tokens or {},
        )


@pytest.fixture
def call():
    return Call()


def test_what_a_call_costs_is_known_while_it_runs(call):
    """With what is estimated, and without what has no price."""
    assert 0 == call.usage.cost
    call.hear("response_begun", response_id="r1")
    call.done("r1")
    call.hear("transcribed", asked_model="dear", tokens_by_type={}, seconds=30.0)
    call.hear("transcribed", asked_model="unknown", tokens_by_type={}, seconds=30.0)
    assert Decimal("0.0012") + Decimal("0.3") == call.usage.cost
    assert CostFigures("0.3012", "USD", 1) == call.usage.figures
    call.hear("response_begun", response_id="r2")
    call.hear("upstream_lost")
    assert call.usage.cost == sum(record.cost for record in call.records if record.cost is not None)
    assert call.records[-1].is_estimated


def test_the_next_answer_may_cost_the_longest_one_and_all_that_was_said(call):
    """With nothing of it in the model's cache, and each that runs as much."""
    longest = Decimal(4096 * 20)
    assert longest / MILLION == call.most_of_next()
    assert Decimal(100 * 20) / MILLION == call.most_of_next(100)
    call.hear("response_begun", response_id="r1")
    call.done("r1", {"text_input": 100, "cached_audio_input": 50, "audio_output": 30, "unnamed": 5})
    call.totals = Totals(received_ms=950.0)
    said = 100 * 1 + 50 * 10 + 30 * 10 + 5 * 1 + 10 * 10
    assert (said + 100 * 20) / MILLION == call.most_of_next(100)
    call.hear("response_begun", response_id="r2")
    call.hear("response_begun", response_id="r3")
    assert 2 * (said + 100 * 20) / MILLION == call.most_of_next(100)


def test_before_the_first_count_the_model_is_given_what_its_call_begins_with():
    """Instructions, tools of both sides and history: a byte is a token at the most."""
    tool = Function("weather", "Tells the wéather.", {"type": "object"})
    history = (Turn("user", "Hello."), Turn("assistant", "Good day."))
    first = config(
        model_session=model_session(instructions="Grüße.", tools=(tool,), history=history),
        tools=ToolRules(functions=(tool,)),
    )
    usage = CallUsage(first, Totals, [].append, prices=PRICES)
    of_tools = 2 * given_in(tool_entry(tool)).text
    given = len("Grüße.".encode()) + of_tools + len("Hello.Good day.")

    assert of_tools > 2 * len("weatherTells the wéather.")
    assert Decimal(given + 100 * 20) / MILLION == usage.most_of_next(first.opened_at, 100)


TURNS = st.lists(
    st.tuples(
        st.integers(0, 3000),  # bytes of text, typed or found by a tool
        st.integers(0, 3),  # pictures
        st.integers(0, 30_000),  # milliseconds of speech
        st.floats(0, 1),  # how many tokens the model makes of them, beside the most
        st.integers(0, 100),  # and of its answer
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=8,
)


@given(TURNS, st.booleans())
def test_no_answer_costs_more_than_was_kept_aside_for_it(turns, is_late):
    """Whatever came since the last count: words, results of tools, pictures, speech.

    *is_late*: more comes while the answer runs, which is not given it, and the next one is.
    """
    call = Call()
    context = {"text_input": 0, "audio_input": 0, "image_input": 0}
    made = 200
    for number, (text, pictures, speech_ms, part, words, sound) in enumerate(turns):
        before = call.totals
        call.totals = Totals(
            before.received_ms + speech_ms,
            before.answered_ms,
            before.given_text + text,
            before.given_pictures + pictures * PICTURE_TOKENS,
        )
        context["text_input"] += int(text * part)
        context["image_input"] += int(pictures * PICTURE_TOKENS * part)
        context["audio_input"] += speech_ms // 100
        most = call.most_of_next(made)
        call.hear("response_begun", response_id=f"r{number}")
        if is_late:
            now = call.totals
            call.totals = Totals(now.received_ms + 900, 0, now.given_text + 70, now.given_pictures)
        tokens = {**context, "text_output": words, "audio_output": sound}
        call.done(f"r{number}", tokens)
        assert call.records[-1].cost <= most
        context["text_input"] += words + (70 if is_late else 0)
        context["audio_input"] += sound + (9 if is_late else 0)


@given(
    st.dictionaries(
        st.sampled_from(["text_input", "audio_input", "cached_audio_input"]), st.integers(0, 10**6)
    ),
    st.integers(0, 4096),
    st.integers(0, 4096),
)
def test_no_answer_to_what_is_known_costs_more(given, words, sound):
    """Whatever of it the model has in its cache, and whatever it makes of the longest."""
    cost = PRICES.of_answer("m", given | {"text_output": words, "audio_output": sound}, DAY)
    assert cost <= PRICES.most_of_answer("m", given, words + sound, DAY)


def test_an_answer_is_a_record_with_what_it_cost(call):
    """By the model that was asked for."""
    call.hear("upstream_dialled", asked_model="gpt-realtime-mini", again=False)
    call.hear("response_begun", response_id="r1")
    call.done("r1")

    [record] = call.records
    assert ("answer", "gpt-realtime-mini", "completed", "r1", "t1") == (
        record.kind,
        record.model,
        record.status,
        record.response_id,
        record.trace_id,
    )
    assert TOKENS == record.tokens
    assert Decimal("0.0012") == record.cost
    assert not record.is_estimated


@pytest.mark.parametrize(
    "ending",
    [
        lambda call: call.hear("upstream_lost", stage="open"),
        lambda call: call.hear("rolled_over", reason="session_limit"),
        lambda call: call.done("r2", None, "incomplete"),
    ],
)
def test_an_answer_whose_end_never_came_is_estimated_once(call, ending):
    """What the model was given before, what was said since, what the user was sent of it."""
    call.hear("response_begun", response_id="r1")
    call.done("r1")
    call.totals = Totals(1000, 0, 41, 765)
    call.hear("response_begun", response_id="r2")
    call.totals = Totals(1000, 500, 41, 765)
    ending(call)
    call.hear("upstream_lost", stage="dial")

    record = call.records[1]
    assert 2 == len(call.records)
    assert record.is_estimated
    counts = {"text_input": 111, "audio_input": 60, "image_input": 765, "audio_output": 10}
    assert counts == record.tokens
    assert Decimal("0.004736") == record.cost


def test_the_end_of_a_call_ends_what_runs(call):
    """The call is a record of its own, the last."""
    call.hear("response_begun", response_id="r1")
    call.hear(
        "session_closed",
        cause="client_gone",
        duration_s=12.5,
        received_ms=9000.0,
        answered_ms=3000.0,
    )

    assert ["answer", "call"] == [record.kind for record in call.records]
    assert (12.5, 9.0, 3.0) == (
        call.records[1].seconds,
        call.records[1].received_s,
        call.records[1].answered_s,
    )
    assert len({record.id for record in call.records}) == 2


def test_an_answer_that_the_model_says_cost_nothing_is_not_estimated(call):
    """And neither is one that nobody saw begin."""
    call.hear("response_begun", response_id="r1")
    call.done("r1", {}, "failed")
    call.done("r2", None, "failed")

    assert [False, False] == [record.is_estimated for record in call.records]
    assert [{}, {}] == [record.tokens for record in call.records]


def test_turns_and_tools_are_records(call):
    """A turn by what its own model counts; no price, no cost."""
    call.hear(
        "transcribed",
        asked_model="a",
        item_id="i1",
        tokens_by_type={"audio_input": 20},
        seconds=0.0,
    )
    call.hear("transcribed", asked_model="a", item_id="i2", tokens_by_type={}, seconds=3.0)
    call.hear("tool_done", name="get_weather", outcome="done", duration_ms=1500.0)
    call.hear("tool_failed", name="of_client", outcome="timeout", duration_ms=30000.0)

    assert [("transcription", 0.0), ("transcription", 3.0), ("tool", 1.5), ("tool", 30.0)] == [
        (record.kind, record.seconds) for record in call.records
    ]
    assert [None] * 4 == [record.cost for record in call.records]
    assert ["done", "timeout"] == [record.status for record in call.records[2:]]


def test_answers_that_never_end_are_bounded(call):
    """A model that only begins cannot fill the memory."""
    for number in range(300):
        call.hear("response_begun", response_id=f"r{number}")
    assert 300 - BEGUN_MOST == len(call.records)
    call.hear("upstream_lost", stage="open")

    assert 300 == len({record.response_id for record in call.records})


def test_as_many_answers_as_a_session_knows_have_their_models_own_count():
    """A client of the API may ask for several at a time, beside the conversation."""
    call = RelayedCall().begun()
    names = [f"resp_{number}" for number in range(ANSWERS_KEPT)]
    for name in names:
        beside = {"conversation": "none"}
        call.asks("response.create", response=beside)
        call.says("response.created", response={"id": name})
    for name in names:
        ended = {"id": name, "status": "completed", "usage": {"total_tokens": 5}}
        call.says("response.done", response=ended)

    records = records_of(call)
    assert names == [record.response_id for record in records]
    assert [{"unnamed": 5}] * len(names) == [record.tokens for record in records]


def test_an_answer_of_an_upstream_that_refuses_is_over():
    """Another is asked; nothing is kept aside any more for what the first one will not say."""
    call = RelayedCall(upstreams=2).begun()
    call.asks("response.create").says("response.created", response={"id": "resp_1"})
    empty = {"type": "insufficient_quota", "code": "insufficient_quota"}
    call.says("error", error=empty).tick(call.session.timers.earliest)
    call.finds_model().says("response.created", response={"id": "resp_2"})
    ended = {"id": "resp_2", "status": "completed", "usage": {"total_tokens": 5}}
    call.says("response.done", response=ended)

    records = records_of(call)
    assert [("resp_1", True), ("resp_2", False)] == [
        (record.response_id, record.is_estimated) for record in records
    ]


def test_a_word_that_only_one_answer_was_refused_ends_no_other(call):
    """The log has it by the same name as the loss of a model."""
    call.hear("response_begun", response_id="r1")
    call.hear("upstream_rejected", cause="insufficient_quota")
    call.done("r1")

    assert [False] == [record.is_estimated for record in call.records]


def a_story():
    """A whole session, whose answer runs."""
    story = Story().connected().client(asked.Text("a"))
    return story.said(ResponseCreated(response())).said(delta(500), at=1.0)


def records_of(story, kind="answer"):
    """Those of a kind that its facts make."""
    records = []
    usage = CallUsage(story.config, story.session.totals, records.append, prices=PRICES)
    for fact in story.all:
        if isinstance(fact, Log):
            usage.hear(fact.event, fact.fields, story.now)
    return [record for record in records if record.kind == kind]


def finished(story, status="completed", response_id="resp_1"):
    output = {"audio_tokens": 30}
    usage = {"total_tokens": 30, "output_token_details": output}
    return story.said(ResponseFinished(response(response_id, status, usage=usage)))


def test_what_is_counted_both_ways_is_no_estimate():
    """A server may write whole numbers as others, and leave the sum to whoever reads them."""
    story = a_story()
    usage = {"input_tokens": 20.0, "output_tokens": 10.0}
    story.said(ResponseFinished(response(status="completed", usage=usage)))

    [record] = records_of(story)
    assert ({"unnamed": 30}, False) == (record.tokens, record.is_estimated)


def never_said(story):
    story.tick(story.now + 20.0)
    story.tick(story.now + 5.0)
    finished(story, "cancelled")


def passed_over(story):
    story.said(ResponseCreated(response("resp_2")))
    finished(story, "cancelled")
    finished(story, response_id="resp_2")


@pytest.mark.parametrize("late_s", [[], [21.0]], ids=["heard", "given up"])
def test_an_answer_costs_what_the_model_says_in_the_end(late_s):
    """Also one that was given up before, as it stalled: its real end comes with the figures."""
    story = a_story()
    for at in late_s:
        assert "response_done" in story.tick(at).told
    finished(story, "cancelled")
    finished(story, "cancelled")

    [record] = records_of(story)
    assert {"audio_output": 30} == record.tokens
    assert ("failed" if late_s else "cancelled", False) == (record.status, record.is_estimated)
    assert 1 == story.session.totals().answers


@pytest.mark.parametrize("late_s", [[], [21.0]], ids=["heard", "given up"])
@pytest.mark.parametrize(
    "ending",
    [
        lambda story: story.lost(),
        lambda story: story.lost().model_ready(),
        lambda story: story.feed(events.ClientGone(1000)),
        never_said,
        passed_over,
    ],
)
def test_an_answer_without_an_end_is_one_record(ending, late_s):
    """Lost with its model, cut off with its call, never said to be over, or passed over."""
    story = a_story()
    for at in late_s:
        story.tick(at)
    ending(story)
    story.feed(events.ClientGone(1000))

    records = [record for record in records_of(story) if record.response_id == "resp_1"]
    assert [True] == [record.is_estimated for record in records]
    assert all(record.tokens for record in records)
    assert len(records_of(story)) >= story.session.totals().answers


def test_an_answer_of_the_next_model_may_have_the_name_of_one_before(call):
    """Names are each model's own."""
    for _ in range(2):
        call.hear("response_begun", response_id="r1")
        call.done("r1")
        call.done("r1")
        call.hear("upstream_lost", stage="open")

    assert [TOKENS, TOKENS] == [record.tokens for record in call.records]


def test_a_turn_is_written_down_by_whom_the_operator_has_asked():
    """Where nobody else may be."""
    story = Story(model_session=model_session(transcription_model="dear")).connected()
    story.said(UserTranscriptDone("item_u", "hello", {"type": "duration", "seconds": 5.0}))

    [record] = records_of(story, "transcription")
    assert ("dear", Decimal("0.05")) == (record.model, record.cost)


def writes_down(call, asked):
    """A client of the API names who is to."""
    audio = {"input": {"transcription": asked}}
    return call.asks("session.update", session={"type": "realtime", "audio": audio})


def words_come(call):
    done = "conversation.item.input_audio_transcription.completed"
    usage = {"type": "duration", "seconds": 5.0}
    return call.says(done, item_id=f"item_{len(call.all)}", transcript="hello", usage=usage)


def test_a_turn_is_written_down_by_whom_the_model_has_taken():
    """Not by one that it is asked for, or refuses; by the operator's, where nobody is named."""
    begun = model_session(transcription_model="cheap")
    call = RelayedCall(model_session=begun, transcription_models=("dear", "other")).begun()
    words_come(call)
    words_come(writes_down(call, {"model": "dear"}))
    words_come(call.says("session.updated", session={}))
    writes_down(call, {"model": "other"})
    wrong = {"type": "invalid_request_error", "event_id": call.sent[0]["event_id"]}
    words_come(call.says("error", error=wrong))
    writes_down(call, None).says("session.updated", session={})
    words_come(call)
    writes_down(call, {"language": "de"}).says("session.updated", session={})
    words_come(call.loses_model().finds_model())

    records = records_of(call, "transcription")
    assert ["cheap", "cheap", *["dear"] * 3, "cheap"] == [record.model for record in records]
    assert [None, None, *[Decimal("0.05")] * 3, None] == [record.cost for record in records]
