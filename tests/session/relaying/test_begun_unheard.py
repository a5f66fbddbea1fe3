"""A model whose `response.created` is lost, to a client that conducts."""

import pytest

from tests.session.relaying.call import TOOL, Call
from tests.session.relaying.test_lateness import STALL_S, ends, finds_turn, lines, look
from tornado_app.errors import Refused
from tornado_app.session.commands import CallTool


@pytest.fixture
def call():
    return Call(tools=(TOOL,)).begun()


def begun(call):
    return [e["response"] for e in call.all_shown if e["type"] == "response.created"]


def says_all(call, name="resp_1", item="item_a"):
    call.begins_item(name, item).says_words(name, item, "A towel.").ends_item(name, item)
    return call.ends(name)


def only_ends(call):
    return call.ends("resp_1")


@pytest.mark.parametrize("says", [says_all, only_ends])
def test_it_begins_with_the_first_that_comes_of_it(call, says):
    """What was asked has its answer, and is awaited no more: by nobody, nor at the next model."""
    call.asks("response.create", event_id="e1", response={"metadata": {"k": "v"}})
    says(call)
    look(call, 2 * STALL_S).loses_model().finds_model()

    assert ["resp_1"] == [each["id"] for each in begun(call)]
    [response] = begun(call)
    assert ("in_progress", [], {"k": "v"}) == (
        response["status"],
        response["output"],
        response["metadata"],
    )
    assert [("resp_1", "completed")] == ends(call)
    assert not [each for each in call.all_shown if "error" == each["type"]]
    assert "response.create" not in [each["type"] for each in call.sent]
    assert 1 == len(lines(call, "response_begun")) == len(lines(call, "response_done"))


def test_its_own_beginning_that_comes_late_is_not_told_again(call):
    call.begins_item("resp_1", "item_a").begins("resp_1")
    assert [] == call.shown
    says_all(call).begins("resp_1")

    assert ["resp_1"] == [each["id"] for each in begun(call)]
    assert [("resp_1", "completed")] == ends(call)


def test_what_comes_behind_its_end_begins_no_other(call):
    says_all(call).says_words("resp_1", "item_a", " and")

    assert 1 == len(begun(call))
    assert not call.session._conductor.is_busy


def test_a_turn_that_was_found_is_answered_by_it(call):
    says_all(finds_turn(call)).loses_model().finds_model()

    assert "response.create" not in [each["type"] for each in call.sent]


def test_it_ends_when_it_stops_half_way(call):
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A")

    assert [("resp_1", "failed")] == ends(look(call, STALL_S))


def test_it_goes_on_when_its_model_is_lost(call):
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A")
    call.loses_model().finds_model()
    [again] = [each for each in call.sent if each["type"] == "response.create"]
    call.answers("resp_9", "item_b", metadata=again["response"]["metadata"])

    assert [("resp_1", "completed")] == ends(call)


def test_a_tool_of_the_server_is_called_in_it_and_it_goes_on_unheard(call):
    """The client is shown one answer, though neither beginning came."""
    call.asks("response.create").calls("resp_1", "item_c", "call_1", TOOL.name).ends("resp_1")
    assert ["call_1"] == [each.call_id for each in call.all if isinstance(each, CallTool)]
    call.gets("call_1")
    says_all(call, "resp_2")

    assert ["resp_1"] == [each["id"] for each in begun(call)]
    assert [("resp_1", "completed")] == ends(call)


def test_it_is_stopped_if_none_may_begin(call):
    call.session._conductor.stop_answering(Refused("quota_exceeded", "Enough."))
    call.begins_item("resp_1", "item_a")

    assert ["response.cancel"] == [
        each["type"] for each in call.all_sent if "response" in str(each)
    ]
