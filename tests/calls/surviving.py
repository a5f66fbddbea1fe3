"""A client that comes back to its call whenever its connection breaks."""

import asyncio
import json
from contextlib import suppress
from random import Random
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, websocket_connect

from tests.calls.house import WAIT_S, House, VoiceClient

PATIENCE_S = 60.0
CUT_IN_THE_HANDSHAKE = 599


class SurvivingClient(VoiceClient):
    """As docs/protocol.md has it: it says again what has not come, and hears nothing twice.

    Nobody sees of it that there was more than one connection, but for the messages that say so.
    """

    def __init__(self, house: House, port: int, query: str, random: Random) -> None:
        """*port*: of what stands between it and the gateway."""
        self.heard: list[dict[str, Any] | bytes] = []
        self.breaks = 0
        self._house = house
        self._port = port
        self._query = query
        self._random = random
        self._sent: list[str | bytes] = []
        self._token = ""
        self._is_told = False
        """This connection's first word has come: before that nothing may be said."""
        self._is_leaving = False

    async def open(self) -> None:
        """Up to the first message, without which there is no call to go back to."""
        await self._dial(self._query)
        assert await self._hear(WAIT_S)

    def token(self) -> str:
        """A new one, with which it comes."""
        return self._house.token()

    async def leave(self) -> None:
        self._is_leaving = True
        self.socket.close(1000)
        await self.closed()

    @property
    def audio_sent(self) -> bytes:
        """All of it, each chunk once."""
        return b"".join(data for data in self._sent if isinstance(data, bytes))

    async def say(self, kind: str, **fields: Any) -> None:
        await self._send(json.dumps({"type": kind, **fields}))

    async def audio(self, pcm: bytes) -> None:
        await self._send(pcm)

    async def read(self, timeout_s: float = WAIT_S) -> dict[str, Any] | bytes | None:
        while not await self._hear(timeout_s):
            if self._is_leaving:
                return None
            await self._come_back()
        return self.heard[-1]

    async def _hear(self, timeout_s: float) -> bool:
        """Whether there was something more to hear on this connection."""
        async with asyncio.timeout(timeout_s):
            message = await self.socket.read_message()
        if message is None:
            return False
        await self._keep(json.loads(message) if isinstance(message, str) else message)
        return True

    async def _keep(self, heard: dict[str, Any] | bytes) -> None:
        self.heard.append(heard)
        if isinstance(heard, dict) and "resume_token" in heard["data"]:
            await self._be_told(heard["data"])

    async def _be_told(self, status: dict[str, Any]) -> None:
        is_resumed = bool(self._token)
        assert is_resumed == bool(status.get("resumed")), status
        self._token = status["resume_token"]
        was_told, self._is_told = self._is_told, True
        if is_resumed and not was_told:
            for data in self._sent[status["received"] :]:
                await self._write(data)

    async def _send(self, data: str | bytes) -> None:
        self._sent.append(data)
        if self._is_told:
            await self._write(data)

    async def _write(self, data: str | bytes) -> None:
        with suppress(WebSocketClosedError, StreamClosedError):
            await self.socket.write_message(data, binary=isinstance(data, bytes))

    async def _come_back(self) -> None:
        self.breaks += 1
        self.socket.close()
        last = self.heard[-1]
        if isinstance(last, dict) and "size" in last["data"] and last["type"] == "audio":
            self.heard.pop()  # its frame did not come
        last_seq = sum(isinstance(heard, dict) for heard in self.heard)
        query = f"{self._query}&resume={self._token}"
        if self._random.random() < 0.5:
            await self._dial(f"{query}&last_seq={last_seq}")
        else:
            await self._dial(query)
            await self._write(json.dumps({"type": "resume_from", "last_seq": last_seq}))

    async def _dial(self, query: str) -> None:
        self._is_told = False
        headers = {"Authorization": f"Bearer {self.token()}"}
        url = f"ws://127.0.0.1:{self._port}/ws?{query}"
        async with asyncio.timeout(PATIENCE_S):
            while not await self._has_dialled(url, headers):
                await asyncio.sleep(0.01)

    async def _has_dialled(self, url: str, headers: dict[str, str]) -> bool:
        try:
            request = HTTPRequest(url, headers=headers, request_timeout=WAIT_S)
            self.socket = await websocket_connect(request)
        except HTTPClientError as refused:
            if refused.code != CUT_IN_THE_HANDSHAKE:
                raise
            return False
        except (OSError, StreamClosedError):
            return False
        return True
