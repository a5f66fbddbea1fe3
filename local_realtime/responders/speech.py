"""The responder that hears, thinks and speaks.  Thread: loop; the models compute in a pool."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from local_realtime.brain.chat.endpoint import ChatFailed
from local_realtime.brain.dialogue import Line, Remark, Talk, Thought
from local_realtime.brain.rules import think
from local_realtime.ears.moonshine import Moonshine
from local_realtime.ears.silero import FRAME_SAMPLES, SileroEar, Stream, open_silero
from local_realtime.ears.turns import open_turns, wants_more
from local_realtime.ears.utterance import stretches
from local_realtime.mouth.sentences import SentenceCutter
from local_realtime.mouth.voice import UNPRONOUNCEABLE, Mouth
from local_realtime.session.items import Item
from local_realtime.session.responder import Answer, Failure, Piece, Turn
from local_realtime.sound.audio import PCM_HZ, Sound
from local_realtime.sound.resampling import Samples, heard

REMEMBERED_ITEMS = 40
REMEMBERED_PIECES = 64
SILENCE = Sound(b"", PCM_HZ)
Result = TypeVar("Result")


class Brain(Protocol):
    def think(self, talk: Talk) -> AsyncGenerator[Thought, None]:
        """The answer as it comes; closed, it is not wanted any more.

        Raises:
            ChatFailed: If there is none, or no more of it.
        """


class Speech:
    """One set of models for all sessions.  With more to do than cores, answers come later."""

    def __init__(self, threads: int | None = None, brain: Brain | None = None) -> None:
        self._brain = brain
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, "speech")
        self._at_work = 0
        self._silero = open_silero()
        self._reader = Moonshine()
        self._mouth = Mouth()
        self._turns = open_turns()
        # An utterance is read once, for its transcript and for its answer, and for as long as
        # anybody has it.
        self._readings: WeakKeyDictionary[Sound, asyncio.Task[str]] = WeakKeyDictionary()
        # What was read in a pause is what is to be read at the end.
        self._read_pieces: OrderedDict[bytes, asyncio.Task[str]] = OrderedDict()

    def ear(self, rate_hz: int) -> SileroEar:
        return SileroEar(self._silero, rate_hz, hears_endings=self.hears_endings)

    @property
    def hears_endings(self) -> bool:
        return self._turns is not None

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
            instructions=turn.instructions,
            tools=turn.tools,
            tool_choice=turn.tool_choice,
            parallel_tool_calls=turn.parallel_tool_calls,
            max_output_tokens=turn.max_output_tokens,
            comments=turn.comments,
        )
        thinking = self._brain.think(talk) if self._brain else self._think_by_rules(talk)
        tell = self._speak if turn.is_spoken else _write
        try:
            async with aclosing(thinking) as thoughts, aclosing(tell(thoughts, turn)) as pieces:
                async for piece in pieces:
                    yield piece
        except ChatFailed as failed:
            yield Failure(failed.code, str(failed))

    async def _think_by_rules(self, talk: Talk) -> AsyncGenerator[Thought, None]:
        thought = await self._compute(think, talk)
        for one in (thought,) if isinstance(thought, str) else thought:
            yield one

    async def _speak(
        self, thoughts: AsyncGenerator[Thought, None], turn: Turn
    ) -> AsyncGenerator[Piece, None]:
        """Sentence by sentence, while the brain thinks on."""
        unsaid, is_silent, is_empty = SentenceCutter(), True, True
        async for thought in _ended(thoughts):
            if isinstance(thought, Remark):
                is_silent = is_empty = False
                yield replace(await self._say(thought.text, turn), is_commentary=True)
                continue
            for sentence in unsaid.feed(thought) if isinstance(thought, str) else unsaid.rest():
                is_empty = is_empty and not sentence.strip()
                if any(letter.isalnum() for letter in sentence):
                    is_silent = False
                    yield await self._say(sentence, turn)
                else:
                    yield Answer(sentence, SILENCE)
            if not isinstance(thought, str | None):
                yield thought
        if is_silent and not is_empty:
            yield await self._say(UNPRONOUNCEABLE, turn)

    async def _say(self, sentence: str, turn: Turn) -> Answer:
        voice = turn.voice if isinstance(turn.voice, str) else ""
        return Answer(*await self._compute(self._mouth.say, sentence, voice, turn.speed))

    async def _line(self, item: Item) -> Line | None:
        match item.wire["type"]:
            case "message":
                words = await self._words(item)
                return Line(item.wire["role"], words, is_whole=item.status != "incomplete")
            case "function_call":
                wire = item.wire
                return Line("call", wire["arguments"], wire["call_id"], wire["name"])
            case "function_call_output":
                return Line("function", item.wire["output"], item.wire["call_id"])
            case _:
                return None

    async def _words(self, item: Item) -> str:
        return " ".join(
            [
                await self.transcribe(part.sound)
                if part.sound and not part.text and item.wire["role"] == "user"
                else part.text
                for part in item.parts
            ]
        )

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

    async def finished(self, sound: Sound) -> float | None:
        """By how it sounds, unless the words want to go on."""
        if self._turns is None:
            return None
        signal = await self._compute(heard, sound.pcm, sound.rate_hz)
        # What is read now need not be read again for the answer.
        probability, text = await asyncio.gather(
            self._compute(self._turns.finished, signal), self._read(sound)
        )
        return 0.0 if wants_more(text) else probability

    async def _compute(self, work: Callable[..., Result], *arguments: object) -> Result:
        self._at_work += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, work, *arguments)
        finally:
            self._at_work -= 1


def _has_failed(reading: asyncio.Task[str]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)


async def _ended(
    thoughts: AsyncGenerator[Thought, None],
) -> AsyncGenerator[Thought | None, None]:
    """The thoughts, and None after the last."""
    async for thought in thoughts:
        yield thought
    yield None


async def _write(
    thoughts: AsyncGenerator[Thought, None], _turn: Turn
) -> AsyncGenerator[Piece, None]:
    async for thought in thoughts:
        match thought:
            case str():
                yield Answer(thought, SILENCE)
            case Remark(text=text):
                yield Answer(text, SILENCE, is_commentary=True)
            case _:
                yield thought
