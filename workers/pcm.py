"""The one gate for audio from outside: size, encoding, finiteness and length are checked here."""

from collections.abc import Sequence, Sized
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from workers import codecs
from workers.base64_text import decode_all as decode_texts
from workers.base64_text import decode_joined
from workers.codecs import Samples, encode
from workers.formats import AudioFormat
from workers.magic import TAKEN, file_in_place_of_audio, may_hold_files

__all__ = ["BadAudio", "decode_all", "encode", "is_audio", "mix_down", "not_raw"]

MAX_CHUNK_S = 10
"""Bounds the memory and the time one chunk can cost; clients send 10 to 200 ms."""

FLOAT32_LIMIT = 1e6
"""120 dB over full scale: beyond it is no audio but another format read as float32."""

NOT_BASE64 = "audio: must be base64: A-Z a-z 0-9 + / with = as padding, and nothing else."

Reason = Literal[
    "base64", "empty", "partial_frame", "too_long", "not_finite", "container", "broken"
]


class BadAudio(Exception):
    """A chunk that is not what its format says.

    Parameters
    ----------
    reason : Reason
        For programs: metrics and tests.
    sentence : str
        For people: what was wrong and what is allowed.  Holds nothing of the client's but numbers.
    """

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.reason = reason
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


def decode_all(
    payloads: Sequence[bytes | str], audio_format: AudioFormat
) -> tuple[list[bytes | BadAudio], Samples]:
    """Check chunks and turn them into mono samples.

    Parameters
    ----------
    payloads : sequence of bytes or str
        Each one or more whole frames, at most `MAX_CHUNK_S` of them.  Text is base64: standard
        alphabet, padded, no white space.
    audio_format : AudioFormat
        What the payloads should be.

    Returns
    -------
    chunks : list of bytes or BadAudio
        Each payload without base64, or why it was refused: wrong base64, empty, too long, not a
        whole number of frames, or a float32 sample NaN, infinite or beyond `FLOAT32_LIMIT`.
    samples : float32, shape (frames,), full scale +-1.0
        Of the chunks that were not refused, joined: the mean of the channels.  float32 beyond full
        scale is kept: it is `encode` that clips.
    """
    chunks = [_checked(data, audio_format) for data in _unwrap_all(payloads)]
    samples = _join(chunks, audio_format)
    if audio_format.encoding == "float32" and not is_audio(samples):
        chunks = [_checked_float32(chunk) for chunk in chunks]
        samples = _join(chunks, audio_format)
    return chunks, mix_down(samples, audio_format.channels)


def decode_equal(
    payloads: Sequence[bytes | str | Sized], audio_format: AudioFormat
) -> tuple[int, NDArray[np.float32]] | None:
    """Check and decode chunks that are all alike and all good, or return None.

    Parameters
    ----------
    payloads : sequence of bytes, str or else
        At least one.  What is neither bytes nor text is no chunk, and not alike.
    audio_format : AudioFormat
        What they should be.

    Returns
    -------
    size_bytes : int
        Of each chunk without base64.
    samples : float32, shape (n, frames), full scale +-1.0
        The mean of the channels, a chunk a row.
    """
    kinds, sizes = set(map(type, payloads)), set(map(len, payloads))
    if len(kinds) > 1 or len(sizes) > 1:
        return None
    joined = _joined(payloads)
    if not joined:
        return None
    size_bytes = len(joined) // len(payloads)
    if isinstance(_checked(joined[:size_bytes], audio_format), BadAudio):
        return None
    if may_hold_files(joined, size_bytes):
        return None
    samples = codecs.decode(joined, audio_format.encoding)
    if audio_format.encoding == "float32" and not is_audio(samples):
        return None
    return size_bytes, mix_down(samples, audio_format.channels).reshape(len(payloads), -1)


def mix_down(samples: Samples, channels: int) -> Samples:
    """Return the mean of interleaved channels.

    Parameters
    ----------
    samples : float32, shape (frames * channels,)
        Whole frames.
    channels : int
        At least 1.

    Returns
    -------
    mono : float32, shape (frames,)
        *samples* itself if there is one channel.
    """
    if channels == 1:
        return samples
    mono = samples[::channels].copy()
    # One channel after the other: a matrix product may round by where the chunk was cut.
    for channel in range(1, channels):
        mono += samples[channel::channels]
    mono /= np.float32(channels)
    return mono


def is_audio(samples: Samples) -> bool:
    """Whether all is finite and within `FLOAT32_LIMIT`; any shape."""
    # A NaN fails both comparisons, and so is refused.
    highest, lowest = samples.max(initial=0), samples.min(initial=0)
    return bool(highest <= FLOAT32_LIMIT and lowest >= -FLOAT32_LIMIT)


def not_raw(kind: str) -> BadAudio:
    """Why a chunk is refused that begins as a file; see `magic.file_in_place_of_audio`."""
    if kind in TAKEN:
        instead = (
            f'send the whole file as audio_data with format "{kind}", or audio without a header'
        )
    else:
        instead = f"{kind} is not decoded: send raw audio"
    return BadAudio("container", f"format: this begins as a {kind} file; {instead}.")


def _joined(alike: Sequence[object]) -> bytes | None:
    """Join chunks of one kind."""
    if isinstance(alike[0], bytes):
        return b"".join(cast(Sequence[bytes], alike))
    return decode_joined(cast(Sequence[str], alike)) if isinstance(alike[0], str) else None


def _unwrap_all(payloads: Sequence[bytes | str]) -> list[bytes | None]:
    """Take the base64 off, if there is any; None where it is wrong."""
    decoded = iter(decode_texts([text for text in payloads if not isinstance(text, bytes)]))
    return [data if isinstance(data, bytes) else next(decoded) for data in payloads]


def _join(chunks: Sequence[bytes | BadAudio], audio_format: AudioFormat) -> Samples:
    data = b"".join([chunk for chunk in chunks if isinstance(chunk, bytes)])
    return codecs.decode(data, audio_format.encoding)


def _checked(data: bytes | None, audio_format: AudioFormat) -> bytes | BadAudio:
    if data is None:
        return BadAudio("base64", NOT_BASE64)
    if kind := file_in_place_of_audio(data):
        return not_raw(kind)
    if not data:
        return BadAudio("empty", "audio: is empty; a chunk must have at least one frame.")
    if len(data) % audio_format.bytes_per_frame:
        return BadAudio(
            "partial_frame",
            f"audio: {_count(len(data), 'byte')} is not a whole number of"
            f" {audio_format.encoding} frames; a frame of"
            f" {_count(audio_format.channels, 'channel')} is"
            f" {_count(audio_format.bytes_per_frame, 'byte')}.",
        )
    if audio_format.frames(len(data)) > MAX_CHUNK_S * audio_format.rate_hz:
        return BadAudio(
            "too_long",
            f"audio: a chunk may be at most {MAX_CHUNK_S} s long;"
            f" this one is {audio_format.duration_ms(len(data)) / 1000:.3f} s.",
        )
    return data


def _checked_float32(chunk: bytes | BadAudio) -> bytes | BadAudio:
    if isinstance(chunk, BadAudio) or is_audio(codecs.decode(chunk, "float32")):
        return chunk
    return BadAudio(
        "not_finite",
        f"audio: a float32 sample is NaN, infinite or beyond {FLOAT32_LIMIT:.0f};"
        " full scale is 1.0.",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
