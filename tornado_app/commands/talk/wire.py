"""The way to a gateway and back, which goes on when a connection breaks."""

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import Any, NamedTuple

from tornado.httputil import url_concat
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

from tornado_app.commands.talk.dial import dial
from tornado_app.commands.talk.failure import Failed, TurnedAway
from tornado_app.commands.talk.view import View

COME_BACK_S = 20.0
"""A gateway waits so long, unless its settings say otherwise."""
PAUSES_S = (0.0, 0.25, 0.5, 1.0, 2.0)
SENT_MESSAGES = 4096
"""So many are known that may not have come: beyond that a gateway has taken nothing for long."""


class _Sent(NamedTuple):
    number: int
    known_by: int
    """When this chunk has come, so has it."""
    message: str | bytes


class Wire:
    """One call over as many WebSockets as it takes (docs/protocol.md, section 6).

    To be used like one of Tornado's.  Where the gateway gives no ``resume_token`` it is one.
    """

    def __init__(self, socket: WebSocketClientConnection, url: str, token: str, view: View) -> None:
        """*view* is told that the connection is lost, and that the call goes on."""
        self._socket = socket
        self._url = url
        self._token = token
        self._view = view
        self._resume_token = ""
        self._last_seq = self._audio_seq = 0
        self._sent: deque[_Sent] = deque(maxlen=SENT_MESSAGES)
        self._count = self._chunks = 0
        self._is_told = True
        """This connection may be written to: the gateway has said what has come."""
        self._is_over = False
        self._lost_at = 0.0
        self._ending: Failed | None = None

    @property
    def ending(self) -> Failed:
        """Why the call is over."""
        if self._ending is not None:
            return self._ending
        code, reason = self._socket.close_code, self._socket.close_reason
        why = f"{code} {reason or ''}".strip() if code else "without a word"
        return Failed(f"The gateway closed the call ({why}).")

    def close(self, code: int, reason: str) -> None:
        self._is_over = True
        self._socket.close(code, reason)

    async def write_message(self, message: str | bytes, binary: bool = False) -> None:
        """Send it, by another connection if this one is broken.

        Raises:
            WebSocketClosedError: If the call is over.
        """
        if self._is_over:
            raise WebSocketClosedError
        self._count += 1
        self._chunks += isinstance(message, bytes)
        known_by = self._chunks + isinstance(message, str)
        self._sent.append(_Sent(self._count, known_by, message))
        if self._is_told:
            try:
                await self._socket.write_message(message, binary)
            except (WebSocketClosedError, StreamClosedError):
                if not self._resume_token:
                    raise WebSocketClosedError from None

    async def read_message(self) -> str | bytes | None:
        """The next message of the call; None: it is over."""
        while True:
            message = await self._socket.read_message()
            if message is not None:
                if await self._is_of_this_call(message):
                    return message
            elif not self._may_come_back() or not await self._has_come_back():
                self._is_over = True
                return None

    def _may_come_back(self) -> bool:
        """It broke, and neither side had closed it."""
        return bool(self._resume_token) and not self._is_over and self._socket.close_code is None

    async def _has_come_back(self) -> bool:
        self._is_told = False
        self._lost_at = time.monotonic()
        self._view.progress("The connection is lost; calling again")
        self._socket.close()  # Tornado warns of one that nobody has closed here
        place = {"resume": self._resume_token, "last_seq": str(self._last_seq)}
        for attempt in range(1000):
            await asyncio.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])
            if self._is_over:
                return False
            if time.monotonic() - self._lost_at > COME_BACK_S:
                break
            try:
                self._socket = await dial(url_concat(self._url, place), self._token)
            except TurnedAway as refusal:
                self._ending = refusal
                return False
            except Failed:
                continue
            return True
        self._ending = Failed(f"The connection was lost, and not back within {COME_BACK_S:g} s.")
        return False

    async def _is_of_this_call(self, message: str | bytes) -> bool:
        """Note where the call is; False: it could not be gone on with, and this is another."""
        if isinstance(message, bytes):
            self._last_seq = self._audio_seq
            return True
        try:
            said = json.loads(message)
            kind, data = said["type"], dict(said["data"])
        except (ValueError, KeyError, TypeError):
            return True  # whoever reads it says what is wrong with it
        if kind == "audio" and "size" in data:
            self._audio_seq = said.get("seq", 0)  # whole when its frame is there
        else:
            self._last_seq = said.get("seq", 0)
        if kind == "audio_received":
            self._forget(data.get("chunk"))
        elif kind == "connection_status" and "resume_token" in data:
            return await self._be_told(data)
        return True

    async def _be_told(self, status: dict[str, Any]) -> bool:
        is_first = not self._resume_token
        lost_s = time.monotonic() - self._lost_at
        if not is_first and not status.get("resumed"):
            self._is_over = True
            lost = f"The connection was lost for {lost_s:.1f} s"
            self._ending = Failed(f"{lost}, and the gateway has not kept the call.")
            self._socket.close(1000, "bye")
            return False
        self._resume_token = status["resume_token"]
        if not self._is_told:
            self._view.note(f"The connection was lost for {lost_s:.1f} s; the call goes on.")
            await self._say_again(status["received"])
            self._is_told = True
        return True

    async def _say_again(self, received: int) -> None:
        """What has not come, with what is said meanwhile behind it."""
        while rest := [sent for sent in self._sent if sent.number > received]:
            for sent in rest:
                received = sent.number
                with contextlib.suppress(WebSocketClosedError, StreamClosedError):
                    is_audio = isinstance(sent.message, bytes)
                    await self._socket.write_message(sent.message, is_audio)

    def _forget(self, chunk: object) -> None:
        """What was sent up to this chunk has come."""
        while isinstance(chunk, int) and self._sent and self._sent[0].known_by <= chunk:
            self._sent.popleft()
