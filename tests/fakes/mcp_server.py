"""A real MCP server, of the official package, in a thread of this process."""

import asyncio
import contextlib
import json
import threading
import time
from typing import Any, Self

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import CallToolResult, TextContent

WAIT_S = 30.0


class McpHouse:
    """Listens while it is entered; may be stopped and started again on its port.

    *requests* are the headers and bodies that came, *running* the calls that wait in it.
    """

    def __init__(self, *, is_legacy: bool = False, json_response: bool = False) -> None:
        """*is_legacy*: as before 2026, with sessions that it forgets when it ends."""
        self.is_legacy = is_legacy
        self._options = {"json_response": json_response}
        self.port = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.running = 0
        self.cancelled = 0
        self.let_go = threading.Event()
        self.answer: Any = None
        """What is answered to calls, (status, headers, body), in place of MCP."""
        self.listing_answer: Any = None
        """The same of listings."""
        self.server = MCPServer("house", log_level="CRITICAL")
        self._add_tools()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def methods(self) -> list[str]:
        """What was asked of it by way of POST, as far as it stands in a header."""
        return [headers.get("mcp-method", "") for method, headers, _ in self.requests]

    def start(self) -> None:
        self._app = self.server.streamable_http_app(**self._options)
        config = uvicorn.Config(
            self._watched,
            "127.0.0.1",
            self.port,
            log_config=None,
            interface="asgi3",
            timeout_graceful_shutdown=0,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="mcp-house")
        self._thread.start()
        deadline = time.monotonic() + WAIT_S
        while not self._uvicorn.started:
            assert time.monotonic() < deadline, "the MCP server does not start"
            time.sleep(0.01)
        self.port = self._uvicorn.servers[0].sockets[0].getsockname()[1]

    def die(self) -> None:
        """At once: whoever is connected is not told."""
        self.let_go.set()
        self._uvicorn.should_exit = True
        self._uvicorn.force_exit = True
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the MCP server does not end"
        self.let_go.clear()

    def do(self, work: Any) -> Any:
        """Run a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.die()

    def _serve(self) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            await self._uvicorn.serve()

        # What is still open when it dies is cancelled, which its own code does not expect.
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run())

    async def _watched(self, scope: Any, receive: Any, send: Any) -> None:
        """The server's own application, with what comes in written down."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.requests.append((scope["method"], headers, body))
        if self.is_legacy and headers.get("mcp-method") == "server/discover":
            error = {"code": -32601, "message": "Method not found"}
            answer = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
            kind = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 400, "headers": kind})
            await send({"type": "http.response.body", "body": answer})
            return
        answers = {"tools/call": self.answer, "tools/list": self.listing_answer}
        in_place = answers.get(json.loads(body)["method"]) if body else None
        if in_place is not None:
            status, extra, content = in_place
            start = {"type": "http.response.start", "status": status, "headers": extra}
            await send(start)
            await send({"type": "http.response.body", "body": content})
            return
        given = False

        async def again() -> Any:
            nonlocal given
            if given or scope["method"] != "POST":
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    def _add_tools(self) -> None:
        server = self.server

        @server.tool()
        async def get_weather(city: str) -> str:
            """The weather of this moment in a city."""
            return f"It is sunny in {city}, 21 degrees."

        @server.tool()
        async def stock(product: str) -> dict[str, Any]:
            """How many pieces of a product are in stock."""
            return {"product": product, "pieces": 12}

        @server.tool(structured_output=False)
        async def picture() -> Any:
            """A picture and words."""
            return ["Here it is:", Image(data=b"\x89PNG", format="png")]

        @server.tool()
        async def refuses() -> CallToolResult:
            """Says that it cannot."""
            content = [TextContent(type="text", text="The shop is closed.")]
            return CallToolResult(content=content, is_error=True)

        @server.tool()
        async def hang() -> str:
            """Waits until it is let go."""
            self.running += 1
            try:
                while not self.let_go.is_set():
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.running -= 1
            return "late"

        @server.tool(structured_output=False)
        async def huge(size: int = 100_000) -> str:
            """More than there may be."""
            return "x" * size

        @server.tool(name="shop.find-it")
        async def shop_find() -> str:
            """A name that the API does not take."""
            return "found"

        @server.tool()
        async def who(ctx: Context) -> dict[str, Any]:
            """Who is calling."""
            meta = ctx.request_context.meta or {}
            return {key: value for key, value in meta.items() if key.startswith("parley/")}

        @server.tool()
        async def open_shop(ctx: Context) -> str:
            """Has one tool more from now on, and says so."""
            server.add_tool(sell, "sell", description="Sells a product.")
            if self.is_legacy:
                await ctx.session.send_tool_list_changed()
            else:
                await ctx.notify_tools_changed()
            return "open"

        async def sell(product: str) -> str:
            return f"sold {product}"
