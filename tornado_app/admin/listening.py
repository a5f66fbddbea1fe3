"""Who listens to which call: a key to one, a call by one, and all of it is written down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from tornado_app.admin.audit import Deed
from tornado_app.connection import Connection
from tornado_app.gateway import Gateway
from tornado_app.watching.ear import Ear, Heard

UNASKED_S = 10.0
"""Who has not asked what is said for so long does not listen any more."""


class ListenedToAlready(Exception):
    """Somebody else listens to that call."""


@dataclass(slots=True, eq=False)
class _Listener:
    operator: str
    connection: Connection
    asked_at: float
    ear: Ear | None = None
    """None: that they listen is being written down."""
    is_noted: bool = False
    """That they have ended, too."""
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether they listen is known."""
    is_unwritten: bool = False
    """They do not, as that could not be written down."""

    @property
    def session_id(self) -> str:
        return self.connection.config.session_id

    @property
    def seconds(self) -> float:
        return self.ear.lasted_s(self.now_ms) if self.ear is not None else 0.0

    @property
    def now_ms(self) -> float:
        """Since the call was opened."""
        return (time.monotonic() - self.connection.config.opened_at) * 1000


class Listening:
    """Thread: loop.  *operator* is always the name of a key."""

    def __init__(
        self,
        gateway: Gateway,
        note: Callable[[Deed], Awaitable[None]],
        write_first: Callable[[Deed], Awaitable[bool]],
    ) -> None:
        """*note* writes down what was done; *write_first* what is to be done only if it is written,
        and says whether it is.
        """
        self._gateway = gateway
        self._note = note
        self._write_first = write_first
        self._listeners: dict[str, _Listener] = {}
        """By the operator's name."""
        self._noting: set[asyncio.Future[None]] = set()

    def may(self, operator: str) -> bool:
        return operator in self._gateway.settings.admin.listeners

    def listener_of(self, session_id: str) -> str | None:
        """Who listens to it now."""
        return next(
            (
                each.operator
                for each in self._listeners.values()
                if each.session_id == session_id and not each.is_noted
            ),
            None,
        )

    async def begin(
        self, operator: str, session_id: str, reason: str, *, is_passed_on: bool = False
    ) -> None:
        """Listen to that call from now on, and to no other; its client is told.

        *is_passed_on*: another process is asked as well, and writes down that there is none.

        Raises:
            LookupError: If there is no such call.
            ListenedToAlready: If somebody else does.
            OSError: If it cannot be written down.
        """
        before = self._listeners.get(operator)
        if before is not None and before.session_id == session_id and not before.is_noted:
            await self._go_on(before)
            return
        connection = self._gateway.calls.find(session_id)
        is_missing = connection is None or connection.ended
        if is_missing and not is_passed_on:
            await self._note(Deed(operator, "listening_begun", session_id, reason, "not_found"))
            raise LookupError(session_id)
        await self._leave(operator)
        if connection is None or is_missing:
            raise LookupError(session_id)
        if self.listener_of(session_id) is not None:
            await self._note(Deed(operator, "listening_begun", session_id, reason, "refused"))
            raise ListenedToAlready
        listener = _Listener(operator, connection, time.monotonic())
        self._listeners[operator] = listener
        try:
            await self._begin(listener, reason)
        finally:
            listener.decided.set()

    async def _go_on(self, listener: _Listener) -> None:
        """For who has asked for the same already; raises as `begin`."""
        listener.asked_at = time.monotonic()
        await listener.decided.wait()
        if listener.is_unwritten:
            raise OSError
        if listener.ear is None:
            raise LookupError(listener.session_id)

    async def _begin(self, listener: _Listener, reason: str) -> None:
        operator, session_id = listener.operator, listener.session_id
        if not await self._write_first(Deed(operator, "listening_begun", session_id, reason)):
            listener.is_unwritten = True
            self._forget(listener)
            raise OSError
        if self._listeners.get(operator) is not listener:  # who has chosen another one meanwhile
            raise LookupError(session_id)
        listener.asked_at = time.monotonic()
        listener.ear = listener.connection.listen()
        listener.ear.on_end = partial(self._note_end, listener)
        if listener.ear.is_over:
            self._note_end(listener)

    def hear(self, operator: str, session_id: str, after_ms: int | None) -> Heard:
        """What is said behind *after_ms*, as of `Ear.take`.

        Raises:
            LookupError: If they do not listen to that call.
        """
        listener = self._found(operator, session_id)
        if listener.ear is None:
            raise LookupError(session_id)
        listener.asked_at = time.monotonic()
        return listener.ear.take(after_ms, listener.now_ms)

    async def end(self, operator: str, session_id: str, reason: str) -> float:
        """How many seconds it was; raises as `hear`."""
        listener = self._found(operator, session_id)
        await self._end(listener, reason)
        return listener.seconds

    async def refuse(self, operator: str, session_id: str, reason: str) -> None:
        """Write down that somebody wanted to who may not."""
        await self._note(Deed(operator, "listening_begun", session_id, reason, "refused"))

    def look(self) -> None:
        """End what nobody wants to hear any more, or may.  Called once a second."""
        now = time.monotonic()
        for listener in tuple(self._listeners.values()):
            is_left = now - listener.asked_at > UNASKED_S
            if is_left or not self.may(listener.operator):
                self._stop(listener)

    def _found(self, operator: str, session_id: str) -> _Listener:
        listener = self._listeners.get(operator)
        if listener is None or listener.session_id != session_id:
            raise LookupError(session_id)
        return listener

    async def _leave(self, operator: str) -> None:
        """Until they listen to nothing: while one end is written down another may have begun."""
        while (listener := self._listeners.get(operator)) is not None:
            await self._end(listener, "")

    async def _end(self, listener: _Listener, reason: str) -> None:
        is_noted, listener.is_noted = listener.is_noted, True
        self._stop(listener)
        if not is_noted:
            await self._note(_ended(listener, reason))

    def _stop(self, listener: _Listener) -> None:
        self._forget(listener)
        if listener.ear is not None and not listener.ear.is_over:
            listener.connection.end_listening()

    def _forget(self, listener: _Listener) -> None:
        if self._listeners.get(listener.operator) is listener:
            del self._listeners[listener.operator]

    def _note_end(self, listener: _Listener) -> None:
        """At once, as the process may be ending; what was said last is still to be fetched."""
        if listener.is_noted:
            return
        listener.is_noted = True
        noting = asyncio.ensure_future(self._note(_ended(listener, "")))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)


def _ended(listener: _Listener, reason: str) -> Deed:
    seconds = round(listener.seconds, 1)
    return Deed(listener.operator, "listening_ended", listener.session_id, reason, seconds=seconds)
