"""One client's WebSocket."""

import asyncio
import time
from functools import partial
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler

from tornado_app.client_side.front_door import Doorstep
from tornado_app.client_side.strict_websocket import StrictWebSocketProtocol
from tornado_app.client_side.writer import ClientWriter
from tornado_app.connection import Connection
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.guests import Guest, Knock
from tornado_app.handlers.arrival import Arrival
from tornado_app.handlers.client_socket import ClientSocket
from tornado_app.handlers.entrance import PARAMETER_BYTES, Entrance
from tornado_app.handlers.handshake import wrong_handshake
from tornado_app.handlers.messages import Messages
from tornado_app.handlers.opening import offered, read_knock
from tornado_app.handlers.quiet import QuietHandler
from tornado_app.handlers.refusals import close_for, http_status
from tornado_app.logs import get_logger
from tornado_app.protocol.close import Close
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.told import ErrorReport
from tornado_app.session import events


class VoiceHandler(QuietHandler, WebSocketHandler):
    """Turns Tornado's callbacks into events for its `Connection`, and decides nothing.

    Thread: loop.  No callback awaits anything: Tornado reads no pong and notices no disconnect
    while ``on_message`` is pending.
    """

    allowed = ("GET",)

    def initialize(self, gateway: Gateway, doorstep: Doorstep, dialect: Dialect) -> None:
        self._dialect = dialect
        self._gateway = gateway
        self._settings = gateway.settings
        self._messages = Messages(gateway, dialect)
        self._doorstep = doorstep
        self._refused: Refused | None = None
        self._guest: Guest | None = None
        self._entrance: Entrance | None = None
        self._client: ClientSocket | None = None
        self._connection: Connection | None = None
        self._arrival: Arrival | None = None
        """Of a guest whose WebSocket is open, until it has its call."""

    def prepare(self) -> None:
        """Address and scheme are the client's, not its load balancer's, from here on."""
        address = self._doorstep.address_of(self.request)
        self.request.remote_ip, self.request.protocol = address.ip, address.scheme

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Admit the request, then let Tornado upgrade it; returns when the socket is closed."""
        if wrong := wrong_handshake(self.request):
            self.refuse(*wrong)
            return
        try:
            await self._enter(self.read_knock())
        except Refused as refused:
            self._log_refused(refused)
            if self.reads_http():
                self.refuse(refused, http_status(refused))
                return
            self._refused = refused
        try:
            await super().get(*args, **kwargs)
        except StreamClosedError:  # before the WebSocket was open; nobody is there to be told
            get_logger().debug("client_vanished", ip=self.request.remote_ip)
        finally:
            self._leave_entrance()
            if self._guest is not None:
                self._gateway.access.reception.release(self._guest)
            self._doorstep.waiting.leave(self)

    # How clients of this address come in; others do it otherwise.

    @property
    def may_introduce(self) -> bool:
        """Whether a client may say who it is when its WebSocket is open."""
        return self._settings.auth.allow_first_message

    def read_knock(self) -> Knock:
        """What the request asks for; raises Refused."""
        allow_query_token = self._settings.auth.allow_query_token
        return read_knock(self.request, self._dialect, allow_query_token=allow_query_token)

    def reads_http(self) -> bool:
        """Whether the client can read an HTTP answer to a request that is refused."""
        return self._dialect.subprotocol not in offered(self.request)

    def close_for(self, refused: Refused) -> Close:
        """How a WebSocket ends that was opened to say *refused*."""
        return close_for(refused)

    def _check_cross_origin(self, check: Any) -> None:
        """`Reception.admit` has checked it, for all requests alike.

        Tornado's own check fails with an exception for an origin that is no address.
        """

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        spoken = self._dialect.subprotocol
        return spoken if spoken in subprotocols else None

    def get_compression_options(self) -> None:
        """None: a compressed message is a way to make us allocate (CVE list in decisions)."""

    @property
    def max_message_size(self) -> int:
        if self._guest is None:  # not known yet, or refused
            return self._settings.auth.token_bytes + PARAMETER_BYTES
        return self._messages.read_bytes

    def get_websocket_protocol(self) -> StrictWebSocketProtocol:
        return StrictWebSocketProtocol(
            self,
            self._gateway.sockets.read_watch,
            max_message_bytes=self.max_message_size,
            read_bytes=self._settings.buffers.read_bytes,
            traffic=self._gateway.sockets.traffic,
        )

    def open(self, *_args: str, **_kwargs: str) -> None:
        self.set_nodelay(True)
        protocol = self.ws_connection
        if not isinstance(protocol, StrictWebSocketProtocol):
            raise TypeError(protocol)
        writer = ClientWriter(
            protocol,
            gather_bytes=self._settings.buffers.write_bytes,
            queue_bytes=self._settings.limits.outbound_bytes,
            write_timeout_s=self._settings.heartbeat.write_timeout_s,
            on_slow=self._on_slow,
            on_room=self._on_room,
            loop=asyncio.get_running_loop(),
            gathered=self._gateway.sockets.gathered_writes,
        )
        self._client = ClientSocket(protocol, writer, self._on_replaced)
        if self._guest is None:
            # Refused or not yet known, it holds a socket until it has gone.
            self._doorstep.waiting.enter(self, self.request.remote_ip or "", protocol.abort)
        if self._refused is not None:
            self._turn_away(self._refused)
        elif self._guest is not None:
            self._enter_call(self._guest, self._client)
        elif self._entrance is not None:
            self._entrance.open(self._settings.auth.first_message_s, asyncio.get_running_loop())

    def on_message(self, message: str | bytes) -> None:
        connection = self._connection
        if connection is None:
            if self._arrival is not None:
                self._arrival.hear(message)
            else:
                self._introduce(message)
            return
        connection.feed(self._messages.event(connection, message))

    def on_message_too_large(self) -> None:
        """`StrictWebSocketProtocol` closes with 1009 after this."""
        refused = self._messages.too_large(self.max_message_size)
        if self._connection is not None:
            self._connection.feed(events.ClientRefused(refused))
        elif self._client is not None:
            self._client.send(self.error_message(refused))

    def on_ping(self, data: bytes) -> None:  # noqa: ARG002
        self._feed(events.ClientPinged())

    def on_pong(self, data: bytes) -> None:  # noqa: ARG002
        self._feed(events.ClientPinged())

    def on_fragment(self) -> None:
        self._feed(events.ClientHeard())

    def on_close(self) -> None:
        arrival, self._arrival = self._arrival, None  # each holds the other
        if arrival is not None:
            arrival.leave()
        if self._connection is not None and self._client is not None:
            gone = events.ClientGone(self.close_code, is_lost=self._client.was_lost)
            self._connection.lose_client(gone)
        # Each holds the other, and the collector of cycles comes late.
        self._connection = self._client = None

    def _on_slow(self, why: str) -> None:
        self._feed(events.ClientSlow(why))

    def _on_room(self) -> None:
        if self._connection is not None:
            self._connection.on_client_room()

    def _feed(self, event: events.Event) -> None:
        if self._connection is not None:
            self._connection.feed(event)

    def error_message(self, refused: Refused) -> bytes:
        """Spelled as the clients of this address do."""
        report = ErrorReport.of(refused, self._entrance.ref if self._entrance else None)
        return self._dialect.encode(report, 1, time.time_ns() // 1_000_000)

    # Coming in.

    async def _enter(self, knock: Knock) -> None:
        """Admit a request, or have it say who it is when it is open.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        if not knock.token and self.may_introduce:
            self._entrance = Entrance(self._gateway, knock, self._refuse)
        else:
            coming = self._gateway.access.reception.coming_in(knock)
            self._guest = (
                self._gateway.access.reception.admit(knock) if coming is None else await coming
            )

    def _introduce(self, message: str | bytes) -> None:
        """The first message of a client that had no token; what a refused one says is not heard."""
        entrance, client = self._entrance, self._client
        if entrance is None or self._refused is not None or client is None:
            return
        try:
            waiting = entrance.hear(message)
        except Refused as refused:
            self._refuse(refused)
            return
        if waiting is not None:
            client.pause()
            waiting.add_done_callback(lambda _: self._on_answered(client))
        elif not entrance.behind:
            self._come_in(entrance, client)

    def _on_answered(self, client: ClientSocket) -> None:
        """What the first message waited for is there, or will not come; or the client has gone."""
        entrance = self._entrance
        if entrance is None or self._refused is not None or self._client is None:
            return
        client.resume()
        try:
            self._come_in(entrance, client)
            for message in entrance.behind:
                self.on_message(message)
        except Exception:  # noqa: BLE001  as the protocol does it for every other callback
            get_logger().exception("handler_failed")
            self.close(1011, "internal")

    def _come_in(self, entrance: Entrance, client: ClientSocket) -> None:
        try:
            self._guest = entrance.admit()
        except Refused as refused:
            self._refuse(refused)
            return
        self._leave_entrance()
        self._doorstep.waiting.leave(self)
        protocol = self.ws_connection
        if isinstance(protocol, StrictWebSocketProtocol):
            protocol.max_message_bytes = self.max_message_size
            self._enter_call(self._guest, client)

    def _enter_call(self, guest: Guest, client: ClientSocket) -> None:
        self._arrival = Arrival(
            self._gateway,
            guest,
            client,
            have=self._have,
            turn_out=self._turn_out,
            hear=self.on_message,
            fail=partial(self.close, 1011, "internal"),
        )
        self._arrival.enter(self._settings.auth.first_message_s)

    def _turn_out(self, guest: Guest, refused: Refused) -> None:
        """It was let in to go on with a call; what it holds from now on is a socket."""
        self._guest = self._arrival = None
        self._gateway.access.reception.release(guest)
        if isinstance(protocol := self.ws_connection, StrictWebSocketProtocol):
            self._doorstep.waiting.enter(self, self.request.remote_ip or "", protocol.abort)
        self._refuse(refused)

    def _have(self, connection: Connection) -> None:
        self._connection, protocol = connection, self.ws_connection
        self._arrival = None
        if not isinstance(protocol, StrictWebSocketProtocol):
            raise TypeError(protocol)
        # A message that is too large, and read to be refused in words, has to find room.
        protocol.unfinished.count_in(connection.budget, sure_bytes=self._messages.sure_bytes)

    def _on_replaced(self) -> None:
        """Another WebSocket has the call."""
        self._connection = None

    def _leave_entrance(self) -> None:
        entrance, self._entrance = self._entrance, None  # each holds the other
        if entrance is not None:
            entrance.leave()

    def _refuse(self, refused: Refused) -> None:
        """A client that was expected may not come in."""
        if self._refused is None:
            self._log_refused(refused)
            self._refused = refused
            self._turn_away(refused)

    def _turn_away(self, refused: Refused) -> None:
        if self._client is not None:  # else `open` will
            self._client.send(self.error_message(refused))
            self._client.close(self.close_for(refused))

    def _log_refused(self, refused: Refused) -> None:
        ip = self.request.remote_ip
        self._doorstep.refusals.log(
            "client_refused", code=refused.code, ip=ip, detail=refused.detail
        )
