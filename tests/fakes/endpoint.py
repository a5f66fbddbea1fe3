"""An endpoint for tools over HTTP on the test's own loop, which can misbehave."""

import asyncio
import json
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

LARGE_BYTES = 10 << 20


class _Handler(RequestHandler):
    endpoint: "Endpoint"

    def initialize(self, endpoint: "Endpoint") -> None:
        self.endpoint = endpoint

    async def get(self, kind: str) -> None:
        await self.post(kind)

    async def post(self, kind: str) -> None:
        self.endpoint.requests.append(self.request)
        match kind:
            case "weather":
                asked = json.loads(self.request.body)["arguments"]
                self.write({"city": asked["city"], "temperature": 4})
            case "text":
                self.set_header("Content-Type", "text/plain; charset=utf-8")
                self.set_header("Set-Cookie", "who=alice")
                self.write("sunny")
            case "empty":
                self.set_status(204)
            case "hang":
                await self._held()
            case "drip":
                self.set_header("Content-Type", "text/plain")
                await self.flush()
                await self._held()
            case "fault":
                self.send_error(500)
            case "large":
                self.set_header("Content-Type", "text/plain")
                self.write(b"x" * LARGE_BYTES)
            case "zipped":
                self.set_header("Content-Encoding", "gzip")
                self.write(b"x" * 100)
            case "plain":
                self.set_header("Content-Encoding", "Identity")
                self.set_header("Content-Type", "application/json")
                self.write('\ufeff{"city": "Paris"}')
            case "broken":
                self.set_header("Content-Type", "application/json")
                self.write("{no json")
            case "picture":
                self.set_header("Content-Type", "image/png")
                self.write(b"\x89PNG")
            case "elsewhere":
                self.set_status(307)
                self.set_header("Location", self.endpoint.url("secret"))
            case "secret":
                self.write({"secret": "metadata"})

    async def _held(self) -> None:
        self.endpoint.held += 1
        try:
            await self.endpoint.let_go.wait()
        finally:
            self.endpoint.held -= 1

    def on_connection_close(self) -> None:
        self.endpoint.broken_off += 1

    def log_exception(self, *_: Any) -> None:
        pass


class Endpoint:
    """``async with Endpoint() as endpoint:``; `requests` holds what came."""

    async def __aenter__(self) -> Self:
        self.requests: list[Any] = []
        self.held = self.broken_off = 0
        self.let_go = asyncio.Event()
        self.connections = 0
        routes = [(r"/(\w+)", _Handler, {"endpoint": self})]
        self._server = HTTPServer(Application(routes, log_function=lambda _: None))
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_go.set()
        self._server.stop()
        await self._server.close_all_connections()

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.port}/{kind}"
