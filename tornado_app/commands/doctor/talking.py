"""A typed turn, a spoken one, and one that needs a tool."""

import asyncio
import re
from contextlib import closing
from pathlib import Path

import numpy as np

from tornado_app.commands.doctor.beginning import tool_token
from tornado_app.commands.doctor.case import Case
from tornado_app.commands.doctor.finding import Skipped, Trouble
from tornado_app.commands.doctor.voice import Answer, Voice
from tornado_app.commands.talk.speech import chunks
from tornado_app.errors import Refused
from workers import pcm
from workers.codecs import Samples
from workers.recordings import UnreadableRecording, at_rate, open_recording

TYPED = "Say hello in one short sentence."
ASKED = "Call the function doctor_check with the word pear, and tell me what it returned."
CHECK: dict[str, object] = {
    "name": "doctor_check",
    "description": "Checks one word, and returns another.",
    "parameters": {
        "type": "object",
        "properties": {"word": {"type": "string", "description": "The word to check."}},
        "required": ["word"],
    },
}
RATE_HZ = 24_000
CHUNK_MS = 100.0
PATIENCE_S = 8.0
"""Silence behind the recording, until the model finds by itself that the turn is over."""
WORDS_S = 5.0
ECHO = f"You wrote: {ASKED}"
"""What the local model says that plays back what it hears."""
WRITES_DOWN = "Calls of this token are written down, and not answered."
SILENCE = np.zeros(int(RATE_HZ * CHUNK_MS / 1000), np.float32)


class Talking:
    """Thread: loop."""

    def __init__(self, case: Case) -> None:
        self._case = case

    async def typed(self) -> str:
        voice = await self._voice()
        if _only_writes_down(voice):
            raise Skipped(WRITES_DOWN)
        await voice.say("text", text=TYPED)
        return _told(await voice.answer(), voice)

    async def spoken(self) -> str:
        voice, speech = await self._voice(), _speech(self._case.recording)
        speaking = asyncio.ensure_future(_speak(voice, speech))
        try:
            if _only_writes_down(voice):
                heard = await voice.words(PATIENCE_S + WORDS_S + _seconds(speech))
                if heard is None:
                    raise Trouble("No words came back.")
                return _recognised(heard, self._case.recording)
            answer = await voice.answer()
        finally:
            speaking.cancel()
        told = _told(answer, voice)
        heard = answer.heard if answer.heard is not None else await voice.words(WORDS_S)
        return f"{told} {_recognised(heard, self._case.recording)}"

    async def tools(self) -> str:
        """A function of the client's, which every model has to call; and those of the server."""
        case = self._case
        if case.is_given or case.settings is None:
            raise Skipped("A token that was given brings its own functions, or none.")
        try:
            token = tool_token(case.settings, [CHECK])
        except Refused:
            raise Skipped("The policy lets no token bring functions.") from None
        case.veil.add(token)
        if case.voice is not None:
            await case.voice.close()
        case.voice = voice = await case.open(token)
        await voice.connected()
        await voice.say("text", text=ASKED)
        answer = await voice.answer(lambda _: {"word": "plum"})
        if not answer.calls:
            if answer.words == ECHO:
                raise Skipped("The local model is an echo, and calls no functions.")
            raise Trouble("The model called no function, though it had to.")
        return f"A function was called, and its result was answered.{self._of_the_server()}"

    def _of_the_server(self) -> str:
        if self._case.server is None:
            return ""
        toolbox = self._case.server.gateway.tools
        total = len(toolbox.all_names) + len(toolbox.handed_labels)
        away = total - len(toolbox.all_told)
        if away > 0:
            raise Trouble(
                f"Of {total} tools of the server {away} are away.",
                "Look for lines that begin with mcp_ in the gateway's log; docs/tools.md.",
            )
        return f" {total} tools of the server are ready." if total else " The server has none."

    async def _voice(self) -> Voice:
        voice = self._case.voice
        if voice is None:
            raise Trouble("No call is open.")
        if not voice.negotiated:
            await voice.connected()
        return voice


def _told(answer: Answer, voice: Voice) -> str:
    """What to say of an answer.

    Raises:
        Trouble: If there is nothing to hear in it, or to read.
    """
    if voice.negotiated.get("answers_in") == "text":
        if not answer.words:
            raise Trouble("The answer is empty.")
        return f"Answered in writing {answer.waited}."
    if not answer.samples:
        raise Trouble("The answer has no sound.")
    if answer.is_silent:
        raise Trouble("The answer is silent.")
    return f"Answered {answer.waited}, with {answer.samples / RATE_HZ:.1f} s of sound."


def _only_writes_down(voice: Voice) -> bool:
    return voice.negotiated.get("session") == "transcription"


def _recognised(heard: str | None, recording: str) -> str:
    """How many words came back; the words themselves are nobody's business."""
    if heard is None:
        return "What was said was not written down."
    try:
        said = _words(Path(recording).with_suffix(".txt").read_text("utf-8"))
    except OSError:
        return f"{len(_words(heard))} words were written down."
    found = set(_words(heard))
    return f"{sum(word in found for word in said)} of {len(said)} words were recognised."


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _speech(path: str) -> Samples:
    try:
        with closing(open_recording(path)) as recording:
            return np.concatenate([np.empty(0, np.float32), *at_rate(recording, RATE_HZ)])
    except UnreadableRecording as unreadable:
        raise Trouble(str(unreadable), "Give it a recording of some words: --recording.") from None


def _seconds(speech: Samples) -> float:
    return len(speech) / RATE_HZ


async def _speak(voice: Voice, speech: Samples) -> None:
    """As a person would: in real time, and then quiet until somebody answers."""
    for chunk in chunks(iter([speech]), RATE_HZ, CHUNK_MS):
        await voice.speak(pcm.encode(chunk, "pcm16"))
        await asyncio.sleep(len(chunk) / RATE_HZ)
    if voice.negotiated.get("turn_detection") != "none":
        for _ in range(int(1000 * PATIENCE_S / CHUNK_MS)):
            await voice.speak(pcm.encode(SILENCE, "pcm16"))
            await asyncio.sleep(CHUNK_MS / 1000)
    await voice.say("commit_audio")
