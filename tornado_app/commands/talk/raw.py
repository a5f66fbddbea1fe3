"""Audio without a header, as the program of a microphone writes it: spoken while it comes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from tornado_app.commands.raw_format import RawFormat
from tornado_app.commands.talk.failure import Failed
from workers import pcm
from workers.codecs import Samples, decode
from workers.magic import file_in_place_of_audio
from workers.recordings import Recording

BLOCKS_WAITING = 100
STANDARD_INPUT = "Standard input"
"""How a recording that comes there is called, where a sentence begins."""


class RawRecording(Recording):
    """A recording of *file*; see `workers.recordings.Recording`.  Thread: any one."""

    def __init__(self, name: str, file: BinaryIO, raw: RawFormat) -> None:  # its header is `raw`
        self.name, self.rate_hz, self.duration_s = name, raw.rate_hz, None
        self.is_empty, self.fault = False, ""
        self._pipe, self._raw = file, raw

    def blocks(self) -> Iterator[Samples]:
        """All of it, as it comes; float32, shape (n,), the mean of the channels.

        Raises:
            Failed: If it is a file with a header, which would be noise.
        """
        frame_bytes, is_first = 2 * self._raw.channels, True
        while block := self._pipe.read(self._raw.block_bytes):
            if is_first and (kind := file_in_place_of_audio(block)):
                raise Failed(f"{self.name} is {kind}, not raw audio; leave out --audio-in.")
            is_first = False
            whole = block[: len(block) - len(block) % frame_bytes]
            if whole:
                yield pcm.mix_down(decode(whole, "pcm16"), self._raw.channels)

    def close(self) -> None:
        """Let go of the file."""
        self._pipe.close()


async def as_it_comes(blocks: Iterator[Samples]) -> AsyncIterator[Samples]:
    """*blocks*, read by a thread: a pipe may give nothing for as long as it likes.

    The thread is left to itself if the talk ends first, and ends with the process.

    Raises:
        Failed: If the pipe cannot be read, or is no raw audio.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Samples | OSError | Failed | None] = asyncio.Queue()
    room = threading.Semaphore(BLOCKS_WAITING)

    def read() -> None:
        end: OSError | Failed | None = None
        try:
            for block in blocks:
                room.acquire()
                loop.call_soon_threadsafe(waiting.put_nowait, block)
        except (OSError, Failed) as error:
            end = error
        loop.call_soon_threadsafe(waiting.put_nowait, end)

    threading.Thread(target=read, name="raw-audio", daemon=True).start()
    while (block := await waiting.get()) is not None:
        if isinstance(block, Failed):
            raise block
        if isinstance(block, OSError):
            raise Failed(f"The audio cannot be read: {block.strerror}.")
        room.release()
        yield block
