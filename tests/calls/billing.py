"""Conversations that cost something, and a local model that keeps a bill of its own."""

import asyncio
import base64
import json
from contextlib import suppress
from random import Random
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from local_realtime.responders.echo import Echo
from local_realtime.session import transcripts
from local_realtime.session.responder import FunctionCall
from local_realtime.session.response import Response
from tests.calls.house import WAIT_S, House
from tests.calls.surviving import SurvivingClient
from tests.fakes.fault_proxy import Break, FaultProxy

PATIENCE_S = 60.0
PCM_BYTES_PER_MS = 48
SILENCE_MS = 600
"""Behind which the model finds that a turn is over."""
USES_TOOL = "Ask the tool what tea costs"
LONG = " ".join(f"word{number}" for number in range(20))
"""It is answered for a while."""
MODELS = ("gpt-4o-transcribe", "whisper-1")
"""Turns are written down by: tokens, and seconds."""


class Bill:
    """What the local model has counted: of answers by their names, of turns in their order."""

    def __init__(self, monkeypatch: Any) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.turns: list[dict[str, Any]] = []
        to_wire, of_turn = Response._to_wire, transcripts.transcription_usage

        def counted(response: Any, details: Any, usage: Any) -> Any:
            if usage is not None:
                assert response.id not in self.answers
                self.answers[response.id] = usage
            return to_wire(response, details, usage)

        def written(*how: Any) -> Any:
            self.turns.append(of_turn(*how))
            return self.turns[-1]

        monkeypatch.setattr(Response, "_to_wire", counted)
        monkeypatch.setattr(transcripts, "transcription_usage", written)


class ToolEcho(Echo):
    """As the echo, and calls the first tool once where it is asked to."""

    async def answer(self, turn):
        last = turn.items[-1] if turn.items else None
        texts = [part.text for part in last.parts] if last is not None else []
        if turn.tools and texts == [USES_TOOL]:
            name = next(tool["name"] for tool in turn.tools if tool["name"] == "price")
            yield FunctionCall(name, json.dumps({"product": "tea"}))
            return
        async for piece in super().answer(turn):
            yield piece


class VoiceParty:
    """Somebody who speaks `voice.v1`."""

    def __init__(self, house: House, port: int, random: Random) -> None:
        self._random = random
        self.is_manual = random.random() < 0.5
        detection = "none" if self.is_manual else "server_vad"
        query = f"turn_detection={detection}&output_encoding=base64"
        self.client = SurvivingClient(house, port, query, Random(random.random()))

    async def open(self) -> None:
        await self.client.open()
        await self.client.status("connected")

    async def type(self, text: str) -> None:
        await self.client.say("text", text=text)

    async def append(self, pcm: bytes) -> None:
        await self.client.audio(pcm)

    async def commit(self) -> None:
        await self.client.say("commit_audio")

    async def sounds(self) -> None:
        await self.client.next("audio", PATIENCE_S)

    async def cut(self) -> None:
        await self.client.say("interrupt")

    async def answered(self) -> None:
        """To its end; one that broke off has no other, if it is interrupted before it goes on."""
        goes_on = False
        while heard := await self.client.read(PATIENCE_S):
            match heard:
                case {"type": "response_done", "data": data}:
                    goes_on = bool(data.get("continues"))
                    if not goes_on:
                        return
                case {"type": "interrupted"} if goes_on:
                    return

    async def leave(self) -> None:
        await self.client.say("get_status")
        await self.client.next("status", PATIENCE_S)
        await self.client.leave()

    async def vanish(self) -> None:
        await self.client.leave()


class ApiParty:
    """Somebody who speaks the API."""

    def __init__(self, house: House, port: int, random: Random) -> None:
        self._house, self._port = house, port
        self.is_manual = random.random() < 0.5
        self._transcribes = random.choice(MODELS)
        self._socket: WebSocketClientConnection

    async def open(self) -> None:
        token = self._house.token(scopes=("parley.conduct",))
        url = f"ws://127.0.0.1:{self._port}/v1/realtime?model=gpt-realtime-2.1"
        headers = {"Authorization": f"Bearer {token}"}
        self._socket = await websocket_connect(
            HTTPRequest(url, headers=headers, request_timeout=WAIT_S)
        )
        await self._next("session.created")
        detection = None if self.is_manual else {"type": "server_vad"}
        heard = {"turn_detection": detection, "transcription": {"model": self._transcribes}}
        await self._say("session.update", session={"type": "realtime", "audio": {"input": heard}})
        await self._next("session.updated")

    async def type(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self._say("conversation.item.create", item=item)
        await self._say("response.create")

    async def append(self, pcm: bytes) -> None:
        await self._say("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def commit(self) -> None:
        await self._say("input_audio_buffer.commit")
        await self._say("response.create")

    async def sounds(self) -> None:
        await self._next("response.output_audio.delta")

    async def cut(self) -> None:
        await self._say("response.cancel")

    async def answered(self) -> None:
        await self._next("response.done")

    async def leave(self) -> None:
        self._socket.close(1000)

    vanish = leave

    async def _say(self, kind: str, **fields: Any) -> None:
        with suppress(WebSocketClosedError, StreamClosedError):
            await self._socket.write_message(json.dumps({"type": kind, **fields}))

    async def _next(self, kind: str) -> dict[str, Any]:
        while (text := await self._read()) is not None:
            event: dict[str, Any] = json.loads(text)
            if event["type"] == kind:
                return event
        raise AssertionError(f"closed before {kind}")

    async def _read(self) -> str | bytes | None:
        async with asyncio.timeout(PATIENCE_S):
            return await self._socket.read_message()


async def speak(party: Any, random: Random) -> None:
    """A turn of loud noise, in chunks of any size."""
    pcm = random.randbytes(random.randint(150, 450) * PCM_BYTES_PER_MS)
    if not party.is_manual:
        pcm += bytes(SILENCE_MS * PCM_BYTES_PER_MS)
    while pcm:
        size = 2 * random.randint(480, 9600)
        await party.append(pcm[:size])
        pcm = pcm[size:]
        await asyncio.sleep(0)
    if party.is_manual:
        await party.commit()


class Talk:
    """One of them: turns, each of its kind, and an end."""

    KINDS = ("typed", "typed", "spoken", "tool", "cut", "barge_in")

    def __init__(self, number: int, random: Random) -> None:
        self.number = number
        self._random = random
        self.speaks_api = random.random() < 0.5
        self.vanishes = random.random() < 0.15
        """In the middle of an answer."""
        self._party: Any

    async def hold(self, house: House) -> None:
        breaks = iter(self._breaks())
        async with FaultProxy(house.port, breaks) as proxy:
            kind = ApiParty if self.speaks_api else VoiceParty
            party = self._party = kind(house, proxy.port, self._random)
            await party.open()
            for _ in range(self._random.randint(1, 4)):
                await self._turn(self._random.choice(self.KINDS))
            proxy.is_calm = True  # else its call would wait for it
            if self.vanishes:
                await party.type(LONG)
                await party.sounds()
                await party.vanish()
            else:
                await self._turn("typed")
                await party.leave()

    def _breaks(self) -> list[tuple[int, Break]]:
        """Of a client that can come back, a connection or two."""
        if self.speaks_api or self._random.random() < 0.6:
            return []
        sizes = [self._random.randint(8000, 200_000) for _ in range(self._random.randint(1, 2))]
        return [(size, self._random.choice(("closed", "reset"))) for size in sizes]

    async def _turn(self, kind: str) -> None:
        party = self._party
        match kind:
            case "spoken":
                await speak(party, self._random)
            case "tool":
                await party.type(USES_TOOL)
            case "cut":
                await party.type(LONG)
                await party.sounds()
                await party.cut()
            case "barge_in":
                await party.type(LONG)
                await party.sounds()
                await party.cut()
                await party.answered()
                await speak(party, self._random)
            case _:
                await party.type(f"Say something, for the {self._random.randint(2, 9)}th time")
        await party.answered()
