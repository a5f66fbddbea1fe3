"""What the handlers of one server share: its key, who answers, and the sessions that are open."""

import asyncio
from typing import Protocol

from local_realtime.ears.vad import Ears
from local_realtime.handlers.client_secrets import ClientSecrets
from local_realtime.session.responder import Responder

CLOSE_GRACE_SECONDS = 0.5
"""How long a client may take to answer the close frame before it is cut."""


class OpenSession(Protocol):
    """A handler whose WebSocket is open."""

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...

    def cut(self) -> None: ...


class Registry:
    """One server's, handed to each handler.  Thread: loop."""

    def __init__(
        self,
        api_key: str | None,
        pace: float,
        responder: Responder,
        ears: Ears,
        *,
        ping_interval_s: float,
    ) -> None:
        self.ping_interval_s = ping_interval_s
        self.api_key = api_key
        self.pace = pace
        self.responder = responder
        self.ears = ears
        self.secrets = ClientSecrets()
        self._sessions: set[OpenSession] = set()
        self.connections = 0
        """How many have been opened, or have begun to be."""
        self._emptied = asyncio.Event()

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    def count_connection(self) -> int:
        """The number of the connection that is being opened, from 1."""
        self.connections += 1
        return self.connections

    def enter(self, session: OpenSession) -> None:
        self._sessions.add(session)
        self._emptied.clear()

    def leave(self, session: OpenSession) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._emptied.set()

    def close_all(self, code: int, reason: str) -> None:
        """Begin to close every session."""
        for session in list(self._sessions):
            session.close(code, reason)

    async def end_all(self) -> None:
        """Wait for the sessions that are closing, and cut the unwilling."""
        if not await self._is_emptied():
            for session in list(self._sessions):
                session.cut()
            await self._is_emptied()

    async def _is_emptied(self) -> bool:
        """Whether all sessions end within the grace."""
        try:
            async with asyncio.timeout(CLOSE_GRACE_SECONDS):
                while self._sessions:
                    await self._emptied.wait()
        except TimeoutError:
            return False
        return True
