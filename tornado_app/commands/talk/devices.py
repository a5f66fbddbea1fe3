"""Loudspeaker and microphone of this computer, where the package sounddevice finds any."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from tornado_app.commands.talk.failure import Failed
from workers.codecs import Samples
from workers.recordings import Recording

MICROPHONE_HZ = 24_000
BLOCK_S = 0.1
BLOCKS_WAITING = 100
LATE_S = 5.0
"""What a loudspeaker may take longer than the sound that it was given."""


def _sounddevice() -> Any:
    """The package.

    Raises:
        Failed: If it is not there, or finds no PortAudio.
    """
    try:
        import sounddevice  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
    except (ImportError, OSError):
        raise Failed(
            "--play and --microphone need the package sounddevice and the library PortAudio; "
            "--save keeps the answers without them."
        ) from None
    return sounddevice


class Loudspeaker:
    """Plays what it is given, in order.  `play` and `flush`: loop; the rest: PortAudio's thread."""

    def __init__(self, rate_hz: int) -> None:
        """Raises `Failed` if there is none."""
        library = _sounddevice()
        self._lock = threading.Lock()
        self._waiting = np.empty(0, np.float32)
        self._rate_hz = rate_hz
        try:
            self._stream = library.OutputStream(
                samplerate=rate_hz, channels=1, dtype="float32", callback=self._fill
            )
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            raise Failed(f"The loudspeaker cannot be used: {error}.") from None

    def play(self, samples: Samples) -> None:
        with self._lock:
            self._waiting = np.concatenate([self._waiting, samples])

    def flush(self) -> None:
        """Be silent at once."""
        with self._lock:
            self._waiting = self._waiting[:0]

    async def finished(self) -> None:
        """Return when all has been played, or the device has stopped taking any."""
        try:
            async with asyncio.timeout(len(self._waiting) / self._rate_hz + LATE_S):
                while len(self._waiting):  # noqa: ASYNC110  PortAudio's thread tells nobody
                    await asyncio.sleep(0.02)
        except TimeoutError:
            self.flush()

    def close(self) -> None:
        self._stream.close()

    def _fill(self, out: Any, frames: int, *_: object) -> None:
        with self._lock:
            now, self._waiting = self._waiting[:frames], self._waiting[frames:]
        out[: len(now), 0] = now
        out[len(now) :] = 0


class Microphone(Recording):
    """A recording that goes on until the talk ends.  Thread: whoever reads `blocks`."""

    def __init__(self) -> None:
        """Raises `Failed` if there is none."""
        library = _sounddevice()
        self.name, self.rate_hz, self.duration_s = "the microphone", MICROPHONE_HZ, None
        self.is_empty, self.fault = False, ""
        self._blocks: queue.Queue[Samples | None] = queue.Queue(BLOCKS_WAITING)
        try:
            self._stream = library.InputStream(
                samplerate=MICROPHONE_HZ,
                channels=1,
                dtype="float32",
                blocksize=round(MICROPHONE_HZ * BLOCK_S),
                callback=self._take,
            )
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            raise Failed(f"The microphone cannot be used: {error}.") from None

    def blocks(self) -> Iterator[Samples]:
        """What is said, as it is; float32, shape (n,)."""
        while (block := self._blocks.get()) is not None:
            yield block

    def close(self) -> None:
        """Listen no more."""
        self._stream.close()
        try:
            self._blocks.put_nowait(None)
        except queue.Full:
            self._blocks.get_nowait()
            self._blocks.put_nowait(None)

    def _take(self, heard: Any, *_: object) -> None:
        try:
            self._blocks.put_nowait(np.array(heard[:, 0], np.float32))
        except queue.Full:
            return  # nobody has read for ten seconds: what is said now is lost
