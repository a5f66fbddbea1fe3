"""A conversation with everything that a caller of `voice.v1` may do in it."""

import asyncio
from typing import Any

from tests.calls.conversations import PATIENCE_S, PCM_BYTES_PER_MS, Conversation
from tests.calls.together.formats import INPUTS, OUTPUTS, PLAIN
from tests.calls.together.tools import ASKS, OF_CLIENT, OF_SERVER, is_late_result

MINUTE_WORDS = 500
"""So many the model answers with a minute of sound, one beep for each."""


class LongTalk(Conversation):
    """One with pauses; a turn of which the client is told that it was lost has no answer."""

    def __init__(self, number: int, random: Any, most_turns: int) -> None:
        super().__init__(number, random)
        self._most_turns = most_turns
        self._input = PLAIN
        self.roughly: list[int] = []
        """Turns that are no sample as they were: how long they are, in milliseconds."""

    async def hold(self, client: Any) -> None:
        await client.status("connected")
        for _ in range(self.random.randint(2, self._most_turns)):
            if self.random.random() < 0.2:
                await self._change_formats(client)
            if self.random.random() < 0.2:
                await self._use_tools(client)
            else:
                await self._turn(client)
            if self.random.random() < 0.5:
                await asyncio.sleep(self.random.random() * 3)
        await self._type(client)
        await self._answer(client)
        await client.tools.end()

    async def _use_tools(self, client: Any) -> None:
        """Some are waited for, some are interrupted in the middle."""
        names = self.random.choices([OF_SERVER, OF_CLIENT], k=self.random.randint(1, 3))
        text = " ".join([ASKS, *names])
        self.typed.append(text)
        await client.say("text", text=text)
        if self.random.random() < 0.3:
            await client.next("response_started", PATIENCE_S)
            await asyncio.sleep(self.random.random())
            await client.say("interrupt")
            await client.next("interrupted", PATIENCE_S)
        else:
            await self._answer(client)

    async def _change_formats(self, client: Any) -> None:
        """Nobody waits for what becomes of it."""
        fields: dict[str, Any] = {}
        if self.random.random() < 0.7:
            self._input = self.random.choice(INPUTS)
            fields |= self._input.fields
        if not fields or self.random.random() < 0.5:
            fields |= self.random.choice(OUTPUTS)
        await client.say("configure", **fields)

    async def _speak(self, client: Any) -> None:
        duration_ms = self.random.randint(120, 450)
        pcm = self.random.randbytes(duration_ms * PCM_BYTES_PER_MS)
        if self._input.is_exact:
            self.spoken.append(pcm)
        else:
            self.roughly.append(duration_ms)
        for chunk in self._input.chunks(self.random, pcm, ends=not self.is_manual):
            await client.audio(chunk)
            await asyncio.sleep(0)
        if self.is_manual:
            await client.say("commit_audio")

    async def _type(self, client: Any) -> None:
        text = f"word {self.number} {len(self.typed)}"
        if self.random.random() < 0.1:
            text += " long" * self.random.randint(50, MINUTE_WORDS)
        self.typed.append(text)
        await client.say("text", text=text)

    async def _answer(self, client: Any) -> None:
        while heard := await client.read(PATIENCE_S):
            match heard:
                case {"type": "error"} if not is_late_result(heard):
                    return
                case {"type": "response_done", "data": data} if not data.get("continues"):
                    return
