"""A client cancels an answer that for the model is none yet, or one of another name."""

import pytest

from tests.session.relaying.call import TOOL, Call
from tornado_app.session.commands import CancelTool

NAMES = pytest.mark.parametrize("fields", [{}, {"response_id": "resp_1"}])


@pytest.fixture
def going_on():
    """The model has the result of a tool, was asked to go on, and has not begun to."""
    call = Call(tools=(TOOL,)).begun().asks("response.create").begins("resp_1")
    call.calls("resp_1", "item_call", "call_1", TOOL.name).ends("resp_1")
    return call.gets("call_1")


@pytest.fixture
def broken_off():
    call = Call(tools=(TOOL,)).begun().asks("response.create").begins("resp_1")
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel, and")
    return call.loses_model()


def ends(call):
    over = (e["response"] for e in call.all_shown if e["type"] == "response.done")
    return [(response["id"], response["status"]) for response in over]


def cancels(call):
    return [e.get("response_id") for e in call.sent if e["type"] == "response.cancel"]


@NAMES
def test_an_answer_that_goes_on_is_cancelled_as_it_begins(going_on, fields):
    """Until then the model would know of none to cancel, or cancel another."""
    assert [] == going_on.asks("response.cancel", **fields).sent
    assert [] == going_on.shown

    assert ["resp_2"] == cancels(going_on.begins("resp_2"))
    assert [] == going_on.shown
    reason = {"type": "cancelled", "reason": "client_cancelled"}
    going_on.ends("resp_2", status="cancelled", status_details=reason)
    assert [("resp_1", "cancelled")] == ends(going_on)
    assert reason == going_on.shown[0]["response"]["status_details"]


def test_one_that_was_over_before_the_cancel_came_goes_on_no_further(going_on):
    """It has called another tool: nobody waits for what that finds."""
    going_on.begins("resp_2").calls("resp_2", "item_other", "call_2", TOOL.name)
    going_on.asks("response.cancel", response_id="resp_1").ends("resp_2")

    assert [("resp_1", "cancelled")] == ends(going_on)
    assert not going_on.did(CancelTool)
    going_on.gets("call_2")
    assert ["conversation.item.create"] == [event["type"] for event in going_on.sent]


def test_one_that_the_model_refuses_to_go_on_with_is_cancelled(going_on):
    name = going_on.sent[-1]["event_id"]
    going_on.asks("response.cancel", response_id="resp_1")
    going_on.says("error", error={"code": "x", "message": "No.", "event_id": name})

    assert [("resp_1", "cancelled")] == ends(going_on)


@NAMES
def test_what_the_next_model_was_not_asked_yet_it_is_not_asked(broken_off, fields):
    broken_off.asks("response.cancel", **fields)
    assert [("resp_1", "cancelled")] == ends(broken_off)

    broken_off.finds_model()
    kinds = {event["type"] for event in broken_off.sent}
    assert kinds.isdisjoint({"response.create", "response.cancel"})


@NAMES
def test_what_the_next_model_was_asked_is_cancelled_as_it_begins(broken_off, fields):
    broken_off.finds_model().asks("response.cancel", **fields)

    assert ["resp_2"] == cancels(broken_off.begins("resp_2"))


@NAMES
def test_an_answer_whose_model_is_lost_before_it_was_cancelled_does_not_go_on(fields):
    call = Call().begun().asks("response.create").begins("resp_1")
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel, and")
    call.asks("response.cancel", **fields).loses_model().finds_model()

    assert [("resp_1", "cancelled")] == ends(call)
    assert "response.create" not in {event["type"] for event in call.sent}


def test_one_beside_the_conversation_is_cancelled_by_its_name_alone():
    """A cancel without one is about the conversation."""
    call = Call().begun().asks("response.create", response={"conversation": "none"})
    call.begins("resp_1", conversation_id=None).loses_model().finds_model()

    assert [None] == cancels(call.asks("response.cancel"))
    assert [] == call.asks("response.cancel", response_id="resp_1").sent
    assert ["resp_2"] == cancels(call.begins("resp_2", conversation_id=None))


def test_an_answer_that_nobody_knows_is_cancelled_at_the_model(going_on):
    """Which says what is wrong with it."""
    assert ["resp_0"] == cancels(going_on.asks("response.cancel", response_id="resp_0"))
    assert [] == cancels(going_on.begins("resp_2"))
