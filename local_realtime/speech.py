"""The responder that hears, thinks and speaks.  Thread: loop; the models compute in a pool."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeVar
from weakref import WeakKeyDictionary

from local_realtime.audio import PCM_HZ, Sound
from local_realtime.brain import think
from local_realtime.items import Item
from local_realtime.moonshine import Moonshine
from local_realtime.resampling import Samples, heard
from local_realtime.responder import Answer, FunctionCall, Piece, Turn
from local_realtime.sentences import sentences
from local_realtime.silero import FRAME_SAMPLES, SileroEar, Stream, open_silero
from local_realtime.talk import Line, Talk
from local_realtime.utterance import stretches
from local_realtime.voice import Mouth

REMEMBERED_ITEMS = 40
REMEMBERED_PIECES = 64
MAX_LINE_LETTERS = 2000
MAX_INSTRUCTIONS_LETTERS = 8000
"""What is longer is not read to its end; nor is an answer longer than a line."""

SILENCE = Sound(b"", PCM_HZ)
Result = TypeVar("Result")


class Speech:
    """Three models for all sessions.  With more to do than there are cores, answers come later."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, "speech")
        self._at_work = 0
        self._silero = open_silero()
        self._reader = Moonshine()
        self._mouth = Mouth()
        # An utterance is read once, for its transcript and for its answer, and for as long as
        # anybody has it.
        self._readings: WeakKeyDictionary[Sound, asyncio.Task[str]] = WeakKeyDictionary()
        # What was read in a pause is what is to be read at the end.
        self._read_pieces: OrderedDict[bytes, asyncio.Task[str]] = OrderedDict()

    def ear(self, rate_hz: int) -> SileroEar:
        return SileroEar(self._silero, rate_hz)

    def close(self) -> None:
        """Drop what has not been begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, turn: Turn) -> AsyncGenerator[Piece, None]:
        lines = [
            line for item in turn.items[-REMEMBERED_ITEMS:] if (line := await self._line(item))
        ]
        talk = Talk(
            lines=tuple(lines),
            now=datetime.now(UTC).astimezone(),
            instructions=turn.instructions[:MAX_INSTRUCTIONS_LETTERS],
            tools=turn.tools,
            tool_choice=turn.tool_choice,
        )
        thought = await self._compute(think, talk)
        if isinstance(thought, FunctionCall):
            yield thought
        elif not turn.is_spoken:
            yield Answer(thought, SILENCE)
        else:
            voice = turn.voice if isinstance(turn.voice, str) else ""
            for sentence in sentences(thought[:MAX_LINE_LETTERS]):
                said = await self._compute(self._mouth.say, sentence, voice, turn.speed)
                yield Answer(*said)

    async def _line(self, item: Item) -> Line | None:
        if item.wire["type"] == "function_call_output":
            return Line("function", item.wire["output"][:MAX_LINE_LETTERS])
        if item.wire["type"] != "message":
            return None
        words = [
            await self.transcribe(part.sound)
            if part.sound and not part.text and item.wire["role"] == "user"
            else part.text
            for part in item.parts
        ]
        return Line(item.wire["role"], " ".join(words)[:MAX_LINE_LETTERS])

    async def transcribe(self, sound: Sound) -> str:
        reading = self._readings.get(sound)
        if reading is None or _has_failed(reading):
            reading = asyncio.get_running_loop().create_task(self._read(sound))
            self._readings[sound] = reading
        # Another session's end must not end it.
        return await asyncio.shield(reading)

    async def _read(self, sound: Sound) -> str:
        signal, pieces = await self._compute(self._find_speech, sound)
        texts = [
            await self._read_piece(signal[start * FRAME_SAMPLES : stop * FRAME_SAMPLES])
            for start, stop in pieces
        ]
        return " ".join(texts)

    async def _read_piece(self, signal: Samples) -> str:
        key = blake2b(signal.tobytes(), digest_size=16).digest()
        reading = self._read_pieces.pop(key, None)
        if reading is None or _has_failed(reading):
            work = self._compute(self._reader.read, signal)
            reading = asyncio.get_running_loop().create_task(work)
        self._read_pieces[key] = reading
        if len(self._read_pieces) > REMEMBERED_PIECES:
            self._read_pieces.popitem(last=False)
        return await asyncio.shield(reading)

    def _find_speech(self, sound: Sound) -> tuple[Samples, list[tuple[int, int]]]:
        """Thread: pool."""
        signal = heard(sound.pcm, sound.rate_hz)
        return signal, stretches(Stream(self._silero).probabilities(signal))

    async def overhear(self, sound: Sound) -> str | None:
        if self._at_work >= self._threads:
            return None
        return await self._read(sound)

    async def _compute(self, work: Callable[..., Result], *arguments: object) -> Result:
        self._at_work += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, work, *arguments)
        finally:
            self._at_work -= 1


def _has_failed(reading: asyncio.Task[str]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)
