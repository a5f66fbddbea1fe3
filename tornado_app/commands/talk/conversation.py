"""One talk from its first word to the answer's last."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

from terminal.streams import OutputLost
from terminal.words import AS_IT_IS
from tornado_app.commands.talk.address import Address
from tornado_app.commands.talk.call import Call
from tornado_app.commands.talk.dial import dial
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.keeper import Keeper, how_to_play
from tornado_app.commands.talk.pace import Pace
from tornado_app.commands.talk.screen import Screen
from tornado_app.commands.talk.speech import speak
from workers.formats import AudioFormat
from workers.recordings import Recording

CONNECT_TIMEOUT_S = 20.0
SILENCE_TIMEOUT_S = 60.0
"""Without any word of the gateway, while an answer is waited for."""
TRANSCRIPT_TIMEOUT_S = 3.0
"""A gateway without transcription sends none."""
CHUNK_MS, FAST_CHUNK_MS = 20.0, 100.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What to say to whom, and where to keep the answer."""

    recording: Recording
    address: Address
    token: str
    keeper: Keeper | None = None
    is_fast: bool = False
    chunk_ms: float | None = None


async def run(wish: Wish) -> int:
    """Talk once; 0 if an answer came, 1 with a sentence if not.

    Raises:
        OutputLost: If nobody reads what was said.
    """
    screen = Screen()
    try:
        await _talk(wish, screen)
    except Failed as failed:
        screen.note(*failed.lines)
        return 1
    return 0


async def _talk(wish: Wish, screen: Screen) -> None:
    socket = await dial(wish.address.url, wish.token)
    try:
        # Not before: what is wrong with them the gateway says better.
        source, target = wish.address.source, wish.address.target
    except Failed:
        socket.close(1000, "bye")
        raise
    pace = Pace(wish.is_fast, time.monotonic())
    call = Call(target, pace, screen, ends_turns=wish.address.ends_turns)
    reader = asyncio.ensure_future(_listen(socket, call))
    try:
        await _converse(wish, source, socket, call)
    finally:
        with contextlib.suppress(OutputLost):
            screen.end_line()
        _keep(wish, call, screen)
        socket.close(1000, "bye")
        await reader


async def _converse(
    wish: Wish,
    source: AudioFormat,
    socket: WebSocketClientConnection,
    call: Call,
) -> None:
    while not call.is_connected:
        await call.news(CONNECT_TIMEOUT_S, "The model did not connect in time.")
    chunk_ms = wish.chunk_ms or (FAST_CHUNK_MS if wish.is_fast else CHUNK_MS)
    try:
        await speak(wish.recording, source, chunk_ms, socket, call)
        call.has_committed = True
        await socket.write_message(json.dumps({"type": "commit_audio"}))
    except WebSocketClosedError:
        pass  # closed between a look at the call and a write: the reader is about to learn why
    while not call.is_done:
        await call.news(SILENCE_TIMEOUT_S, "No answer came in time.")
    with contextlib.suppress(Failed):
        deadline = time.monotonic() + TRANSCRIPT_TIMEOUT_S
        while not call.is_transcribed:
            await call.news(deadline - time.monotonic(), "A gateway without transcription.")


async def _listen(socket: WebSocketClientConnection, call: Call) -> None:
    while (message := await socket.read_message()) is not None:
        call.take(message)
    call.closed(socket.close_code, socket.close_reason)


def _keep(wish: Wish, call: Call, screen: Screen) -> None:
    """Keep what was heard, whatever has ended the talk."""
    samples = call.heard()
    if not len(samples):
        return
    screen.note(f"The answer is {len(samples) / call.rate_hz:.2f} s long.")
    if wish.keeper is None:
        screen.note("To hear it, say --save answer.wav.")
        return
    wish.keeper.write(samples, call.rate_hz)
    path = wish.keeper.path
    screen.note(f"Saved to {path}. To hear it:", AS_IT_IS + how_to_play(path))
