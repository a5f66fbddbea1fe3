"""`@openai/agents-realtime` in a real page of another origin, with a client secret for its key."""

import json
import urllib.request

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.clients.node_client import NODE_MODULES, needs_node_client
from tests.web.stage import HERE, WAIT_S, pages, until

BUNDLE = NODE_MODULES / "@openai/agents-realtime/dist/bundle/openai-realtime-agents.umd.js"
SCRIPT = "text/javascript"
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
"""What the page performs its server has to name."""
PAGE = (
    '<!doctype html><title>Test</title><script src="/agents.js"></script>'
    '<script src="/page.js"></script>'
)


def client_secret(house, **claims):
    """As the page's own server asks for one."""
    body = json.dumps({"session": {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}})
    headers = {"Authorization": f"Bearer {house.token(**claims)}"}
    headers |= {"Content-Type": "application/json"}
    address = house.http("/v1/realtime/client_secrets")
    request = urllib.request.Request(address, body.encode(), headers)
    with urllib.request.urlopen(request, timeout=WAIT_S) as answered:
        return json.load(answered)["value"]


@needs_node_client
def test_a_page_talks_and_performs_its_tool(browser, house):
    secret = client_secret(house, parley_session={"tools": [WEATHER]})
    files = {
        "/": ("text/html", PAGE),
        "/agents.js": (SCRIPT, BUNDLE.read_text()),
        "/page.js": (SCRIPT, (HERE / "agents_page.js").read_text()),
    }
    complaints = []
    with pages(house.http(""), files) as origin:
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(origin)
        until(page, "window.isLoaded")
        address = f"{house.http('').replace('http', 'ws')}/v1/realtime"
        texts = ["Spell cab.", "What is the weather in Paris?"]
        call = (
            "([url, key, texts]) => { talk(url, key, texts).then((told) => (window.told = told)); }"
        )
        page.evaluate(call, [address, secret, texts])
        told = until(page, "window.told")
        page.close()

    assert secret.startswith("ek_")
    assert ["C, A, B.", "It is clear in Paris."] == told["said"]
    assert [] == told["errors"] == complaints
    assert "realtime" == told["protocol"]
    assert told["bytes"] > 48_000
