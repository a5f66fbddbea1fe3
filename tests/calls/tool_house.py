"""A gateway with tools before a model that calls them on demand."""

import json
import uuid
from contextlib import asynccontextmanager
from typing import Any

from tests.calls.house import House
from tests.fakes.endpoint import Endpoint
from tests.fakes.upstream import FakeUpstream

PARAMETERS = """
[http.{name}.parameters]
type = "object"
required = ["city"]
additionalProperties = false
[http.{name}.parameters.properties.city]
type = "string"
"""

MODULE = '''
"""Tools of a test."""
import asyncio
import threading
import time

from parley_tools import Caller, ToolError, tool

let_go = threading.Event()

@tool
def price(product: str, pieces: int = 1) -> dict:
    """What a product costs."""
    return {"product": product, "euros": 3 * pieces}

@tool
async def who(caller: Caller) -> str:
    """Who is calling."""
    await asyncio.sleep(0)
    return f"{caller.user_id} {caller.session_id} {caller.call_id}"

@tool
def where(caller: Caller) -> dict:
    """Where in a trace."""
    return caller.traceparent

@tool
def raises() -> str:
    """Fails with a canary in its words."""
    raise ValueError("canary")

@tool
def refuses() -> str:
    """Says why it cannot."""
    raise ToolError("The shop is closed.")

@tool
def odd() -> object:
    """Returns what is no JSON."""
    return object()

@tool
def half() -> str:
    """Returns half of a character."""
    return "caf\\udce9"

@tool
def refuses_half() -> str:
    """Says why it cannot, with half of a character."""
    raise ToolError("There is no caf\\udce9.")

@tool(timeout_s=0.3)
def blocks() -> str:
    """Blocks its thread."""
    let_go.wait(30)
    return "late"

@tool(timeout_s=0.3)
async def blocks_loop() -> str:
    """Blocks its loop."""
    let_go.wait(30)
    return "late"

@tool(timeout_s=0.3)
async def hangs() -> str:
    """Waits for ever, as it should."""
    await asyncio.Event().wait()

@tool(scopes=("admin",))
def secret() -> str:
    """Only for some."""
    return "x"
'''


def http_tool(name: str, url: str, more: str = "", *, timeout_s: float = 20) -> str:
    """One entry of conf/tools.toml."""
    entry = f'[http.{name}]\ndescription = "Of a test."\nurl = "{url}"\n'
    entry += f"timeout_s = {timeout_s}\n{more}\n"
    return entry + PARAMETERS.format(name=name)


def write_python(folder: Any) -> tuple[str, str]:
    """A module of tools under a name of its own: its entry, and its name."""
    name = f"tools_{uuid.uuid4().hex}"
    (folder / f"{name}.py").write_text(MODULE)
    return f'[python]\nmodule = "{name}"\nthreads = 4\n', name


class ToolCall:
    """One call with a model that is told what to do, and a client that hears."""

    def __init__(self, fake: Any, link: Any, client: Any, house: House) -> None:
        self.fake = fake
        self.link, self.client, self.house = link, client, house
        self.update: dict[str, Any] = {}
        self._answers = 0

    async def model_calls(self, *calls: tuple[str, dict[str, Any] | str]) -> list[str]:
        """The model calls these in one answer; returns the ids of the calls."""
        self._answers += 1
        response_id = f"r{self._answers}"
        await self.link.send({"type": "response.created", "response": {"id": response_id}})
        items = []
        for number, (name, arguments) in enumerate(calls):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            item = {
                "id": f"f{self._answers}_{number}",
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{self._answers}_{number}",
                "name": name,
                "arguments": text,
            }
            items.append(item)
            done = {"type": "response.output_item.done", "response_id": response_id}
            await self.link.send(done | {"output_index": number, "item": item})
        response = {"id": response_id, "status": "completed", "output": items}
        await self.link.send({"type": "response.done", "response": response})
        return [item["call_id"] for item in items]

    async def output(self) -> tuple[str, str]:
        """The next result that reaches the conversation: its call, and what it says."""
        event = await self.link.next_event("conversation.item.create")
        assert event["item"]["type"] == "function_call_output"
        return event["item"]["call_id"], event["item"]["output"]

    async def result_of(self, name: str, arguments: dict[str, Any] | str | None = None) -> Any:
        """What the model is answered to one call; an answer is asked for behind it."""
        (call_id,) = await self.model_calls((name, {} if arguments is None else arguments))
        told, output = await self.output()
        assert call_id == told
        await self.link.next_event("response.create")
        await self.model_speaks()
        return output

    async def model_speaks(self) -> None:
        """The answer that was asked for, with nothing in it."""
        self._answers += 1
        response = {"id": f"r{self._answers}", "status": "completed"}
        await self.link.send({"type": "response.created", "response": response})
        await self.link.send({"type": "response.done", "response": response})


@asynccontextmanager
async def tool_call(
    folder: Any, toml: str, *, headers: dict[str, str] | None = None, **settings: Any
) -> Any:
    """A call whose model may call the tools of *toml*; *headers* are of its opening."""
    file = folder / "tools.toml"
    file.write_text(toml)
    async with FakeUpstream() as fake, House(fake.url, tools_file=str(file), **settings) as house:
        client = await house.connected(headers=headers)
        link = await fake.connection()
        call = ToolCall(fake, link, client, house)
        call.update = await link.next_event("session.update")
        yield call


__all__ = ["Endpoint", "ToolCall", "http_tool", "tool_call", "write_python"]
