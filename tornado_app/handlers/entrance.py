"""The way in of a client that says who it is when its WebSocket is open."""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from dataclasses import replace

from tornado_app.errors import InvalidMessage, Ref, Refused
from tornado_app.gateway import Gateway
from tornado_app.guests import Guest, Knock

PARAMETER_BYTES = 8192
"""What a first message may have beside a token."""


class Entrance:
    """One message and a few seconds, for one client.  Thread: loop."""

    def __init__(
        self, gateway: Gateway, knock: Knock, turn_away: Callable[[Refused], None]
    ) -> None:
        """*turn_away* tells the client that it may not stay, and closes; it never raises.

        Raises:
            Refused: If this request may not come in, whoever it is of.
        """
        self._gateway = gateway
        self._knock = knock
        self._turn_away = turn_away
        gateway.access.reception.expect(knock, turn_away)
        self._timer: TimerHandle | None = None
        self._introduced: Knock | None = None
        self._waiting: asyncio.Task[Guest] | None = None
        self.behind: list[str | bytes] = []
        """What came behind the first message while it was not judged."""
        self.ref: Ref | None = None
        """What the client calls its first message, once that was heard."""

    def open(self, timeout_s: float, loop: AbstractEventLoop) -> None:
        """The WebSocket is open: the time begins."""
        sentence = f"No token came within {timeout_s:g} s."
        late = Refused("token_missing", sentence)
        self._timer = loop.call_later(timeout_s, self._turn_away, late)

    def hear(self, message: str | bytes) -> "asyncio.Task[Guest] | None":
        """Take the first message, or what comes behind it; what to wait for, before `admit`.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        if self._introduced is not None:
            # No more than was read together with the first: reading is paused.
            self.behind.append(message)
            return None
        self._stop_timer()
        dialect = self._knock.dialect
        try:
            said = dialect.read_introduction(message)
        except InvalidMessage as refused:
            self.ref = refused.ref
            raise
        self.ref = said.ref
        query = {**self._knock.query, **said.query}
        self._introduced = replace(self._knock, token=said.token, query=query)
        if (coming := self._gateway.access.reception.coming_in(self._introduced)) is not None:
            self._waiting = asyncio.ensure_future(coming)
        return self._waiting

    def admit(self) -> Guest:
        """Admit the client that has introduced itself.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        if self._introduced is None:
            raise ValueError("nobody has said who it is")
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            return waiting.result()
        return self._gateway.access.reception.admit(self._introduced)

    def leave(self) -> None:
        """The client is in, or gone; may be called again."""
        self._stop_timer()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting.add_done_callback(self._turn_back)
        self._gateway.access.reception.dismiss(self._turn_away)

    def _turn_back(self, waiting: "asyncio.Task[Guest]") -> None:
        """Whoever had a place by then has gone."""
        if not waiting.cancelled() and waiting.exception() is None:
            self._gateway.access.reception.release(waiting.result())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
