"""A gateway whose calls always go the same way, so that what is shown of them can be compared."""

import asyncio
import base64
import contextlib
import json

import numpy as np
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

HEARD = "What is the weather like in Timbuktu, and shall I take an umbrella along tomorrow?"
SAID = (
    "It is 31 degrees in Timbuktu and there is not a cloud in the sky, so leave the umbrella at "
    "home. 東京は雨です。"
)
WAIT = {"model_ms": 412.0, "gateway_ms": 3.0, "tools_ms": 120.0}
TONE = (8000 * np.sin(np.arange(2400) / 5)).astype("<i2").tobytes()


class ScriptedCall(WebSocketHandler):
    """Answers each turn with a tool, some sound and some words."""

    def initialize(self, released: asyncio.Event) -> None:
        self._released = released
        self._turn = 0

    async def open(self) -> None:
        await self._say("connection_status", status="connected", model="gpt-realtime")

    async def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._say("audio_received", duration_ms=len(message) / 32)
            return
        said = json.loads(message)
        if said["type"] == "commit_audio":
            await self._say("audio_committed", item_id="u")
            await self._words("user", "u", HEARD)
        if said["type"] in {"commit_audio", "text"}:
            self._turn += 1
            await self._answer(f"a{self._turn}")

    async def _answer(self, item_id: str) -> None:
        await self._say("tool_activity", name="get_weather", status="running")
        await self._say("tool_activity", name="get_weather", status="done")
        audio = base64.b64encode(TONE).decode()
        half = len(SAID) // 2
        await self._words("assistant", item_id, SAID[:half], final=False)
        piece = {"item_id": item_id, "offset_ms": 0.0, "duration_ms": 100.0, "audio": audio}
        await self._say("audio", **piece, wait=WAIT)
        await self._released.wait()
        await self._words("assistant", item_id, SAID)
        await self._say("audio", **piece | {"offset_ms": 100.0})
        await self._say("response_done", status="completed")

    async def _words(self, role: str, item_id: str, text: str, *, final: bool = True) -> None:
        await self._say("transcript", role=role, item_id=item_id, text=text, final=final)

    async def _say(self, kind: str, **data: object) -> None:
        await self.write_message(json.dumps({"type": kind, "data": data, "error": ""}))


@contextlib.asynccontextmanager
async def scripted_gateway(released: asyncio.Event | None = None):
    """Its address; an answer stops half way until *released* is set."""
    if released is None:
        released = asyncio.Event()
        released.set()
    server = HTTPServer(Application([("/ws", ScriptedCall, {"released": released})]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield f"ws://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        released.set()
        server.stop()
        await server.close_all_connections()
