"""The server: its settings, its routes, the sessions it has open.  Thread: loop."""

import logging
import socket
from dataclasses import dataclass, field
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from local_realtime.ears.vad import Ears, EnergyEar
from local_realtime.handlers.http_api import (
    BetaHandler,
    ClientSecretsHandler,
    HealthHandler,
    UnknownHandler,
)
from local_realtime.handlers.registry import Registry
from local_realtime.rehearsal.faults import Faults
from local_realtime.rehearsal.faulty_handler import FaultyHandler, HeaderFaults
from local_realtime.rehearsal.scripted import Run
from local_realtime.rehearsal.scripted_handler import ScriptedHandler
from local_realtime.responders.echo import Echo
from local_realtime.session.responder import Responder

REALTIME_PATH = r"(?:/openai)?/v1/+realtime"
"""OpenAI's, and Azure's; with two slashes where somebody's base URL ended in one."""

END = "/?"
"""Of every path."""

MAX_FRAME_BYTES = 20 * 1024 * 1024
"""15 MiB of base64 and the JSON around it."""

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of plain HTTP; far beyond this nobody is told why, only cut off."""

GOING_AWAY = 1001

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    api_key: str | None = field(default=None, repr=False)
    """None lets everybody in."""

    pace: float = 10.0
    """How much faster than real time answers are sent; 0 is as fast as the client reads."""

    faults: Faults = field(default_factory=dict)
    """What goes wrong in every session."""

    header_faults: HeaderFaults = "local"
    """Who may ask for more of it by a header."""

    ping_interval_s: float = 20.0
    """A client that says nothing for so long behind a ping is gone."""


class LocalRealtime:
    """Serve `app` with a Tornado `HTTPServer`, or call `listen`; then `close` or `close_all`."""

    def __init__(
        self,
        config: ServerConfig,
        responder: Responder | None = None,
        ears: Ears = EnergyEar,
        run: Run | None = None,
    ) -> None:
        self.registry = Registry(
            config.api_key,
            config.pace,
            responder or Echo(),
            ears,
            ping_interval_s=config.ping_interval_s,
        )
        of_this = {"registry": self.registry}
        faults = {"faults": config.faults, "header_faults": config.header_faults}
        route: tuple[Any, ...] = (REALTIME_PATH + END, FaultyHandler, of_this | faults)
        if run:
            route = (REALTIME_PATH + END, ScriptedHandler, {**of_this, **faults, "run": run})
        self.app = Application(
            [
                route,
                (f"{REALTIME_PATH}/client_secrets{END}", ClientSecretsHandler, of_this),
                (f"{REALTIME_PATH}/(?:transcription_)?sessions{END}", BetaHandler, of_this),
                (rf"/healthz{END}", HealthHandler, of_this),
            ],
            websocket_max_message_size=MAX_FRAME_BYTES,
            websocket_ping_interval=0,  # `Heartbeat` pings
            default_handler_class=UnknownHandler,
            default_handler_args=of_this,
            log_function=_log_refusal,
            local_realtime=self,
        )
        self._http = HTTPServer(self.app, max_body_size=MAX_BODY_BYTES)

    def listen(self, host: str, port: int) -> int:
        """Accept connections; the port, chosen by the system if *port* is 0."""
        # Tornado's bind_sockets leaks a socket if the port is taken.
        kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
        family, _, _, _, place = socket.getaddrinfo(host, port, type=kind, flags=flags)[0]
        listener = socket.create_server(place, family=family, backlog=128)
        listener.setblocking(False)
        self._http.add_socket(listener)
        bound_port: int = listener.getsockname()[1]
        return bound_port

    @property
    def open_sessions(self) -> int:
        return self.registry.open_sessions

    def close_all(self, code: int = GOING_AWAY, reason: str = "server is shutting down") -> None:
        """Begin to close every session."""
        self.registry.close_all(code, reason)

    async def close(self) -> None:
        """Stop listening and close all sessions, the unwilling ones too."""
        self._http.stop()
        self.close_all()
        await self.registry.end_all()
        await self._http.close_all_connections()


def _log_refusal(handler: RequestHandler) -> None:
    """Tornado's own line has the query, and that may hold a key."""
    status = handler.get_status()
    if status >= 400:
        logger.warning("%d %s %s", status, handler.request.method, handler.request.path)


def make_app(config: ServerConfig) -> Application:
    """An application that answers by `Echo`; its `LocalRealtime` is in the settings."""
    return LocalRealtime(config).app
