"""The code for a page in docs/tokens.md and docs/tools.md, as it stands there, run by Node."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from tests.calls.house import WAIT_S, House
from tests.calls.tool_house import ToolCall
from tests.clients.node_client import NODE_MODULES, needs_node_client
from tests.fakes.upstream import FakeUpstream

DOCS = Path(__file__).parents[2] / "docs"
ADDRESS = "wss://voice.example.com/ws"
# What a browser has and Node 20 has not, as far as the page uses it.
BROWSER = """
import WebSocket from "ws";
globalThis.document = { body: { style: {} } };
globalThis.fetch = async (path, { method }) => {
  if (path !== "/token" || method !== "POST") throw new Error(path);
  return { json: async () => ({ token: process.env.TOKEN }) };
};
"""
# What the test waits for: the page itself prints nothing.
ENDING = """
socket.addEventListener("close", () => console.log(JSON.stringify(document.body.style)));
"""


def sample(page, heading):
    """The JavaScript below that heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}\n.*?^```js\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found[1]


@needs_node_client
@pytest.mark.gen_test
async def test_a_page_opens_with_its_token_and_performs_its_tools(tmp_path):
    """The token as a subprotocol; a result, a tool that fails, and one that there is not."""
    tools = [{"name": name} for name in ("set_colour", "set_nothing")]
    async with FakeUpstream() as fake, House(fake.url) as house:
        opening = sample("tokens.md", "In a page")
        assert ADDRESS in opening
        script = tmp_path / "page.mjs"
        page = opening.replace(ADDRESS, house.url) + sample("tools.md", "By the client")
        script.write_text(BROWSER + page + ENDING)
        (tmp_path / "node_modules").symlink_to(NODE_MODULES)
        token = house.token(parley_session={"tools": tools})
        process = await asyncio.create_subprocess_exec(
            "node",
            script,
            env={**os.environ, "TOKEN": token},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            call = ToolCall(fake, await fake.connection(), None, house)
            await call.link.next_event("session.update")
            output = await call.result_of("set_colour", {"colour": "red"})
            assert {"now": "red"} == json.loads(output)
            output = await call.result_of("set_nothing")
            assert "not a function" in json.loads(output)["error"]
            await house.gateway.stop(5.0)
            async with asyncio.timeout(WAIT_S):
                printed, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert ({"background": "red"}, b"") == (json.loads(printed), complaints)
