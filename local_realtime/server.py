"""The server: its settings, its routes, the sessions it has open.  Thread: loop."""

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from typing import Any, Literal

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from local_realtime.client_secrets import ClientSecrets
from local_realtime.echo import Echo
from local_realtime.faults import Faults
from local_realtime.faulty_handler import FaultyHandler
from local_realtime.handler import RealtimeHandler
from local_realtime.http_api import BetaHandler, ClientSecretsHandler, UnknownHandler
from local_realtime.responder import Responder
from local_realtime.scripted import Run
from local_realtime.scripted_handler import ScriptedHandler
from local_realtime.vad import Ears, EnergyEar

REALTIME_PATH = r"(?:/openai)?/v1/realtime"
"""OpenAI's, and Azure's."""

MAX_FRAME_BYTES = 20 * 1024 * 1024
"""15 MiB of base64 and the JSON around it."""

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of plain HTTP; far beyond this nobody is told why, only cut off."""

PING_SECONDS = 20
GOING_AWAY = 1001
CLOSE_GRACE_SECONDS = 0.5
"""How long a client may take to answer the close frame before it is cut."""


logger = logging.getLogger(__name__)

HeaderFaults = Literal["local", "always", "never"]


@dataclass(frozen=True, slots=True)
class ServerConfig:
    api_key: str | None = field(default=None, repr=False)
    """None lets everybody in."""

    pace: float = 10.0
    """How much faster than real time answers are sent; 0 is as fast as the client reads."""

    faults: Faults = field(default_factory=dict)
    """What goes wrong in every session."""

    header_faults: HeaderFaults = "local"
    """Who may ask for more of it by a header: clients on this computer, all, or none."""


class Healthz(RequestHandler):
    def get(self) -> None:
        self.finish("ok\n")


class LocalRealtime:
    """Serve `app` with a Tornado `HTTPServer`, or call `listen`; then `close` or `close_all`."""

    def __init__(
        self,
        config: ServerConfig,
        responder: Responder | None = None,
        ears: Ears = EnergyEar,
        run: Run | None = None,
    ) -> None:
        self.config = config
        self.responder: Responder = responder or Echo()
        self.ears = ears
        self.secrets = ClientSecrets()
        of_this = {"server": self}
        route: tuple[Any, ...] = (REALTIME_PATH, FaultyHandler, of_this)
        if run:
            route = (REALTIME_PATH, ScriptedHandler, {**of_this, "run": run})
        self.app = Application(
            [
                route,
                (f"{REALTIME_PATH}/client_secrets", ClientSecretsHandler, of_this),
                (f"{REALTIME_PATH}/(?:transcription_)?sessions", BetaHandler, of_this),
                (r"/healthz", Healthz),
            ],
            websocket_max_message_size=MAX_FRAME_BYTES,
            websocket_ping_interval=PING_SECONDS,
            default_handler_class=UnknownHandler,
            default_handler_args=of_this,
            log_function=_log_refusal,
            local_realtime=self,
        )
        self._http = HTTPServer(self.app, max_body_size=MAX_BODY_BYTES)
        self._sessions: set[RealtimeHandler] = set()
        self._connections = 0
        self._emptied = asyncio.Event()

    def listen(self, host: str, port: int) -> int:
        """Accept connections; the port, chosen by the system if *port* is 0."""
        # Tornado's bind_sockets leaks a socket if the port is taken.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
        listener.setblocking(False)
        self._http.add_socket(listener)
        bound_port: int = listener.getsockname()[1]
        return bound_port

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    def count_connection(self) -> int:
        """The number of the connection that is being opened, from 1."""
        self._connections += 1
        return self._connections

    def enter(self, handler: RealtimeHandler) -> None:
        self._sessions.add(handler)
        self._emptied.clear()

    def leave(self, handler: RealtimeHandler) -> None:
        self._sessions.discard(handler)
        if not self._sessions:
            self._emptied.set()

    def close_all(self, code: int = GOING_AWAY, reason: str = "server is shutting down") -> None:
        """Begin to close every session."""
        for handler in list(self._sessions):
            handler.close(code, reason)

    async def close(self) -> None:
        """Stop listening and close all sessions, the unwilling ones too."""
        self._http.stop()
        self.close_all()
        if not await self._is_emptied():
            for handler in list(self._sessions):
                handler.cut()
            await self._is_emptied()
        await self._http.close_all_connections()

    async def _is_emptied(self) -> bool:
        """Whether all sessions end within the grace."""
        try:
            async with asyncio.timeout(CLOSE_GRACE_SECONDS):
                while self._sessions:
                    await self._emptied.wait()
        except TimeoutError:
            return False
        return True


def _log_refusal(handler: RequestHandler) -> None:
    """Tornado's own line has the query, and that may hold a key."""
    status = handler.get_status()
    if status >= 400:
        logger.warning("%d %s %s", status, handler.request.method, handler.request.path)


def make_app(config: ServerConfig) -> Application:
    """An application that answers by `Echo`; its `LocalRealtime` is in the settings."""
    return LocalRealtime(config).app
