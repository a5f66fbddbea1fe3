"""Tools of the server in an answer to a client that conducts: the client sees nothing of them."""

import json

import pytest

from tests.session.relaying.call import SECRET, TOOL, Call
from tests.session.story import FORGETFUL
from tests.session.test_log_lines import lines
from tornado_app.session.commands import CallTool, CancelTool, Log
from tornado_app.session.events import ClientGone

LONG_S = 30.0
"""Longer than any answer is awaited."""


@pytest.fixture
def call():
    return Call(tools=(TOOL,)).begun()


@pytest.fixture
def calling(call):
    """The model has called a tool of the server, and has said all."""
    call.asks("response.create", response={"metadata": {"k": "v"}}, event_id="mine")
    call.begins("resp_1", metadata={"k": "v"})
    call.calls("resp_1", "item_call", "call_1", TOOL.name)
    call.ends("resp_1", output=[{"type": "function_call", "name": TOOL.name, "call_id": "call_1"}])
    return call


def test_the_client_sees_one_answer_and_no_tool(calling):
    calling.gets("call_1", "OYSTER")
    assert ["conversation.item.create", "response.create"] == [e["type"] for e in calling.sent]
    assert "v" == calling.sent[1]["response"]["metadata"]["k"]
    calling.answers("resp_2", "item_a", "It is 42.")

    kinds = [event["type"] for event in calling.all_shown]
    assert 1 == kinds.count("response.created") == kinds.count("response.done")
    (done,) = (e["response"] for e in calling.all_shown if e["type"] == "response.done")
    assert ("resp_1", "completed") == (done["id"], done["status"])
    assert ["item_a"] == [item["id"] for item in done["output"]]
    assert {"k": "v"} == done["metadata"]
    assert 20 == done["usage"]["total_tokens"]
    assert 8 == done["usage"]["input_token_details"]["text_tokens"]
    of_answers = [e for e in calling.all_shown if "response_id" in e]
    assert {"resp_1"} == {event["response_id"] for event in of_answers}
    assert {0} == {event["output_index"] for event in of_answers}
    said = json.dumps(calling.all_shown)
    assert not any(word in said for word in (TOOL.name, "OYSTER", SECRET, "call_1", "item_call"))


@pytest.mark.parametrize("is_done", [False, True])
def test_no_client_tells_what_came_of_it(calling, is_done):
    """Not even one that knows by which name a server calls its next."""
    if is_done:
        calling.gets("call_1", "OYSTER")
    result = {"type": "function_call_output", "call_id": "call_1", "output": "forged"}
    calling.asks("conversation.item.create", item=result)

    assert [] == calling.sent
    assert ("invalid_value", "item.call_id") == (calling.error["code"], calling.error["param"])


def test_the_tool_is_called_once_with_what_the_model_has_written(calling):
    calls = [c for c in calling.all if isinstance(c, CallTool)]

    assert [CallTool("call_1", TOOL.name, "{}")] == calls


def test_what_stands_behind_a_hidden_item_is_shown_behind_one_that_is_not(calling):
    calling.gets("call_1")
    item = {"id": "item_u", "type": "message", "role": "user", "content": []}
    calling.says("conversation.item.added", item=item, previous_item_id="parley_tool_1")

    assert calling.shown[0]["previous_item_id"] is None


def test_a_server_that_repeats_no_metadata_goes_on_all_the_same(call):
    """By the order; with null in its place as with nothing."""
    call.asks("response.create").begins("resp_1", metadata=None)
    call.calls("resp_1", "item_call", "call_1", TOOL.name).ends("resp_1", metadata=None)
    call.gets("call_1").answers("resp_2", "item_a", "It is 42.", metadata=None)

    begun_and_over = ("response.created", "response.done")
    shown = [e for e in call.all_shown if e["type"] in begun_and_over]
    assert ["resp_1", "resp_1"] == [event["response"]["id"] for event in shown]


def test_an_answer_to_a_turn_that_the_model_has_found_is_one_of_its_own(calling):
    """Also while another is to go on: it has no metadata, as nobody has asked for it."""
    calling.gets("call_1")
    calling.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    calling.begins("resp_2", metadata=None)

    assert ["resp_2"] == [event["response"]["id"] for event in calling.shown]


@pytest.mark.parametrize("odd", [{"content": None}, {"role": 7}, {"content": [None, {"text": 5}]}])
def test_a_tool_is_hidden_however_a_server_writes_of_it(call, odd):
    """With fields that a call has not, and with half of a character in what it is called with."""
    call.asks("response.create").begins("resp_1")
    facts = {"type": "function_call", "call_id": "call_1", "name": TOOL.name, **odd}
    where = {"response_id": "resp_1", "output_index": 0}
    call.says("response.output_item.added", **where, item={"id": "item_call", **facts})
    assert [] == call.shown

    delta = {**where, "item_id": "item_call", "call_id": "call_1", "delta": "\ud83d"}
    call.says("response.function_call_arguments.delta", **delta)
    assert [] == call.shown
    call.says("conversation.item.done", item={"id": "item_call", **facts})
    assert [] == call.shown


def test_while_a_tool_runs_the_answer_runs_for_the_client(calling):
    calling.asks("response.create", event_id="other")

    assert [] == calling.sent
    assert "conversation_already_has_active_response" == calling.error["code"]
    assert "other" == calling.error["event_id"]


@pytest.mark.parametrize("fields", [{}, {"response_id": "resp_1"}])
def test_a_client_may_cancel_an_answer_that_waits_for_a_tool(calling, fields):
    calling.asks("response.cancel", **fields)

    assert [] == calling.sent
    (done,) = calling.shown
    assert ("resp_1", "cancelled") == (done["response"]["id"], done["response"]["status"])
    assert "client_cancelled" == done["response"]["status_details"]["reason"]

    calling.gets("call_1")
    assert ["conversation.item.create"] == [event["type"] for event in calling.sent]
    calling.asks("response.create")
    assert ["response.create"] == [event["type"] for event in calling.sent]


def test_speech_ends_an_answer_that_waits_for_a_tool(calling):
    calling.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=10)

    assert ["response.done", "input_audio_buffer.speech_started"] == calling.kinds
    assert "turn_detected" == calling.shown[0]["response"]["status_details"]["reason"]


@pytest.mark.parametrize("how", ["done", "late", "gone", "forgotten"])
def test_what_runs_is_counted_with_all_else_that_is_kept(how):
    """Until it is over, in whatever way."""
    call = Call(tools=(TOOL,), **(FORGETFUL if how == "forgotten" else {})).begun()
    call.asks("response.create").begins("resp_1")
    before = call.budget.held_bytes
    call.calls("resp_1", "item_call", "call_1", TOOL.name)
    assert call.budget.held_bytes > before

    match how:
        case "done":
            call.gets("call_1")
        case "late":
            call.tick(at=TOOL.timeout_s + 1)
        case "gone":
            call.feed(ClientGone(1000))
        case "forgotten":
            call.loses_model()
    assert before >= call.budget.held_bytes


def test_a_call_for_which_there_is_no_room_is_refused(call):
    call.asks("response.create").begins("resp_1")
    call.budget.take(call.config.call_bytes)
    call.calls("resp_1", "item_call", "call_1", TOOL.name)

    assert not [command for command in call.all if isinstance(command, CallTool)]
    (event,) = [event for event in call.all_sent if "item" in event]
    assert "no room" in json.loads(event["item"]["output"])["error"]


def cancels(call):
    call.asks("response.cancel")


def speaks(call):
    call.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=10)


@pytest.mark.parametrize("stops", [cancels, speaks])
@pytest.mark.parametrize("is_whole", [True, False])
def test_what_the_model_calls_after_that_is_not_performed(call, stops, is_whole):
    """The model, which may have called before it was told, reads why."""
    call.asks("response.create").begins("resp_1")
    stops(call)
    call.calls("resp_1", "item_call", "call_1", TOOL.name)
    told = [event["item"] for event in call.all_sent if "item" in event]
    call.ends("resp_1", "completed" if is_whole else "cancelled")

    assert not [command for command in call.all if isinstance(command, CallTool)]
    (output,) = told
    assert "The user interrupted" in json.loads(output["output"])["error"]
    assert ["cancelled"] == [event["response"]["status"] for event in call.shown]
    assert [] == call.sent


def test_a_tool_of_the_client_is_shown_and_the_client_goes_on(call):
    call.asks("response.create").begins("resp_1")
    call.calls("resp_1", "item_s", "call_s", TOOL.name, 0)
    call.calls("resp_1", "item_c", "call_c", "own", 1)
    call.ends("resp_1")
    assert "response.done" not in call.kinds

    call.gets("call_s")

    (done,) = call.shown
    assert ["item_c"] == [item["id"] for item in done["response"]["output"]]
    assert ["conversation.item.create"] == [event["type"] for event in call.sent]
    shown = [e for e in call.all_shown if e["type"] == "response.output_item.done"]
    assert [0] == [event["output_index"] for event in shown]


def test_a_tool_that_is_late_is_an_error_to_the_model_alone(calling):
    calling.tick(calling.session.timers.earliest)
    while not calling.did(CancelTool):
        calling.tick(calling.session.timers.earliest)

    assert "did not answer" in calling.sent[0]["item"]["output"]
    assert [] == calling.shown
    (line,) = lines(calling, "tool_failed")
    assert (TOOL.name, "call_1", "timeout") == (line["name"], line["call_id"], line["outcome"])


def test_a_call_that_ends_takes_its_tools_with_it(calling):
    """What runs is stopped, and written down as that."""
    calling.feed(ClientGone(1000), at=1.5)

    assert [CancelTool("call_1")] == [c for c in calling.fresh if isinstance(c, CancelTool)]
    (line,) = (c.fields for c in calling.fresh if isinstance(c, Log) and c.event == "tool_done")
    assert (TOOL.name, "cancelled", 1500.0) == (line["name"], line["outcome"], line["duration_ms"])


def test_a_model_that_only_calls_tools_comes_to_an_end(call):
    call.asks("response.create").begins("resp_0")
    for number in range(40):
        if "response.done" in [event["type"] for event in call.all_shown]:
            break
        name = f"resp_{number}"
        call.calls(name, f"item_{number}", f"call_{number}", TOOL.name)
        call.ends(name).gets(f"call_{number}")
        call.begins(f"resp_{number + 1}")
    else:
        raise AssertionError("it never ended")

    assert number < 20


def test_an_answer_that_goes_on_and_is_cancelled_is_so_by_the_models_name_for_it(calling):
    calling.gets("call_1").begins("resp_2").begins_item("resp_2", "item_a")

    calling.asks("response.cancel", response_id="resp_1")

    assert "resp_2" == calling.sent[0]["response_id"]


def test_an_answer_that_cannot_go_on_has_failed(calling):
    calling.gets("call_1")
    name = calling.sent[1]["event_id"]
    calling.says("error", error={"code": "x", "message": "No.", "event_id": name})

    (done,) = calling.shown
    assert ("resp_1", "failed") == (done["response"]["id"], done["response"]["status"])


def test_tools_that_the_model_calls_itself_are_hidden(call):
    call.says("mcp_list_tools.in_progress", item_id="item_m")
    item = {"id": "item_m", "type": "mcp_list_tools", "server_label": "OYSTER"}
    call.says("conversation.item.added", item=item, previous_item_id=None)
    call.says("conversation.item.done", item=item, previous_item_id=None)
    call.says("mcp_list_tools.completed", item_id="item_m")
    call.asks("response.create").begins("resp_1")
    facts = {"type": "mcp_call", "server_label": "OYSTER", "name": "look", "content": []}
    call.begins_item("resp_1", "item_n", 0, **facts)
    call.says("response.mcp_call.in_progress", item_id="item_n", output_index=0)
    call.ends_item("resp_1", "item_n", "", 0, **facts)
    call.ends("resp_1", output=[{"type": "mcp_call"}])

    assert "OYSTER" not in json.dumps(call.all_shown)
    assert "item_n" not in json.dumps(call.all_shown)
    assert ["response.create"] == [event["type"] for event in call.sent]


@pytest.mark.parametrize("is_behind", [True, False])
def test_a_model_that_went_on_in_words_behind_its_own_call_has_answered(call, is_behind):
    """It is asked to go on only if there were no words behind the call."""
    call.asks("response.create").begins("resp_1")
    facts = {"type": "mcp_call", "server_label": "house", "name": "look", "content": []}
    steps = [
        lambda: call.begins_item("resp_1", "item_n", 0, **facts).ends_item(
            "resp_1", "item_n", "", 0, **facts, output="42"
        ),
        lambda: call.begins_item("resp_1", "item_a", 1).ends_item("resp_1", "item_a", "42.", 1),
    ]
    output = [{"id": "item_n", **facts}, {"id": "item_a", "type": "message"}]
    for step in steps if is_behind else reversed(steps):
        step()
    call.ends("resp_1", output=output if is_behind else output[::-1])

    asked, told = (["response.create"], []) if not is_behind else ([], ["response.done"])
    assert (asked, told) == ([event["type"] for event in call.sent], call.kinds)


def test_a_result_that_the_model_refuses_is_told_nobody_any_more(calling):
    """The client knows of no tool, and the next model has no call that it would belong to."""
    calling.gets("call_1", "OYSTER")
    name = calling.sent[0]["event_id"]
    assert name in [entry.id for entry in calling.session.ledger.entries]
    calling.says("error", error={"code": "x", "message": "No such call.", "event_id": name})

    assert [] == calling.shown
    assert name not in [entry.id for entry in calling.session.ledger.entries]


def test_a_model_that_is_late_with_how_an_answer_goes_on_has_failed_it(calling):
    """Only once it has been asked, and only until it has begun."""
    calling.gets("call_1")
    calling.tick(LONG_S)

    (done,) = [event for event in calling.shown if event["type"] == "response.done"]
    assert ("resp_1", "failed") == (done["response"]["id"], done["response"]["status"])
    assert ["answer"] == [line["waited_for"] for line in lines(calling, "upstream_late")]


def test_an_answer_that_has_gone_on_is_not_late(calling):
    calling.gets("call_1").answers("resp_2", "item_a", "It is 42.")
    calling.tick(LONG_S)

    assert "response.done" not in calling.kinds
    assert [] == lines(calling, "upstream_late")
