"""The connections to tools elsewhere: tornado_app/tools/http.py and tools/mcp/guard.py."""

import pytest

from tests.fakes.endpoint import Endpoint
from tornado_app.tools.http import HttpClient
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
