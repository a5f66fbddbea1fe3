"""Complete files of audio, as clients send them."""

import io
import struct

import numpy as np
import soundfile

KINDS = {
    "wav-pcm8": ("wav", "WAV", "PCM_U8"),
    "wav-pcm16": ("wav", "WAV", "PCM_16"),
    "wav-pcm24": ("wav", "WAV", "PCM_24"),
    "wav-pcm32": ("wav", "WAV", "PCM_32"),
    "wav-float32": ("wav", "WAV", "FLOAT"),
    "wav-float64": ("wav", "WAV", "DOUBLE"),
    "wav-mulaw": ("wav", "WAV", "ULAW"),
    "wav-alaw": ("wav", "WAV", "ALAW"),
    "wav-extensible": ("wav", "WAVEX", "PCM_24"),
    "flac-16": ("flac", "FLAC", "PCM_16"),
    "flac-24": ("flac", "FLAC", "PCM_24"),
    "ogg-vorbis": ("ogg", "OGG", "VORBIS"),
    "ogg-opus": ("ogg", "OGG", "OPUS"),
}
"""What is taken: container, and format and subtype as libsndfile calls them."""


def file_of(kind: str, samples: np.ndarray, rate_hz: int) -> bytes:
    """A file of *samples*, shape (frames,) or (frames, channels)."""
    _, container, subtype = KINDS[kind]
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=container, subtype=subtype)
    return buffer.getvalue()


def silence(duration_s: float, rate_hz: int = 48_000, channels: int = 1) -> bytes:
    """A FLAC file that says very little: some hundred bytes for each second of any rate."""
    buffer = io.BytesIO()
    left = int(duration_s * rate_hz)
    with soundfile.SoundFile(buffer, "w", rate_hz, channels, "PCM_16", format="FLAC") as file:
        while left:
            frames = min(left, 65_536)
            file.write(np.zeros((frames, channels), np.int16))
            left -= frames
    return buffer.getvalue()


def with_flac_total(data: bytes, frames: int) -> bytes:
    """A FLAC file that says it has so many; 0 as one that was written into a pipe does.

    The sum of its audio is made unknown as well (RFC 9639, 8.2).
    """
    count = ((data[21] & 0xF0) << 32 | frames).to_bytes(5, "big")
    return data[:21] + count + bytes(16) + data[42:]


def wav_by_hand(
    data: bytes,
    *,
    rate_hz: int = 24_000,
    channels: int = 1,
    bits: int = 16,
    tag: int = 1,
    data_bytes: int | None = None,
) -> bytes:
    """A WAV file that says of itself what it is told to say."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits)
    size = len(data) if data_bytes is None else data_bytes
    riff = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(riff), 0xFFFFFFFF)) + riff
