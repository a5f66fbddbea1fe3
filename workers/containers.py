"""Complete files of audio from outside.

Runs in a process of its own only (`workers.decoder`): here C meets the bytes of strangers.
"""

import io
import re
from collections.abc import Iterator

import numpy as np
import soundfile

from workers import pcm
from workers.codecs import Samples
from workers.formats import CHANNELS_MAX, RATE_HZ_MAX, RATE_HZ_MIN, Container
from workers.pcm import BadAudio

MAGIC: dict[Container, bytes] = {"wav": rb"RIFF....WAVE", "flac": rb"fLaC", "ogg": rb"OggS"}
"""How a file of each container begins."""

OTHERS = {"WebM": rb"\x1aE\xdf\xa3", "MP4": rb"....ftyp"}
"""What browsers record, and we do not decode (docs/decisions/0011-files-in-a-helper.md)."""

ENCODINGS: dict[Container, dict[str, str]] = {
    "wav": {
        "PCM_U8": "pcm8",
        "PCM_16": "pcm16",
        "PCM_24": "pcm24",
        "PCM_32": "pcm32",
        "FLOAT": "float32",
        "DOUBLE": "float64",
        "ULAW": "mu-law",
        "ALAW": "A-law",
    },
    "flac": {"PCM_S8": "8 bits", "PCM_16": "16 bits", "PCM_24": "24 bits"},
    "ogg": {"VORBIS": "Vorbis", "OPUS": "Opus"},
}
"""What is taken of what libsndfile decodes: its rare decoders are its least tried."""

BLOCK_FRAMES = 16_384
"""Read at once: it bounds what a frame of many channels costs, however long the file says it is."""


def decode_file(data: bytes, container: Container, max_ms: int) -> tuple[Samples, int]:
    """Decode a file, mixed down.

    Parameters
    ----------
    data : bytes
        The file.
    container : Container
        What it should be.
    max_ms : int
        The longest that is taken.  Decoding stops there, whatever the file goes on to hold.

    Returns
    -------
    samples : float32, shape (frames,), full scale +-1.0
        The mean of the channels, not clipped: finite, and at most `pcm.FLOAT32_LIMIT`.
    rate_hz : int
        From 8 to 192 kHz.

    Raises
    ------
    BadAudio
        If it is another container, has another encoding, rate or number of channels than is taken,
        is empty, too long, broken, or not finite.
    """
    _check_magic(data, container)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(file, container)
            blocks = list(_mono_blocks(file, max_ms))
            rate_hz: int = file.samplerate
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        # soundfile has ValueError and TypeError for headers that contradict themselves.
        raise BadAudio("broken", f"audio: the {container} file is broken") from error
    if not blocks:
        raise BadAudio("empty", f"audio: the {container} file holds no audio")
    return np.concatenate(blocks), rate_hz


def _mono_blocks(file: soundfile.SoundFile, max_ms: int) -> Iterator[Samples]:
    max_frames = max_ms * file.samplerate // 1000
    frames = 0
    while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > max_frames:
            raise BadAudio("too_long", f"audio: the file is longer than {max_ms / 1000:g} s")
        if not pcm.is_audio(block):
            raise BadAudio("not_finite", "audio: a sample of the file is NaN, infinite or immense")
        yield pcm.mix_down(block.reshape(-1), file.channels)


def _check_magic(data: bytes, container: Container) -> None:
    if re.match(MAGIC[container], data, re.DOTALL):
        return
    found = [name for name, magic in OTHERS.items() if re.match(magic, data, re.DOTALL)]
    instead = f" but {found[0]}, which is not decoded" if found else ""
    raise BadAudio("container", f"format: the file is not {container}{instead}")


def _check_header(file: soundfile.SoundFile, container: Container) -> None:
    encodings = ENCODINGS[container]
    if file.subtype not in encodings:
        allowed = ", ".join(encodings.values())
        raise BadAudio("container", f"audio: a {container} file may hold {allowed}")
    if not RATE_HZ_MIN <= file.samplerate <= RATE_HZ_MAX:
        raise BadAudio(
            "container",
            f"audio: the file's rate is {file.samplerate} Hz;"
            f" allowed are {RATE_HZ_MIN} to {RATE_HZ_MAX}",
        )
    if not 1 <= file.channels <= CHANNELS_MAX:
        raise BadAudio(
            "container",
            f"audio: the file has {file.channels} channels; allowed are 1 to {CHANNELS_MAX}",
        )
