"""An MCP server that says anything: JSON-RPC by hand, over HTTP by hand, in the test's own loop."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

TOOL = {"name": "t", "description": "Of a test.", "inputSchema": {"type": "object"}}
SERVER = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {"listChanged": True}},
    "serverInfo": {"name": "hostile", "version": "1"},
}
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def response(
    body: Any = b"", status: str = "200 OK", kind: str = "application/json", more: str = ""
) -> bytes:
    """Whole, over HTTP."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return (head + more + "\r\n").encode("latin-1") + body


def event(message: Any) -> bytes:
    text = message if isinstance(message, str) else json.dumps(message)
    return f"data: {text}\n\n".encode()


@dataclass
class Asked:
    """A message of the client's, and where it is answered."""

    method: str
    id: Any
    writer: asyncio.StreamWriter

    def result(self, result: Any, **others: Any) -> Any:
        return {"jsonrpc": "2.0", "id": self.id, "result": result} | others


Answer = Callable[[Asked], "bytes | Awaitable[bytes | None] | None"]
"""None: the connection is closed."""


@dataclass
class HostileServer:
    """Answers as it should, but for what `instead` has, by the method of JSON-RPC or of HTTP."""

    instead: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/mcp"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (answer := await self._answer(await self._read(reader, writer))) is not None:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        message = json.loads(body) if body else {"method": lines[0].split()[0].upper()}
        return Asked(message.get("method", "response"), message.get("id"), writer)

    async def _answer(self, asked: Asked) -> bytes | None:
        self.asked[asked.method] += 1
        if asked.method in self.instead:
            answer = self.instead[asked.method](asked)
            return answer if isinstance(answer, bytes | None) else await answer
        results: dict[str, Any] = {
            "initialize": SERVER,
            "tools/list": {"tools": [TOOL]},
            "tools/call": {"content": [{"type": "text", "text": "fine"}]},
        }
        if asked.method in results:
            session = "Mcp-Session-Id: abc\r\n" if asked.method == "initialize" else ""
            return response(asked.result(results[asked.method]), more=session)
        if asked.method == "server/discover":
            error = {"code": -32601, "message": "Method not found"}
            return response({"jsonrpc": "2.0", "id": asked.id, "error": error}, "400 Bad Request")
        return response(b"", "405 Method Not Allowed" if asked.method == "GET" else "202 Accepted")
