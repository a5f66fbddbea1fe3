"""The clients that are always installed, unchanged, against the gateway: a written turn of each.

All that they do with the local model they do with the gateway in `make clients`.
"""

import json
import re
from pathlib import Path

import pytest

from tests.clients.node_client import NODE_SCRIPTS, needs_node_client
from tests.clients.openai_calls import ask, calling
from tests.clients.program import MODEL, ROOT, gateway, output_of

SAME = {
    "program.base_url": "BASE_URL",
    "program.websocket_url": "WEBSOCKET_URL",
    "key or program.key": "KEY",
    "program.key": "KEY",
}
"""What the tests call what the document calls otherwise."""
ROW = re.compile(
    r"^\| `[^`]+`(?: \(npm\))? \S+ \| \[[^]]+\]\(\.\./([^)]+)\) \| (.+) \|$", re.MULTILINE
)


@pytest.fixture(scope="module")
def house():
    with gateway("echo") as program:
        yield program


@pytest.mark.gen_test
async def test_openai(house):
    """`openai` for Python."""
    async with calling(house) as connection:
        assert "You wrote: hi" == await ask(connection, "hi")


@pytest.mark.gen_test
async def test_openai_agents(agents, house):
    """`openai-agents` for Python."""
    async with agents.calling(house) as call:
        assert "You wrote: hi" == await call.ask("hi")
        assert [] == call.errors


@needs_node_client
@pytest.mark.gen_test
async def test_agents_realtime_in_a_page(house):
    """`@openai/agents-realtime` with its key in a subprotocol, which alone a page can set."""
    address = f"ws://{house.address}/v1/realtime?model={MODEL}"
    call = json.dumps({"url": address, "apiKey": house.key})
    told, _ = await output_of("node", NODE_SCRIPTS / "stories.mjs", "browser", PARLEY_CALL=call)
    lines = [json.loads(line) for line in told.splitlines()]

    assert {"said": "You wrote: Spell cab.", "protocol": "realtime"} == lines[0]
    assert {"errors": [], "unknown": []} == lines[1]


@needs_node_client
@pytest.mark.gen_test
@pytest.mark.parametrize("kind", ["OpenAIRealtimeWS", "OpenAIRealtimeWebSocket"])
async def test_openai_npm(house, npm_story, kind):
    """The npm package `openai`, through TLS: its key in a header, and in a subprotocol."""
    told = await npm_story(kind, "text", house)

    assert {"said": "You wrote: What is twelve times seven?", "errors": []} == told


def test_the_document_says_what_the_clients_are_told():
    """Each line of docs/openai.md stands in the program that is run."""
    rows = ROW.findall((ROOT / "docs" / "openai.md").read_text())
    assert len(rows) == 9
    for name, cell in rows:
        program = " ".join((ROOT / Path(name)).read_text().split())
        for ours, its in SAME.items():
            program = program.replace(ours, its)
        lines = re.findall(r"`([^`]+)`", cell)
        assert lines
        for line in lines:
            assert line in program, (name, line)
