"""Where the answer is kept: found out before anybody is called, written whatever becomes of it."""

import io
import os
import shlex
import shutil
import stat
from pathlib import Path
from typing import Self

import numpy as np

from tornado_app.commands.talk.failure import Failed
from workers.codecs import Samples
from workers.recordings import write_recording

CONTAINERS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3", ".aiff": "AIFF"}
PLAYERS = {
    "afplay": "afplay",
    "aplay": "aplay",
    "ffplay": "ffplay -nodisp -autoexit",
    "play": "play",
    "mpv": "mpv",
}
"""Those that a computer may have; macOS has the first, most of Linux the second."""


class Keeper:
    """A file that is open for the answer.  As it was before, if nothing came."""

    def __init__(self, path: str, rate_hz: int | None) -> None:
        """Raises `Failed` if an answer of this rate cannot be written there; None: not known."""
        self.path = path
        container = CONTAINERS.get(Path(path).suffix.lower())
        if container is None:
            raise Failed(
                f"--save writes files that end in {', '.join(CONTAINERS)}; {path} does not."
            )
        self._container = container
        if rate_hz is not None:
            self._encode(np.zeros(rate_hz, np.float32), rate_hz)
        self._is_new = not os.path.lexists(path)
        try:
            # Without waiting: a pipe that nobody reads would hold us for ever.
            self._number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666)
        except OSError as error:
            raise self._failed(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._number)
        if self._is_new:
            Path(self.path).unlink(missing_ok=True)

    def write(self, samples: Samples, rate_hz: int) -> None:
        """Write the whole answer, with a header that says so.

        Raises:
            Failed: If it cannot be written.
        """
        data = self._encode(samples, rate_hz)
        try:
            os.set_blocking(self._number, True)
            if stat.S_ISREG(os.fstat(self._number).st_mode):
                os.ftruncate(self._number, 0)
            with os.fdopen(os.dup(self._number), "wb") as file:
                file.write(data)
        except OSError as error:
            raise self._failed(error) from None
        self._is_new = False

    def _encode(self, samples: Samples, rate_hz: int) -> bytes:
        buffer = io.BytesIO()
        try:
            write_recording(buffer, samples, rate_hz, self._container)
        except (OSError, RuntimeError, TypeError, ValueError):  # libsndfile's and its own
            sentence = f"{self.path} cannot hold an answer of {rate_hz} Hz; a .wav can."
            raise Failed(sentence) from None
        return buffer.getvalue()

    def _failed(self, error: OSError) -> Failed:
        return Failed(f"The answer cannot be written to {self.path}: {error.strerror}.")


def how_to_play(path: str) -> str:
    """A line for a shell."""
    found = next((line for name, line in PLAYERS.items() if shutil.which(name)), "ffplay")
    return f"{found} {shlex.quote(path)}"
