"""What the model is asked with when an answer goes on."""

import pytest

from tests.session.relaying.call import TOOL, Call
from tests.session.story import model_session
from tornado_app.protocol.realtime.model_session import OneFunction

OWN = {"type": "function", "name": "own", "parameters": {"type": "object"}}
ONE = {"type": "function", "name": "own"}


@pytest.fixture
def call():
    return Call(tools=(TOOL,)).begun()


def gone_on(call):
    """What the model is asked with behind a result."""
    call.begins("resp_1").calls("resp_1", "item_call", "call_1", TOOL.name).ends("resp_1")
    call.gets("call_1")
    (event,) = (each for each in call.sent if "response.create" == each["type"])
    return event["response"]


@pytest.mark.parametrize("choice", ["required", ONE])
def test_behind_a_result_no_tool_has_to_be_called_again(call, choice):
    """As the session has it by the client; a model that does as it is told would go on for ever."""
    session = {"type": "realtime", "tools": [OWN], "tool_choice": choice}
    call.asks("session.update", session=session).says("session.updated", session=session)
    call.asks("response.create")

    assert "auto" == gone_on(call)["tool_choice"]


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_choice_that_the_model_comes_to_before_it_goes_on_is_freed_as_well(call, is_refused):
    """It takes events in order, and has not yet said what it makes of this one."""
    call.asks("response.create").begins("resp_1")
    call.calls("resp_1", "item_call", "call_1", TOOL.name).ends("resp_1")
    call.asks("session.update", session={"type": "realtime", "tool_choice": "required"})
    if is_refused:
        call.says("error", error={"code": "x", "event_id": call.sent[-1]["event_id"]})
    call.gets("call_1")
    (event,) = (each for each in call.sent if "response.create" == each["type"])

    assert (None if is_refused else "auto") == event["response"].get("tool_choice")


@pytest.mark.parametrize("choice", ["required", OneFunction(TOOL.name)])
def test_behind_a_result_the_choice_of_the_token_is_free_as_well(choice):
    session = model_session(tool_choice=choice)
    call = Call(tools=(TOOL,), model_session=session).begun().asks("response.create")

    assert "auto" == gone_on(call)["tool_choice"]


@pytest.mark.parametrize(("choice", "asked"), [("required", "auto"), ("none", "none")])
def test_what_was_asked_for_one_answer_is_before_what_the_session_has(choice, asked):
    call = Call(tools=(TOOL,), model_session=model_session(tool_choice="required")).begun()
    call.asks("response.create", response={"tool_choice": choice})

    assert asked == gone_on(call)["tool_choice"]


def test_a_choice_that_forces_no_tool_is_left_to_the_session(call):
    call.asks("response.create")

    assert "tool_choice" not in gone_on(call)


def test_a_result_that_a_lost_model_had_heard_frees_the_choice_at_the_next():
    call = Call(tools=(TOOL,), model_session=model_session(tool_choice="required")).begun()
    call.asks("response.create")
    gone_on(call)
    call.loses_model().finds_model()

    (again,) = (each for each in call.sent if "response.create" == each["type"])
    assert "auto" == again["response"]["tool_choice"]


ASKED = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look."}]}


def refers(*names):
    return [{"type": "item_reference", "id": name} for name in names]


def test_what_an_answer_was_given_goes_on_with_what_its_tool_has_found(call):
    """In the API an ``input`` stands for the conversation, where the result went."""
    call.asks("response.create", response={"input": [ASKED]})

    assert [ASKED, *refers("item_call", "parley_tool_1")] == gone_on(call)["input"]


def test_the_next_model_is_referred_to_the_call_and_the_result_that_it_was_told(call):
    call.asks("response.create", response={"input": [ASKED]})
    call.begins("resp_1").calls("resp_1", "item_call", "call_1", TOOL.name).ends("resp_1")
    call.loses_model().finds_model().gets("call_1")

    (event,) = (each for each in call.sent if "response.create" == each["type"])
    assert [ASKED, *refers("item_call", "parley_tool_1")] == event["response"]["input"]


def rest(call, item, text):
    """What the next model is asked with when the one before is lost in the midst of an item."""
    call.begins("resp_1").begins_item("resp_1", item)
    if text:
        call.says_words("resp_1", item, text)
    call.loses_model().finds_model()
    (event,) = (each for each in call.sent if "response.create" == each["type"])
    told = [each["item"]["id"] for each in call.sent if "item" in each]
    return event["response"]["input"], told


def test_the_rest_of_an_answer_is_asked_for_behind_what_was_said_of_it(call):
    call.asks("response.create", response={"input": [ASKED]})

    assert ([ASKED, *refers("item_a")], ["item_a"]) == rest(call, "item_a", "Once upon a time")


def test_an_item_is_referred_to_by_the_name_by_which_the_next_model_was_told_of_it(call):
    """One that is too long for an item is told under another."""
    call.asks("response.create", response={"input": [ASKED]})
    given, told = rest(call, "item_" + "a" * 60, "Once upon a time")

    assert [ASKED, *refers(*told)] == given
    assert 1 == len(told)


def test_an_item_that_is_not_told_is_not_referred_to(call):
    """Nothing was heard of it; nor of the one that the client had referred to."""
    call.begins("resp_0").begins_item("resp_0", "item_z").ends_item("resp_0", "item_z")
    call.ends("resp_0")
    call.asks("response.create", response={"input": [*refers("item_z"), ASKED]})

    assert ([ASKED], []) == rest(call, "item_a", "")


def test_nothing_is_referred_to_that_the_client_has_deleted_meanwhile(call):
    """Neither what it gave itself nor what the answer has said: the model would refuse it all."""
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]}
    call.asks("conversation.item.create", item={"id": "item_q", **question})
    call.says("conversation.item.added", item={"id": "item_q", **question}, previous_item_id=None)
    reference = {"type": "item_reference", "id": "item_q"}
    call.asks("response.create", response={"input": [reference, question]}).begins("resp_1")
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "Let me see.")
    call.ends_item("resp_1", "item_a", "Let me see.")
    call.calls("resp_1", "item_call", "call_1", TOOL.name, 1).ends("resp_1")
    for name in ("item_a", "item_q"):
        call.asks("conversation.item.delete", item_id=name)
        call.says("conversation.item.deleted", item_id=name)
    call.gets("call_1")

    (event,) = (each for each in call.sent if "response.create" == each["type"])
    told = event["response"]["input"]
    assert question == told[0]
    assert {"item_reference"} == {item["type"] for item in told[1:]}
    assert {"item_a", "item_q"}.isdisjoint(item["id"] for item in told[1:])
