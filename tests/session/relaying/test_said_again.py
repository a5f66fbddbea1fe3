"""A model whose events come twice, or that leaves something out, to a client that conducts."""

import json

import pytest

from tests.session.relaying.call import TOOL, Call
from tornado_app.session.commands import CallTool, Log
from tornado_app.session.relaying.answers import ANSWERS_KEPT

CALL = {"type": "function_call", "status": "completed", "name": TOOL.name, "call_id": "call_1"}
HANDED = {"type": "mcp_call", "id": "item_m", "status": "completed"}


@pytest.fixture
def call():
    return Call(tools=(TOOL,)).begun()


def lines(call, event):
    return [each.fields for each in call.all if isinstance(each, Log) and event == each.event]


def tools_called(call):
    return [each for each in call.all if isinstance(each, CallTool)]


def item_done(call, /, **fields):
    item = {"id": "item_call", **CALL, "arguments": "{}", **fields}
    return call.says("response.output_item.done", response_id="resp_1", output_index=0, item=item)


def outputs(call):
    items = [each.get("item", {}) for each in call.all_sent]
    return [item["output"] for item in items if "function_call_output" == item.get("type")]


def test_a_call_that_is_told_again_is_not_performed_again(call):
    """Nor shown, when its answer is over."""
    call.asks("response.create").begins("resp_1")
    item_done(call).gets("call_1")
    item_done(call)
    call.ends("resp_1", output=[CALL])
    item_done(call)

    assert 1 == len(tools_called(call))
    assert TOOL.name not in json.dumps(call.all_shown)


def test_the_models_own_call_that_is_told_again_is_counted_once(call):
    call.asks("response.create").begins("resp_1")
    for _ in range(2):
        item_done(call, **HANDED)

    assert 1 == call.session._conductor._tools._counts.calls


def test_an_item_that_is_told_again_is_one(call):
    """It ends where it began, and is in its answer once."""
    call.asks("response.create").begins("resp_1")
    for name in ("item_a", "item_b"):
        for _ in range(2):
            call.begins_item("resp_1", name, ["item_a", "item_b"].index(name))
        call.says_words("resp_1", name, "A towel.")
    for _ in range(2):
        call.ends_item("resp_1", "item_a", "A towel.")
    call.loses_model()

    events = [each for each in call.all_shown if each["type"].startswith("response.output_item")]
    assert {("item_a", 0), ("item_b", 1)} == {
        (each["item"]["id"], each["output_index"]) for each in events
    }
    [answer] = call.session._conductor._answers.open
    assert ["item_a", "item_b"] == [item["id"] for item in answer.ended_items]


def test_an_answer_that_ends_again_is_counted_and_shown_once(call):
    call.asks("response.create").begins("resp_1").ends("resp_1").ends("resp_1")

    assert 1 == len(lines(call, "response_done"))
    assert 10 == sum(call.session.totals().tokens.values())
    assert 1 == [event["type"] for event in call.all_shown].count("response.done")


@pytest.mark.parametrize("order", ["begins begins ends", "begins ends begins", "ends begins"])
def test_an_answer_that_begins_again_is_over_when_it_has_ended(call, order):
    """Else it would be awaited for ever."""
    call.asks("response.create")
    for what in order.split():
        getattr(call, what)("resp_1")

    assert not call.session._conductor.is_busy
    assert 1 == len(lines(call, "response_begun"))


def test_an_end_that_names_no_answer_is_that_of_the_only_one(call):
    """Else the call would be held busy by it for ever, and it be paid for once more at the end; of
    two it may be either.
    """
    call.asks("response.create").begins("resp_1").ends(None)
    assert not call.session._conductor.is_busy
    assert ["resp_1"] == [line["response_id"] for line in lines(call, "response_done")]
    call.begins("resp_2", conversation_id=None).begins("resp_3", conversation_id=None).ends(None)

    assert 2 == len(call.session._conductor._answers.open)


def test_a_turn_that_is_told_again_is_one(call):
    """And takes none of the speech behind it along."""
    for _ in range(2):
        call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)

    assert 1 == len(lines(call, "audio_committed"))


def test_words_that_are_told_again_are_paid_for_once(call):
    usage = {"type": "tokens", "total_tokens": 3, "input_tokens": 2, "output_tokens": 1}
    kind = "conversation.item.input_audio_transcription.completed"
    for part in (0, 0, 1):
        call.says(kind, item_id="item_u", content_index=part, transcript="Hello.", usage=usage)

    assert 2 == len(lines(call, "transcribed"))


def test_a_call_that_loses_its_name_is_answered(call):
    """The model could not go on without; it ended the call of the client."""
    call.asks("response.create").begins("resp_1")
    item = {"id": "item_call", **CALL, "status": "in_progress"}
    call.says("response.output_item.added", response_id="resp_1", output_index=0, item=item)
    item_done(call, name="")

    assert [] == tools_called(call)
    (output,) = outputs(call)
    assert "no tool of this name" in output
    assert ["unknown"] == [line["name"] for line in lines(call, "tool_failed")]


def test_a_call_without_an_item_hides_nothing_else(call):
    call.asks("response.create").begins("resp_1")
    item_done(call, id="").ends("resp_1", output=[CALL])
    call.gets("call_1").answers("resp_2", "item_a", "It is 42.")

    assert "response.output_item.done" in [event["type"] for event in call.all_shown]


def test_a_tool_is_hidden_in_an_answer_that_is_not_known(call):
    """Of so many that the oldest is forgotten, or that has no name."""
    for number in range(ANSWERS_KEPT + 1):
        call.begins(f"resp_{number}", conversation_id=None)
    for name in ("resp_0", ""):
        item = {"id": f"item_{name}", **CALL, "arguments": "{}"}
        where = {"response_id": name, "output_index": 0}
        call.says("response.output_item.added", **where, item=item)
        call.says(
            "response.function_call_arguments.done", **where, item_id=item["id"], arguments=""
        )
        call.says("response.output_item.done", **where, item=item)
        call.ends(name, output=[item, {"type": "mcp_call", "name": "x"}, {"type": "message"}])

    assert TOOL.name not in json.dumps(call.all_shown)
    done = [event["response"]["output"] for event in call.all_shown if "usage" in str(event)]
    assert [[{"type": "message"}]] == done


@pytest.mark.parametrize("response", [{}, 5, {"id": ""}, {"id": 5, "status": None}])
def test_an_end_without_a_name_is_that_of_the_answer_there_is(call, response):
    call.asks("response.create").begins("resp_1")
    call.says("response.done", response=response)
    (event,) = call.shown
    assert ("response.done", "resp_1", "completed") == (
        event["type"],
        event["response"]["id"],
        event["response"]["status"],
    )
    call.says("response.done", response=response)
    assert [] == call.shown
