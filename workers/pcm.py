"""The one gate for audio from outside: size, encoding, finiteness and length are checked here."""

from contextlib import suppress
from typing import Literal

import numpy as np
import pybase64

from workers import codecs
from workers.codecs import Samples, encode
from workers.formats import AudioFormat

__all__ = ["BadAudio", "decode", "encode", "mix_down", "unwrap"]

MAX_CHUNK_S = 10
"""Bounds the memory and the time one chunk can cost; clients send 10 to 200 ms."""

FLOAT32_LIMIT = 1e6
"""120 dB over full scale: beyond it is no audio but another format read as float32."""

Reason = Literal["base64", "empty", "partial_frame", "too_long", "not_finite"]


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


def unwrap(payload: bytes | str) -> bytes:
    """Take the base64 off, if there is any.

    Parameters
    ----------
    payload : bytes or str
        Bytes are raw audio; text is base64, standard alphabet, padded, no white space.

    Raises
    ------
    BadAudio
        If text is not base64.
    """
    if isinstance(payload, bytes):
        return payload
    # Not raised from the ValueError, which would keep the payload alive in its frames.
    with suppress(ValueError):
        return pybase64.b64decode(payload, validate=True)
    raise BadAudio(
        "base64", "audio: not valid base64; allowed are A-Z a-z 0-9 + / with = as padding"
    )


def decode(payload: bytes | str, audio_format: AudioFormat) -> Samples:
    """Check a chunk and turn it into mono samples.

    Parameters
    ----------
    payload : bytes or str
        One or more whole frames, at most `MAX_CHUNK_S` of them; text is base64.
    audio_format : AudioFormat
        What *payload* should be.

    Returns
    -------
    samples : float32, shape (frames,), full scale +-1.0
        The mean of the channels.  float32 beyond full scale is kept: it is `encode` that clips.

    Raises
    ------
    BadAudio
        If the base64 is wrong, the chunk empty, too long or not a whole number of frames, or a
        float32 sample NaN, infinite or beyond `FLOAT32_LIMIT`.
    """
    data = unwrap(payload)
    _check_size(len(data), audio_format)
    samples = codecs.decode(data, audio_format.encoding)
    if audio_format.encoding == "float32":
        _check_finite(samples)
    return mix_down(samples, audio_format.channels)


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


def _check_size(size_bytes: int, audio_format: AudioFormat) -> None:
    if size_bytes == 0:
        raise BadAudio("empty", "audio: empty; a chunk is at least one frame")
    if size_bytes % audio_format.bytes_per_frame:
        raise BadAudio(
            "partial_frame",
            f"audio: {_count(size_bytes, 'byte')} is not a whole number of"
            f" {audio_format.encoding} frames; a frame of"
            f" {_count(audio_format.channels, 'channel')} is"
            f" {_count(audio_format.bytes_per_frame, 'byte')}",
        )
    if audio_format.frames(size_bytes) > MAX_CHUNK_S * audio_format.rate_hz:
        raise BadAudio(
            "too_long",
            f"audio: {audio_format.duration_ms(size_bytes) / 1000:.3f} s in one chunk;"
            f" at most {MAX_CHUNK_S} s is allowed",
        )


def _check_finite(samples: Samples) -> None:
    # A NaN fails both comparisons, and so is refused.
    if not (samples.max() <= FLOAT32_LIMIT and samples.min() >= -FLOAT32_LIMIT):
        raise BadAudio(
            "not_finite",
            f"audio: a float32 sample is NaN, infinite or beyond {FLOAT32_LIMIT:.0f};"
            " full scale is 1.0",
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
