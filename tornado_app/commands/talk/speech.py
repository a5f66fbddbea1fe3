"""The user's part of a talk: a recording in chunks, no faster than the gateway takes them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import numpy as np

from tornado_app.commands.talk.call import Call, level_dbfs
from tornado_app.commands.talk.devices import Microphone
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.raw import STANDARD_INPUT, RawRecording, as_it_comes
from tornado_app.commands.talk.screen import meter
from tornado_app.commands.talk.wire import Wire
from workers import pcm
from workers.codecs import Samples
from workers.formats import AudioFormat
from workers.recordings import Recording, at_rate

TAKEN_TIMEOUT_S = 30.0
NOT_TAKEN = f"The gateway took no more audio for {TAKEN_TIMEOUT_S:g} s."


async def speak(
    recording: Recording,
    source: AudioFormat,
    chunk_ms: float,
    socket: Wire,
    call: Call,
) -> None:
    """Send all of *recording*.

    Raises:
        Failed: If it cannot be, or the call has ended.
        WebSocketClosedError: If it has just ended.
    """
    pace, name, is_silent = call.pace, recording.name, True
    within = "standard input" if name == STANDARD_INPUT else name
    of = f" s of {recording.duration_s:.1f} s" if recording.duration_s else " s"
    pace.begin(time.monotonic())
    before_ms = pace.sent_ms
    pieces = chunks(at_rate(recording, source.rate_hz), source.rate_hz, chunk_ms)
    is_live = isinstance(recording, RawRecording | Microphone)
    async for chunk in as_it_comes(pieces) if is_live else _at_once(pieces):
        size_ms = len(chunk) * 1000 / source.rate_hz
        await _wait_for_room(call, size_ms)
        await asyncio.sleep(pace.wait_s(time.monotonic(), size_ms))
        call.check()
        interleaved = np.repeat(chunk, source.channels)
        await _send(socket, pcm.encode(interleaved, source.encoding))
        pace.send(size_ms)
        is_silent = is_silent and not chunk.any()
        said_s = (pace.sent_ms - before_ms) / 1000
        call.screen.progress(f"{meter(level_dbfs(chunk))} Speaking {said_s:.1f}{of} of {within}")
    if recording.fault:
        call.screen.note(recording.fault)
    if pace.sent_ms == before_ms:
        raise Failed(f"{name} holds no audio.")
    call.screen.note(
        f"Spoke {(pace.sent_ms - before_ms) / 1000:.2f} s of {within}"
        f"{', which is silent' * is_silent}."
    )


async def _at_once(pieces: Iterator[Samples]) -> AsyncIterator[Samples]:
    """Of a file that is there."""
    for piece in pieces:
        yield piece


async def _send(socket: Wire, audio: bytes) -> None:
    try:
        async with asyncio.timeout(TAKEN_TIMEOUT_S):
            await socket.write_message(audio, binary=True)
    except TimeoutError:
        raise Failed(NOT_TAKEN) from None


async def _wait_for_room(call: Call, size_ms: float) -> None:
    """The gateway reads no further while it has enough; then nothing is acknowledged."""
    pace = call.pace
    if pace.has_room(size_ms):
        return
    while not pace.has_room(size_ms):
        await call.news(TAKEN_TIMEOUT_S, NOT_TAKEN)
    pace.go_on(time.monotonic())


def chunks(blocks: Iterator[Samples], rate_hz: int, chunk_ms: float) -> Iterator[Samples]:
    """Pieces of one length; they alternate where *chunk_ms* is no whole number of samples."""
    rest = np.empty(0, np.float32)
    begin = count = 0
    for block in blocks:
        rest = np.concatenate([rest, block])
        while True:
            end = max(begin + 1, round((count + 1) * chunk_ms * rate_hz / 1000))
            if end - begin > len(rest):
                break
            yield rest[: end - begin]
            rest, begin, count = rest[end - begin :], end, count + 1
    if len(rest):
        yield rest
