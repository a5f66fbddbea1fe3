"""A client of `voice.v1` that finds out how a call goes, with the gateway's own figures."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

from tornado_app.commands.doctor.finding import Trouble
from workers import codecs

REASON_S = 1.0
"""Why an answer failed follows it."""
BYE_S = 2.0
HARMLESS = {"audio_backlog", "rate_limited"}
STRANGE = "What answers there is no gateway of ours: it says other things."


@dataclass(slots=True)
class Answer:
    """One answer, as it came."""

    wait: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    is_silent: bool = True
    words: str = ""
    heard: str | None = None
    """What the user said, if it was written down."""
    calls: int = 0
    status: str = ""

    @property
    def waited(self) -> str:
        """How long the user waited, and for whom, as the gateway says."""
        if not self.wait:
            return "at a time that the gateway does not tell"
        parts = ", ".join(f"{name[:-3]} {ms:.0f}" for name, ms in self.wait.items())
        return f"after {sum(self.wait.values()):.0f} ms ({parts})"


class Voice:
    """One call.  Thread: loop."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self.negotiated: dict[str, Any] = {}

    async def connected(self) -> None:
        """Return when the model is there.

        Raises:
            Trouble: If it will not be.
        """
        while (said := await self.next())["type"] != "connection_status" or (
            said["data"]["status"] != "connected"
        ):
            pass

    async def say(self, kind: str, **fields: Any) -> None:
        with contextlib.suppress(WebSocketClosedError):  # why, is about to be read
            await self._socket.write_message(json.dumps({"type": kind, **fields}))

    async def speak(self, pcm: bytes) -> None:
        with contextlib.suppress(WebSocketClosedError):
            await self._socket.write_message(pcm, binary=True)

    async def next(self) -> dict[str, Any]:
        """The next message that is no harmless error.

        Raises:
            Trouble: With the gateway's sentence, or if it has closed the call.
        """
        while True:
            message = await self._socket.read_message()
            if message is None:
                code = self._socket.close_code
                raise Trouble(f"The gateway closed the call ({code or 'without a word'}).")
            if isinstance(message, bytes):
                continue
            said = _read(message)
            data = said["data"]
            if said["type"] == "error" and data.get("code") not in HARMLESS:
                named = str(data.get("code"))
                raise Trouble(f"{said['error']} ({named})", code=named)
            if said["type"] == "connection_status":
                self.negotiated = data.get("negotiated") or self.negotiated
            return said

    async def answer(self, tool: Callable[[dict[str, Any]], Any] | None = None) -> Answer:
        """The answer to a turn, to its end; *tool* performs what is called.

        Raises:
            Trouble: If there is none.
        """
        answer = Answer()
        while answer.status != "completed":
            said = await self.next()
            data = said["data"]
            match said["type"]:
                case "audio" | "transcript":
                    self._take(answer, data)
                case "tool_call" if tool is not None:
                    answer.calls += 1
                    await self.say("tool_result", call_id=data["call_id"], output=tool(data))
                case "response_done" if not data.get("continues"):
                    answer.status = data["status"]
                    await self._check(answer.status)
        return answer

    async def words(self, timeout_s: float) -> str | None:
        """What the user said, if it is written down in time."""
        with contextlib.suppress(TimeoutError, Trouble):
            async with asyncio.timeout(timeout_s):
                while True:
                    said = await self.next()
                    if said["type"] == "transcript" and _is_users(said["data"]):
                        return str(said["data"]["text"])
        return None

    async def close(self) -> None:
        """Say goodbye, and wait a little for the answer: the place is free behind it."""
        self._socket.close(1000, "bye")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BYE_S):
                while await self._socket.read_message() is not None:
                    pass

    def _take(self, answer: Answer, data: dict[str, Any]) -> None:
        answer.wait = answer.wait or data.get("wait") or {}
        if _is_users(data):
            answer.heard = str(data["text"])
        elif "text" in data:
            answer.words = str(data["text"])
        elif isinstance(data.get("audio"), str):
            try:
                samples = codecs.decode(base64.b64decode(data["audio"]), "pcm16")
            except ValueError:
                raise Trouble(STRANGE) from None
            answer.samples += len(samples)
            answer.is_silent = answer.is_silent and not np.any(samples)

    async def _check(self, status: str) -> None:
        """Why an answer failed comes behind it, if anybody knows."""
        if status == "failed":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REASON_S):
                    while True:
                        await self.next()
            raise Trouble("The model failed to answer.")
        if status == "incomplete":
            raise Trouble("The answer was cut: it is longer than it may be.")


def _is_users(data: dict[str, Any]) -> bool:
    return data.get("role") == "user" and bool(data.get("final"))


def _read(message: str) -> dict[str, Any]:
    try:
        said = json.loads(message)
        if isinstance(said["type"], str) and isinstance(said["data"], dict):
            return dict(said)
    except (ValueError, KeyError, TypeError):
        pass
    raise Trouble(STRANGE)
