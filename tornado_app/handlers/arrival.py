"""From an open WebSocket to a call: one that begins, or one that a guest goes on with."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tornado_app.connection import Connection
from tornado_app.errors import InvalidMessage, Refused
from tornado_app.gateway import Gateway
from tornado_app.guests import Guest
from tornado_app.handlers.client_socket import ClientSocket
from tornado_app.logs import get_logger
from tornado_app.session import events


class Arrival:
    """Of one guest.  What it says before there is a call waits for that.  Thread: loop.

    A client that comes back says where it was, in its opening or in its first message; a call that
    begins anew may have to be counted together with other machines.
    """

    def __init__(
        self,
        gateway: Gateway,
        guest: Guest,
        client: ClientSocket,
        *,
        have: Callable[[Connection], None],
        turn_out: Callable[[Guest, Refused], None],
        hear: Callable[[str | bytes], None],
        fail: Callable[[], None],
    ) -> None:
        """*have* takes the call, and *hear* what was said before; *turn_out*: there is none for
        this guest after all; *fail*: a fault of ours, where no exception may be raised.
        """
        self._gateway = gateway
        self._guest = guest
        self._client: ClientSocket | None = client
        self._have = have
        self._turn_out = turn_out
        self._hear = hear
        self._fail = fail
        self._connection: Connection | None = None
        self._place_timer: asyncio.TimerHandle | None = None
        self._beginning: asyncio.Task[None] | None = None
        """What a call that begins anew waits for."""
        self._behind: list[Callable[[], None]] = []
        """To hear once that has begun: no more than was read before reading was paused."""

    def enter(self, wait_s: float) -> None:
        """A call that goes on may have to wait for *wait_s* until its client says where.

        So does one that cannot go on any more: its client says so all the same.
        """
        opening = self._guest.opening
        last_seq = opening.last_seq
        can_resume = self._gateway.settings.session.resume_window_s > 0
        if can_resume and opening.resume_token and last_seq is None:
            loop = asyncio.get_running_loop()
            self._place_timer = loop.call_later(wait_s, self._give_up_place)
        else:
            self._connect(last_seq)

    def hear(self, message: str | bytes) -> None:
        """What comes while there is no call."""
        if self._beginning is not None:
            self._behind.append(partial(self._hear, message))
            return
        if self._place_timer is None:  # there was a fault, and its socket is being closed
            return
        last_seq, refused = None, None
        try:
            last_seq = self._guest.dialect.read_place(message)
        except InvalidMessage as wrong:
            refused = wrong
        self._connect(last_seq)
        if refused is not None:
            self._as_soon_as_there(partial(self._feed, events.ClientRefused(refused)))
        elif last_seq is None:
            self._as_soon_as_there(partial(self._hear, message))

    def leave(self) -> None:
        """The client has gone."""
        self._stop_waiting_for_place()
        if self._beginning is not None:
            self._beginning.cancel()
        self._behind.clear()
        self._client = None

    def _as_soon_as_there(self, first: Callable[[], None]) -> None:
        if self._beginning is not None:
            self._behind.append(first)
        elif self._connection is not None:  # else it was turned out
            first()

    def _feed(self, event: events.Event) -> None:
        if self._connection is not None:
            self._connection.feed(event)

    def _give_up_place(self) -> None:
        """It says nothing, and may be lost as well: the call that it asked for is left alone."""
        if self._guest.resumes is None:
            self._connect(None)
            return
        self._stop_waiting_for_place()
        self._begin_anew(replace(self._guest, resumes=None))

    def _connect(self, last_seq: int | None) -> None:
        self._stop_waiting_for_place()
        guest, client = self._guest, self._client
        if client is None:
            return
        if guest.resumes is None:
            self._begin(guest, client)
            return
        found = self._gateway.resume(guest, client, last_seq)
        if isinstance(found, Guest):
            self._begin_anew(found)
        else:
            self._take(found)

    def _begin_anew(self, guest: Guest) -> None:
        self._guest, client = guest, self._client
        if client is None:
            return
        try:
            waiting = self._gateway.access.reception.begin_anew(guest)
        except Refused as refused:
            self._turn_out(guest, refused)
            return
        if waiting is None:
            self._begin(guest, client)
            return
        client.pause()
        self._beginning = asyncio.ensure_future(waiting)
        self._beginning.add_done_callback(self._on_counted)

    def _on_counted(self, counted: "asyncio.Task[None]") -> None:
        """Whether the call may begin is known; or the client has gone."""
        self._beginning, client = None, self._client
        if counted.cancelled() or client is None:
            if not counted.cancelled():
                counted.exception()  # nobody else hears of it
            return
        behind, self._behind = self._behind, []
        client.resume()
        try:
            counted.result()
            self._take(self._gateway.connect(self._guest, client))
            for hear in behind:
                hear()
        except Refused as refused:
            self._turn_out(self._guest, refused)
        except Exception:  # noqa: BLE001  as the protocol does it for every other callback
            get_logger().exception("handler_failed")
            self._fail()

    def _begin(self, guest: Guest, client: ClientSocket) -> None:
        try:
            connection = self._gateway.connect(guest, client)
        except Refused as refused:
            self._turn_out(guest, refused)
            return
        self._take(connection)

    def _take(self, connection: Connection) -> None:
        self._connection = connection
        self._have(connection)

    def _stop_waiting_for_place(self) -> None:
        if self._place_timer is not None:
            self._place_timer.cancel()
            self._place_timer = None
