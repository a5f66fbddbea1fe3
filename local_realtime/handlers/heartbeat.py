"""A client that is gone is noticed by its silence, and told so in the words of other servers."""

import asyncio
from typing import Protocol

from tornado.websocket import WebSocketClosedError

GONE = (1011, "keepalive ping timeout")
"""https://websockets.readthedocs.io/en/stable/topics/keepalive.html"""
GRACE_S = 0.5
"""A process that stood still, as one that is suspended, wakes to its timers before it reads."""


class Pinged(Protocol):
    """A client's WebSocket."""

    def ping(self, data: bytes = b"") -> None: ...

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...


class Heartbeat:
    """Tornado's own looks at pongs alone, and says 1000, as if the conversation were over.

    On a busy machine a pong may wait behind the audio that its client is sending: whatever a client
    says shows that it is there.  Thread: loop.
    """

    def __init__(self, client: Pinged, interval_s: float) -> None:
        self._client = client
        self._interval_s = interval_s
        self._is_heard = False

    def heard(self) -> None:
        """Something came of the client."""
        self._is_heard = True

    async def beat(self) -> None:
        """Ping the client, until it says nothing from one ping to the next; then close it."""
        await asyncio.sleep(self._interval_s)  # it has just come
        while True:
            self._is_heard = False
            try:
                self._client.ping()
            except WebSocketClosedError:
                return
            await asyncio.sleep(self._interval_s)
            if not self._is_heard:
                await asyncio.sleep(GRACE_S)
            if not self._is_heard:
                self._client.close(*GONE)
                return
