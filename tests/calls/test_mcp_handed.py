"""Servers of tools that are handed to the model, in whole calls."""

import json

import pytest
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House, whole_log
from tests.calls.tool_house import tool_call

ORDERS = TypeAdapter(RealtimeClientEvent)
ENTRY = """
[mcp.crm]
url = "https://crm.example.com/canary"
tools = ["canary_find"]
handled_by = "model"
headers = { Authorization = { env = "CRM_KEY", prefix = "Bearer " } }
"""


def mcp_call(status, **more):
    """What the model says of a call of its own, in the API's shape."""
    call = {"id": "mcp_1", "type": "mcp_call", "server_label": "crm", "name": "canary_find"}
    return call | {"arguments": '{"name":"canary"}', "status": status} | more


@pytest.mark.gen_test
@pytest.mark.parametrize("error", [None, {"type": "http_error", "code": 500, "message": "canary"}])
async def test_nothing_of_it_is_ever_seen(tmp_path, monkeypatch, error):
    """The model calls, has the result, is asked for an answer; the client sees that it goes on."""
    monkeypatch.setenv("CRM_KEY", "canary-canary-canary")
    with whole_log() as log:
        async with tool_call(tmp_path, ENTRY) as call:
            (tool,) = call.update["session"]["tools"]
            assert ("mcp", "crm", "never") == (
                tool["type"],
                tool["server_label"],
                tool["require_approval"],
            )
            assert "Bearer canary-canary-canary" == tool["headers"]["Authorization"]
            ORDERS.validate_python(call.update, strict=True)

            link, of = call.link, {"response_id": "r9", "output_index": 0}
            item = mcp_call("completed", output="canary", error=error)
            listed = {"id": "l1", "type": "mcp_list_tools", "server_label": "crm", "tools": []}
            await link.send({"type": "mcp_list_tools.in_progress", "item_id": "l1"})
            await link.send({"type": "conversation.item.added", "item": listed})
            await link.send({"type": "mcp_list_tools.completed", "item_id": "l1"})
            await link.send({"type": "response.created", "response": {"id": "r9"}})
            added = {"type": "response.output_item.added", "item": mcp_call("in_progress")}
            await link.send(added | of)
            spoken = {"delta": "canary", "item_id": "mcp_1"}
            await link.send({"type": "response.mcp_call_arguments.delta"} | spoken | of)
            await link.send({"type": "response.mcp_call.in_progress", "item_id": "mcp_1"} | of)
            await link.send({"type": "response.mcp_call.completed", "item_id": "mcp_1"} | of)
            await link.send({"type": "response.output_item.done", "item": item} | of)
            await link.send({"type": "conversation.item.done", "item": item})
            response = {"id": "r9", "status": "completed", "output": [item]}
            await link.send({"type": "response.done", "response": response})

            await link.next_event("response.create")
            first = await call.client.next("response_done")
            assert first["data"]["continues"] is True
            await call.model_speaks()
            second = await call.client.next("response_done")
            assert "continues" not in second["data"]
            await call.client.say("get_status")
            await call.client.next("status")
    assert "canary" not in str(call.client.heard) + log.getvalue()
    assert "crm" not in str(call.client.heard)


@pytest.mark.gen_test
async def test_the_local_model_says_that_it_does_not_do_it(tmp_path, monkeypatch):
    """The gateway is told which setting; the client only that there is no model."""
    monkeypatch.setenv("CRM_KEY", "canary-canary-canary")
    (tmp_path / "tools.toml").write_text(ENTRY)
    server = LocalRealtime(ServerConfig(pace=0))
    port = server.listen("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{port}/v1/realtime"
    try:
        with whole_log() as log:
            async with House(url, tools_file=str(tmp_path / "tools.toml")) as house:
                client = await house.call()
                await client.closed()
    finally:
        await server.close()
    assert "upstream_rejected" in log.getvalue()
    assert "canary" not in json.dumps(client.heard) + log.getvalue()
