"""Recordings on disk, for the command line client and for tests.  No client's file comes here."""

from pathlib import Path

import numpy as np
import soundfile

from workers import pcm
from workers.codecs import Samples


class UnreadableRecording(Exception):
    """A file that holds no audio we can read; says which, and why."""


def read_recording(path: Path | str) -> tuple[Samples, int]:
    """Read a recording, mixed down.

    Parameters
    ----------
    path : path or str
        WAV, FLAC, OGG, MP3 and what else libsndfile knows.

    Returns
    -------
    samples : float32, shape (frames,), full scale +-1.0
        The mean of the channels.
    rate_hz : int

    Raises
    ------
    UnreadableRecording
        If there is no such file, or no audio in it.
    """
    try:
        frames, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise UnreadableRecording(f"{path}: {_why(path, error)}") from error
    return pcm.mix_down(frames.reshape(-1), frames.shape[1]), rate_hz


def write_recording(path: Path | str, samples: Samples, rate_hz: int) -> None:
    """Write a mono recording of 16 bits; the suffix chooses the container.

    Parameters
    ----------
    path : path or str
        Ends in .wav, .flac or .ogg; a file that is there is replaced.
    samples : float32, shape (frames,), full scale +-1.0
        Finite; clipped at full scale.
    rate_hz : int
        Any that the container knows.
    """
    # Not libsndfile's own conversion, which scales by 32767: written and read again is equal.
    steps = np.frombuffer(pcm.encode(samples, "pcm16"), "<i2")
    soundfile.write(path, steps, rate_hz)


def _why(path: Path | str, error: Exception) -> str:
    if not Path(path).is_file():
        return "there is no such file"
    return f"not a recording that can be read ({error})"
