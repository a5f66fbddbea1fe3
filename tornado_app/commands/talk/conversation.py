"""One talk from its first word to the answer's last."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tornado.websocket import WebSocketClosedError

from terminal.streams import OutputLost
from tornado_app.commands.talk.address import Address
from tornado_app.commands.talk.call import Call
from tornado_app.commands.talk.devices import Loudspeaker
from tornado_app.commands.talk.dial import dial
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.keeper import Keeper, how_to_play
from tornado_app.commands.talk.pace import Pace
from tornado_app.commands.talk.result import Talked
from tornado_app.commands.talk.screen import Screen
from tornado_app.commands.talk.speech import speak
from tornado_app.commands.talk.turns import Turn, Typed
from tornado_app.commands.talk.view import View
from tornado_app.commands.talk.wire import Wire
from workers.formats import AudioFormat

CONNECT_TIMEOUT_S = 20.0
SILENCE_TIMEOUT_S = 60.0
"""Without any word of the gateway, while an answer is waited for."""
TRANSCRIPT_TIMEOUT_S = 3.0
"""A gateway without transcription sends none."""
TYPED_ITEM = "typed"
CHUNK_MS, FAST_CHUNK_MS = 20.0, 100.0
CHUNK_BYTES = 131_072
"""Half of what a gateway takes in one message, unless its settings say otherwise."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to say to whom, and where to keep the answer."""

    turns: AsyncIterator[Turn]
    address: Address
    token: str
    keeper: Keeper | None = None
    is_fast: bool = False
    chunk_ms: float | None = None
    instructions: str = ""
    speaker: Loudspeaker | None = None


async def run(wish: Wish, view: View | None = None) -> int:
    """Talk once; 0 if all was answered, 1 with a sentence if not.

    Raises:
        OutputLost: If nobody reads what was said.
    """
    return int(bool((await talk(wish, view or Screen())).failure))


async def talk(wish: Wish, view: View) -> Talked:
    """Talk once, and tell how it went.

    Raises:
        OutputLost: If nobody reads what was said.
    """
    talked = Talked()
    try:
        await _talk(wish, view, talked)
    except Failed as failed:
        talked.failure = str(failed)
        view.failed(*failed.lines)
    return talked


async def _talk(wish: Wish, view: View, talked: Talked) -> None:
    url = wish.address.url
    socket = Wire(await dial(url, wish.token), url, wish.token, view)
    try:
        # Not before: what is wrong with them the gateway says better.
        source, target = wish.address.source, wish.address.target
    except Failed:
        socket.close(1000, "bye")
        raise
    pace = Pace(wish.is_fast, time.monotonic())
    call = Call(target, pace, view, wish.speaker, ends_turns=wish.address.ends_turns)
    reader = asyncio.ensure_future(_listen(socket, call))
    try:
        await _converse(wish, source, socket, call)
    finally:
        talked.answers = call.answers
        with contextlib.suppress(OutputLost):
            view.end_line()
        _keep(wish, call, view)
        socket.close(1000, "bye")
        await reader


async def _converse(
    wish: Wish,
    source: AudioFormat,
    socket: Wire,
    call: Call,
) -> None:
    while not call.is_connected:
        await call.news(CONNECT_TIMEOUT_S, "The model did not connect in time.")
    if wish.instructions:
        await _say(socket, {"type": "configure", "instructions": wish.instructions})
        while not call.is_configured:
            await call.news(CONNECT_TIMEOUT_S, "The model did not take the instructions in time.")
    async for turn in wish.turns:
        await _take_turn(turn, wish, source, socket, call)


async def _take_turn(turn: Turn, wish: Wish, source: AudioFormat, socket: Wire, call: Call) -> None:
    call.check()
    for message in call.heard_all():
        await _say(socket, message)
    call.begin_turn(is_typed=isinstance(turn, Typed))
    if isinstance(turn, Typed):
        if not turn.is_seen:
            call.screen.transcript("user", TYPED_ITEM, turn.text, final=True)
        await _say(socket, {"type": "text", "text": turn.text})
    else:
        chunk_ms = wish.chunk_ms or _chunk_ms(source, wish.is_fast)
        with contextlib.suppress(WebSocketClosedError):
            # Closed between a look at the call and a write: the reader is about to learn why.
            await speak(turn.recording, source, chunk_ms, socket, call)
            call.has_committed = True
        await _say(socket, {"type": "commit_audio"})
    call.screen.progress("Waiting for the answer")
    while not call.is_done:
        await call.news(SILENCE_TIMEOUT_S, "No answer came in time.")
        for reply in call.replies():
            await _say(socket, reply)
    with contextlib.suppress(Failed):
        deadline = time.monotonic() + TRANSCRIPT_TIMEOUT_S
        while not call.is_transcribed:
            await call.news(deadline - time.monotonic(), "A gateway without transcription.")
    if wish.speaker is not None:
        await wish.speaker.finished()


def _chunk_ms(source: AudioFormat, is_fast: bool) -> float:
    return min(FAST_CHUNK_MS if is_fast else CHUNK_MS, CHUNK_BYTES * 1000 / source.bytes_per_s)


async def _say(socket: Wire, message: dict[str, object]) -> None:
    with contextlib.suppress(WebSocketClosedError):
        await socket.write_message(json.dumps(message))


async def _listen(socket: Wire, call: Call) -> None:
    try:
        while (message := await socket.read_message()) is not None:
            call.take(message)
    except OutputLost as lost:
        call.fail(lost)
    else:
        call.fail(socket.ending)


def _keep(wish: Wish, call: Call, view: View) -> None:
    """Keep what was heard, whatever has ended the talk."""
    samples = call.heard()
    if not len(samples):
        return
    of = "The answer is" if len(call.answers) < 2 else f"{len(call.answers)} answers are"
    view.note(f"{of} {len(samples) / call.rate_hz:.2f} s long.")
    if wish.keeper is None and wish.speaker is not None:
        return
    if wish.keeper is None:
        view.note("To hear it, say --play, or --save answer.wav.")
        return
    wish.keeper.write(samples, call.rate_hz)
    view.saved(wish.keeper.path, how_to_play(wish.keeper.path))
