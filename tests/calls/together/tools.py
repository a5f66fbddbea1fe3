"""Tools that are slow, late, doubled, or never done; and a model that calls them on demand."""

import asyncio
import json
from random import Random
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from local_realtime.responders.echo import Echo
from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.sound.audio import Sound
from tests.calls.tool_house import http_tool

ASKS = "Use"
"""A text that begins so names the tools that are called."""
HTTP_S = 2
CLIENT_S = 3
OF_SERVER, OF_CLIENT = "weather", "paint"
PARAMETERS = {
    "type": "object",
    "required": ["city"],
    "additionalProperties": False,
    "properties": {"city": {"type": "string"}},
}
CLIENT_TOOL = {"name": OF_CLIENT, "description": "Of a test.", "parameters": PARAMETERS}


class ToolEcho(Echo):
    """As the echo, and calls the tools that the last turn names, all in one answer.

    What it has said already of an answer that broke off it does not say again.
    """

    async def answer(self, turn):
        last = turn.items[-1] if turn.items else None
        texts = [part.text or "" for part in last.parts] if last is not None else []
        is_asked = last is not None and last.wire.get("role") == "user"
        if is_asked and texts and texts[0].startswith(ASKS + " "):
            for name in texts[0].split()[1:]:
                if name in {tool["name"] for tool in turn.tools}:
                    yield FunctionCall(name, json.dumps({"city": texts[0]}))
            return
        async for piece in super().answer(turn):
            yield _rest_of(piece, turn) if isinstance(piece, Answer) else piece


def _rest_of(answer: Answer, turn: Any) -> Answer:
    """What of it stands behind the last turn of the user's has been said."""
    said = 0
    for item in reversed(turn.items):
        if item.wire.get("role") != "assistant":
            break
        said += sum(len((part.text or "").split()) for part in item.parts)
    words = answer.text.split()
    if not 0 < said < len(words):
        return answer
    sound = answer.sound.pcm[said * len(answer.sound.pcm) // len(words) // 2 * 2 :]
    return Answer(" ".join(words[said:]), Sound(sound, answer.sound.rate_hz))


class _Slow(RequestHandler):
    """Answers at once, after a while, too late, or not well."""

    def initialize(self, random: Random) -> None:
        self._random = random

    async def post(self) -> None:
        asked = json.loads(self.request.body)["arguments"]
        fate = self._random.random()
        if fate < 0.6:
            await asyncio.sleep(self._random.random() * 1.5)
        elif fate < 0.7:
            await asyncio.sleep(2 * HTTP_S)
        elif fate < 0.8:
            self.send_error(500)
            return
        self.write(asked)

    def log_exception(self, *_: Any) -> None:
        pass


class ToolServer:
    """``async with ToolServer(random) as tools:``; `tools.toml` names its only one."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def __aenter__(self) -> Self:
        routes = [("/slow", _Slow, {"random": self._random})]
        self._server = HTTPServer(Application(routes, log_function=lambda _: None))
        sockets = bind_sockets(0, "127.0.0.1")
        self.toml = http_tool(
            OF_SERVER, f"http://127.0.0.1:{sockets[0].getsockname()[1]}/slow", timeout_s=HTTP_S
        )
        self._server.add_sockets(sockets)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class ClientTools:
    """What the client of a call does when it is told to: some of it at once, some late or twice."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._working: set[asyncio.Task[None]] = set()
        self.results: list[str] = []
        """The calls that results were sent for."""

    def hear(self, client: Any, heard: Any) -> None:
        match heard:
            case {"type": "tool_call", "data": {"call_id": call_id}}:
                task = asyncio.ensure_future(self._do(client, call_id))
                self._working.add(task)
                task.add_done_callback(self._working.discard)

    async def end(self) -> None:
        """Nothing is done behind the end of a call."""
        await asyncio.gather(*self._working)

    async def stop(self) -> None:
        """The call has ended, and nobody waits for what is under way."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _do(self, client: Any, call_id: str) -> None:
        fate = self._random.random()
        if fate < 0.15:
            return  # it has a deadline
        if fate < 0.6:
            await asyncio.sleep(self._random.random() * 2)
        elif fate < 0.7:
            await asyncio.sleep(CLIENT_S + 1)
        for _ in range(2 if self._random.random() < 0.2 else 1):
            self.results.append(call_id)
            await client.say(
                "tool_result", call_id=call_id, output={"of": call_id}, id=call_id[-64:]
            )


def check_tools(client: Any) -> None:
    """Each call of the client's ends once: by a result that was taken, or by being cancelled."""
    for call_id, taken, cancelled in ends_of(client):
        assert taken + cancelled == 1, (call_id, taken, cancelled)


def check_ends_once(client: Any) -> None:
    """The same of a call that ended in the middle: what was said last may not have come."""
    for call_id, _, cancelled in ends_of(client):
        assert cancelled <= 1, call_id


def ends_of(client: Any) -> list[tuple[str, int, int]]:
    """Of each call of the client's how many results were taken, and how often it was cancelled."""
    heard = [m for m in client.heard if isinstance(m, dict)]
    called = [m["data"]["call_id"] for m in heard if m["type"] == "tool_call"]
    cancelled = [m["data"]["call_id"] for m in heard if m["type"] == "tool_call_cancelled"]
    refused = [m["data"].get("ref") for m in heard if is_late_result(m)]
    assert len(set(called)) == len(called), called
    assert set(cancelled) <= set(called)
    return [
        (
            call_id,
            client.tools.results.count(call_id) - refused.count(call_id[-64:]),
            cancelled.count(call_id),
        )
        for call_id in called
    ]


def is_late_result(heard: Any) -> bool:
    """A result of a call that was over."""
    return heard["type"] == "error" and heard["data"].get("field") == "call_id"
