"""The connections to tools elsewhere: tornado_app/tools/http.py and tools/mcp/guard.py."""

import json

import pytest

from parley_tools import Caller
from tests.fakes.endpoint import Endpoint
from tests.fakes.hostile_mcp_server import HostileServer, response
from tornado_app.protocol.realtime.functions import Function
from tornado_app.tools.http import HttpClient, HttpTool
from tornado_app.tools.mcp.address import Address
from tornado_app.tools.mcp.guard import GuardedClient


def of_functions():
    return HttpClient(uses_environment=True).client


def of_mcp():
    address = Address("http://tools.test", {}, b"", 1000, uses_environment=True)
    return GuardedClient(address, on_doubt=lambda: None)


@pytest.mark.gen_test
@pytest.mark.parametrize("client", [of_functions, of_mcp])
async def test_no_proxy_is_asked_for_this_computer(monkeypatch, client):
    """Whoever has the environment's used need not name what is not behind it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with Endpoint() as endpoint, client() as connections:
        answer = await connections.post(endpoint.url("secret"))

    assert answer.status_code == 200


async def error_of(url):
    """What the model reads of a call of the tool there."""
    function, http = Function("x", "Of a test.", {"type": "object"}, 1.0), HttpClient()
    tool = HttpTool(function, frozenset(), "POST", url, {}, b"", 1000, http)
    try:
        result = await tool.call("{}", Caller("alice", "sess_1", "call_1", frozenset()))
    finally:
        await http.close()
    return json.loads(result.output)["error"]


@pytest.mark.gen_test
async def test_wherever_a_tool_sends_the_request_is_not_looked_at():
    """It may be no address."""
    redirect = response(b"", "302 X", more="Location: //:80\r\n")
    async with HostileServer({"response": lambda _: redirect}) as server:
        assert "may not go" in await error_of(server.url)
