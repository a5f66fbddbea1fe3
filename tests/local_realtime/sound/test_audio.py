"""Pieces of sound on the wire, and G.711."""

import base64

import numpy as np
import pytest

from local_realtime.sound import g711
from local_realtime.sound.audio import Sound, decode_base64, encode_base64

PCM, MU_LAW, A_LAW = ({"type": f"audio/{name}"} for name in ("pcm", "pcmu", "pcma"))


def sine(hz, rate_hz, seconds=1.0):
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    return Sound((10_000 * np.sin(2 * np.pi * hz * time)).astype("<i2").tobytes(), rate_hz)


def encoded(sound, audio_format, step):
    pieces = (
        encode_base64(sound, audio_format, start, min(start + step, sound.samples))
        for start in range(0, sound.samples, step)
    )
    return b"".join(base64.b64decode(piece) for piece in pieces)


@pytest.mark.parametrize(("rate_hz", "other"), [(24_000, MU_LAW), (8_000, PCM)])
def test_resampled_pieces_join_without_a_seam(rate_hz, other):
    """Sent in deltas of 100 ms it is what it would be in one piece."""
    sound = sine(440, rate_hz)

    assert encoded(sound, other, rate_hz // 10) == encoded(sound, other, sound.samples)


def test_resampling_up_keeps_a_tone():
    """1 kHz from 8 to 24 kHz differs from the same tone made at 24 kHz by less than 0.5 %."""
    found = np.frombuffer(encoded(sine(1000, 8_000), PCM, 800), "<i2").astype(float)
    wanted = np.frombuffer(sine(1000, 24_000).pcm, "<i2").astype(float)

    assert np.abs(found - wanted)[100:-100].max() < 50


def test_resampling_down_stops_what_would_alias():
    """7 kHz is gone at 8 kHz."""
    found = g711.decode(encoded(sine(7000, 24_000), MU_LAW, 2400), "audio/pcmu")

    assert np.abs(found[50:-50]).max() < 50


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_every_g711_code_survives(law):
    """Decoding and encoding gives the same level; only mu-law has two codes for zero."""
    codes = bytes(range(256))
    again = g711.encode(g711.decode(codes, law), law)

    assert [a for a, b in zip(codes, again, strict=True) if a != b] == (
        [0x7F] if law == "audio/pcmu" else []
    )


@pytest.mark.parametrize(
    ("law", "code", "level"),
    [
        ("audio/pcmu", 0xFF, 0),
        ("audio/pcmu", 0x80, 32124),
        ("audio/pcmu", 0x00, -32124),
        ("audio/pcma", 0xD5, 8),
        ("audio/pcma", 0xAA, 32256),
        ("audio/pcma", 0x2A, -32256),
    ],
)
def test_g711_levels_are_those_of_the_standard(law, code, level):
    """The ends and the middle of both tables."""
    assert g711.decode(bytes([code]), law).tolist() == [level]


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_g711_takes_the_nearest_level(law):
    """For every sample, checked against a search through all levels."""
    samples = np.arange(-32768, 32768, 97, dtype=np.int16)
    levels = np.unique(g711.decode(bytes(range(256)), law)).astype(int)
    nearest = np.abs(levels[None, :] - samples[:, None].astype(int)).min(axis=1)

    found = g711.decode(g711.encode(samples, law), law).astype(int)

    assert np.array_equal(np.abs(found - samples), nearest)


def test_pcm_is_taken_as_it_is():
    """Base64 in, the same bytes out."""
    assert decode_base64(base64.b64encode(b"\x01\x02").decode(), PCM, "audio") == b"\x01\x02"
