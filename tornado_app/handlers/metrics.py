"""`GET /metrics`, on an address of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from tornado.httpserver import HTTPServer
from tornado.web import Application

from tornado_app.client_side.explaining import ExplainingServer
from tornado_app.errors import Refused
from tornado_app.handlers.quiet import (
    NOWHERE_FOR_OPERATORS,
    NowhereHandler,
    QuietHandler,
    error_message,
)
from tornado_app.logs import log_request
from tornado_app.protocol.dialect import Dialect

Route = tuple[str, Any, dict[str, Any]]

IDLE_CONNECTION_S = 120.0
"""Scrapers keep their connections from one time to the next."""
BODY_S = 10.0
"""A body that takes longer does not come."""
HEADER_BYTES = 16_384
BODY_BYTES = 1024
"""Of what takes none; those that take one say so themselves."""


class Rendered(Protocol):
    """A page, at one moment."""

    def render(self, accept: str) -> tuple[bytes, str]:
        """Written down, and its content type.  Thread: any."""


class MetricsHandler(QuietHandler):
    """Thread: loop; the page is written down in another, so that no call waits for it."""

    allowed = ("GET", "HEAD")

    def initialize(self, look: Callable[[], Awaitable[Rendered]]) -> None:
        self._look = look

    async def get(self) -> None:
        page, accept = await self._look(), self.request.headers.get("Accept", "")
        loop = asyncio.get_running_loop()
        body, content_type = await loop.run_in_executor(None, page.render, accept)
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        await self.finish(body)

    async def head(self) -> None:
        """As GET; Tornado leaves the body out."""
        await self.get()


def make_metrics_server(
    look: Callable[[], Awaitable[Rendered]], dialect: Dialect, others: Sequence[Route] = ()
) -> HTTPServer:
    """With *others* beside the page; it listens on nothing yet."""
    app = Application(
        [(r"/metrics", MetricsHandler, {"look": look}), *others],
        default_handler_class=NowhereHandler,
        default_handler_args={"sentence": NOWHERE_FOR_OPERATORS},
        dialect=dialect,
        log_function=log_request,
        serve_traceback=False,
    )

    def spell(sentence: str) -> bytes:
        return error_message(dialect, Refused("invalid_message", sentence))

    return ExplainingServer(
        app,
        spell,
        HEADER_BYTES,
        idle_connection_timeout=IDLE_CONNECTION_S,
        max_body_size=BODY_BYTES,
        body_timeout=BODY_S,
    )
