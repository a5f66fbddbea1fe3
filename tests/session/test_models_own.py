"""Servers of tools that are handed to the model: what it is told, and that it is asked to go on."""

import msgspec
import pytest
from openai.types.realtime import SessionUpdateEvent

from tests.session.story import Story, response
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import HandedServer, OutputItem
from tornado_app.protocol.realtime.model_session import change_body
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import CreateResponse
from tornado_app.session import commands, events
from tornado_app.session.config import ToolRules

HEADERS = {"Authorization": "Bearer canary"}
SERVER = HandedServer("crm", "https://crm.example.com/canary", HEADERS, ("find", "add"))
RULES = ToolRules(handed=(SERVER,))
CALL = OutputItem("mcp_call", "completed", "", "find", "{}", "mcp_1")
WORDS = OutputItem("message", "completed", id="item_1")


def story():
    return Story(tools=RULES).connected()


def calls(told, item=CALL):
    told.said(realtime.ResponseCreated(response("resp_1")))
    return told.said(realtime.OutputItemDone("resp_1", item))


def ends(told, *output, status="completed"):
    return told.said(realtime.ResponseFinished(response("resp_1", status, output=output)))


def asked_for(told):
    sent = [command for command in told.all if isinstance(command, commands.SendUpstream)]
    return sum(isinstance(command.order, CreateResponse) for command in sent)


def test_the_model_is_told_all_of_it():
    """In the API's own shape; nobody is asked whether it may."""
    told = Story(tools=RULES)
    told.connected()
    update = next(
        command.order
        for command in told.all
        if isinstance(command, commands.SendUpstream) and "Update" in type(command.order).__name__
    )
    order = msgspec.json.decode(encode_order(update))

    SessionUpdateEvent.model_validate(order, strict=True)
    assert [
        {
            "type": "mcp",
            "server_label": "crm",
            "server_url": "https://crm.example.com/canary",
            "headers": HEADERS,
            "allowed_tools": ["find", "add"],
            "require_approval": "never",
        }
    ] == order["session"]["tools"]


def test_it_stays_when_the_client_changes_its_tools():
    body = change_body(story().config.model_session, ["tools"], RULES.told)

    assert ["mcp"] == [tool["type"] for tool in body["tools"]]


def test_the_model_is_asked_for_an_answer_to_what_it_found():
    """Once, when the answer that called is over; the client is told that it goes on."""
    told = calls(story())
    assert 0 == asked_for(told)

    ends(told, CALL)
    assert 1 == asked_for(told)


def test_a_call_is_counted_and_logged_once():
    """However often the model says that it is complete."""
    told = calls(calls(story()))
    lines = [c.fields for c in told.all if isinstance(c, commands.Log) and c.event == "tool_done"]

    assert [("of_model", "mcp_1", "done")] == [
        (each["name"], each["call_id"], each["outcome"]) for each in lines
    ]
    assert 1 == told.feed(events.StatusAsked({})).messages[-1][1]["tools"]["calls"]


def test_a_call_that_only_the_end_of_the_answer_tells_of():
    told = story()
    told.said(realtime.ResponseCreated(response("resp_1")))

    assert 1 == asked_for(ends(told, WORDS, CALL))


def test_a_model_that_went_on_by_itself_is_not_asked():
    assert 0 == asked_for(ends(calls(story()), CALL, WORDS))


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_an_answer_that_did_not_end_well_is_not_followed(status):
    assert 0 == asked_for(ends(calls(story()), CALL, status=status))


def test_nothing_of_it_is_printed():
    """A repr may come into a log."""
    assert "canary" not in repr(RULES) + repr(SERVER)
