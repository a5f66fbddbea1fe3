"""The HTTP server, as far as it is a door: who may stand before it, and for how long."""

import asyncio
import errno
import socket
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import Application

from tornado_app.admission.proxies import ClientAddress, client_address, networks
from tornado_app.admission.waiting import WaitingRoom
from tornado_app.client_side.acceptor import Acceptor
from tornado_app.client_side.explaining import ExplainingStream, OneEnd
from tornado_app.client_side.routing import Routing
from tornado_app.rare_lines import RareLines
from tornado_app.settings.schema import Settings

IDLE_CONNECTION_S = 10.0
"""A request whose headers take longer is a slowloris (Tornado's own default is an hour)."""
OTHER_HEADER_BYTES = 8192
"""What the headers of a request may have beside a token."""
BODY_BYTES = 1024
"""Nothing here takes a body."""
ROOM_MADE = 256
"""Those who wait and are cut each time that descriptors run out."""

REFUSALS_PER_MINUTE = 60
"""Lines of clients with a wrong token or origin: enough to see who, too few to fill a disk."""


class Doorstep:
    """What server and handlers know of those who stand before the door.  Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        loop: AbstractEventLoop,
        hear: Callable[[str, Mapping[str, object]], None] = lambda _event, _fields: None,
    ) -> None:
        """*hear* is told who was refused or cut, also if nobody else is."""
        limits = settings.limits
        self.header_bytes = settings.auth.token_bytes + OTHER_HEADER_BYTES
        self.trusted = networks(settings.server.trusted_proxies)
        """Load balancers, whose word on their clients counts."""
        self.waiting = WaitingRoom(
            limits.unauthenticated,
            limits.unauthenticated_per_address,
            self.trusted,
            lambda bound, ip: self.alarms.log("visitors_cut", limit=bound, ip=ip),
        )
        self.alarms = RareLines(loop, 1, hear)
        self.refusals = RareLines(loop, REFUSALS_PER_MINUTE, hear)

    def address_of(self, request: HTTPServerRequest) -> ClientAddress:
        """The client behind the load balancers that are trusted."""
        return client_address(
            request.remote_ip or "",
            request.protocol,
            request.headers.get_list("X-Forwarded-For"),
            request.headers.get_list("X-Forwarded-Proto"),
            self.trusted,
        )

    def go_by(self, settings: Settings) -> None:
        """Other bounds and other load balancers, for those who come from now on."""
        limits = settings.limits
        self.trusted = networks(settings.server.trusted_proxies)
        self.waiting.set_bounds(
            limits.unauthenticated, limits.unauthenticated_per_address, self.trusted
        )

    def close(self) -> None:
        self.alarms.close()
        self.refusals.close()


class DoorStream(ExplainingStream):
    """May leave a request to another process.  Thread: loop."""

    def __init__(
        self,
        connection: socket.socket,
        spell: Callable[[str], bytes],
        header_bytes: int,
        hand_over: Callable[[socket.socket], bool | None] | None = None,
        *,
        stays_once: bool = False,
    ) -> None:
        """*hand_over* as of `Routing`.

        With *stays_once* the first request is answered here, whatever it is.
        """
        super().__init__(connection, spell, header_bytes)
        self._hand_over = hand_over
        self._stays_once = stays_once
        self._may_go = False
        """A request is waited for, and nothing of it has been read: bodies and what comes behind an
        upgrade are not requests, whatever they look like.
        """

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """As Tornado reads the headers of a request, and nothing else."""
        is_begun = self._read_buffer_size > 0
        self._may_go = self._hand_over is not None and not is_begun and not self._stays_once
        self._stays_once = False
        return super().read_until_regex(regex, max_bytes)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if self._may_go and self._hand_over is not None:
            if (is_gone := self._hand_over(self.socket)) is not False:
                return 0 if is_gone else None  # as at its end, or as if nothing had come
            self._may_go = False
        return super().read_from_fd(buf)


class FrontDoor(HTTPServer):
    """Tornado's HTTP server, which forgets a connection when it has become a WebSocket.

    Thread: loop.  Until then it has a place in the waiting room, and leaves it by being closed, by
    giving way, or by becoming a WebSocket.
    """

    def initialize(  # type: ignore[override]  # what Tornado's own takes is settled here
        self, app: Application, doorstep: Doorstep, spell: Callable[[str], bytes]
    ) -> None:
        super().initialize(
            app,
            idle_connection_timeout=IDLE_CONNECTION_S,
            max_header_size=doorstep.header_bytes,
            max_body_size=BODY_BYTES,
            body_timeout=IDLE_CONNECTION_S,
        )
        self.doorstep = doorstep
        self._spell = spell
        self._waiting = doorstep.waiting
        self._routing: Routing | None = None
        self._hand_over: Callable[[socket.socket], bool | None] | None = None

    def go_by(self, app: Application, settings: Settings) -> None:
        """Other routes and bounds, for requests that come from now on."""
        self.request_callback = app
        self.doorstep.go_by(settings)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Begin to accept from these listening sockets."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            acceptor = Acceptor(sock, self._take, self._on_shortage, loop)
            self._sockets[sock.fileno()] = sock
            self._handlers[sock.fileno()] = acceptor.stop

    def _take(
        self, connection: socket.socket, address: Any, *, is_handed_over: bool = False
    ) -> None:
        try:
            stream = DoorStream(
                connection,
                self._spell,
                self.doorstep.header_bytes,
                self._hand_over,
                stays_once=is_handed_over,
            )
            self.handle_stream(stream, address)
        except OSError:  # it was gone before it was looked at
            connection.close()

    def route(self, routing: Routing) -> None:
        """Share connections with other processes from now on."""
        self._routing, self._hand_over = routing, routing.hand_over
        routing.start(self._take_over, self._on_shortage, asyncio.get_running_loop())

    def _take_over(self, connection: socket.socket, _: None) -> None:
        """It stays here, whoever has fewer calls by now: nobody is sent to and fro.

        What a load balancer sends behind it, in the same connection, is another's.
        """
        try:
            self._take(connection, connection.getpeername(), is_handed_over=True)
        except OSError:  # it has gone meanwhile
            connection.close()

    def stop(self) -> None:
        super().stop()
        if self._routing is not None:
            self._routing.stop()
        self.doorstep.close()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        peer = address[0] if isinstance(address, tuple) else ""  # a Unix socket has no address
        self._waiting.enter(stream, peer, stream.close)
        super().handle_stream(stream, address)

    def start_request(self, server_conn: Any, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        self._waiting.heard(server_conn.stream)
        return OneEnd(super().start_request(server_conn, request_conn))

    def on_close(self, server_conn: Any) -> None:
        self._waiting.leave(server_conn.stream)
        super().on_close(server_conn)

    def _on_shortage(self, error: OSError) -> None:
        self.doorstep.alarms.log(
            "accepting_rests",
            error=errno.errorcode.get(error.errno or 0, "unknown"),
            waiting=len(self._waiting),
        )
        self._waiting.make_room(ROOM_MADE)
