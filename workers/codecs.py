"""Bytes of one encoding to float32 samples and back.  Knows no rate, no channels and no limits."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from workers.formats import Encoding

Samples: TypeAlias = NDArray[np.float32]
"""float32, shape (n,), full scale +-1.0."""

PCM16_SCALE = np.float32(32768)
"""A power of two, so that pcm16 -> float32 -> pcm16 gives the same bytes."""


def decode(data: bytes, encoding: Encoding) -> Samples:
    """Turn a whole number of samples into float32.

    Parameters
    ----------
    data : bytes
        n samples; channels stay interleaved.
    encoding : Encoding
        Of *data*.

    Returns
    -------
    samples : float32, shape (n,), full scale +-1.0
        Read-only for float32, which is not copied.

    Notes
    -----
    pcm16 and G.711 decode without error: every value is a multiple of 1 / 32768.
    """
    match encoding:
        case "pcm16":
            samples = np.frombuffer(data, "<i2").astype(np.float32)
            samples /= PCM16_SCALE
            return samples
        case "float32":
            return np.frombuffer(data, "<f4")
        case "pcmu":
            return MULAW_SAMPLES[np.frombuffer(data, np.uint8)]
        case "pcma":
            return ALAW_SAMPLES[np.frombuffer(data, np.uint8)]


def encode(samples: Samples, encoding: Encoding, *, clips: bool = True) -> bytes:
    """Turn samples into bytes.

    Parameters
    ----------
    samples : float32, shape (n,), full scale +-1.0
        Finite.  What is beyond full scale is clipped, but not in float32, which keeps it.
    encoding : Encoding
        Of the result.
    clips : bool
        False if it is known that nothing is beyond full scale (`clipping.is_clipped`).

    Returns
    -------
    data : bytes
        n samples.

    Notes
    -----
    Rounds to the nearest of the 65536 steps of pcm16, so the error is at most half a step.
    G.711 is then exact for a 16-bit input, as the reference encoder of ITU-T G.191 is.
    """
    match encoding:
        case "pcm16":
            return _to_pcm16(samples, clips).tobytes()
        case "float32":
            return samples.astype("<f4", copy=False).tobytes()
        case "pcmu":
            return MULAW_CODES[_to_pcm16(samples, clips).view(np.uint16)].tobytes()
        case "pcma":
            return ALAW_CODES[_to_pcm16(samples, clips).view(np.uint16)].tobytes()


def _to_pcm16(samples: Samples, clips: bool) -> NDArray[np.int16]:
    steps = samples * PCM16_SCALE
    np.rint(steps, out=steps)
    if clips:
        np.minimum(steps, np.float32(32767), out=steps)
        np.maximum(steps, np.float32(-32768), out=steps)
    return steps.astype("<i2")


def _mulaw_samples() -> Samples:
    """Decode all 256 codes (ITU-T G.711, tables 2a and 2b)."""
    code = ~np.arange(256, dtype=np.uint8).astype(np.int32)
    segment, step = code >> 4 & 7, code & 15
    magnitude = ((2 * step + 33 << segment) - 33) * 4
    return _signed(magnitude, negative=code & 0x80 != 0)


def _alaw_samples() -> Samples:
    """Decode all 256 codes (ITU-T G.711, tables 1a and 1b)."""
    code = np.arange(256) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    leading = np.where(segment > 0, 33, 1)
    magnitude = (2 * step + leading << np.maximum(segment - 1, 0)) * 8
    return _signed(magnitude, negative=code & 0x80 == 0)


def _signed(magnitude: NDArray[np.int_], negative: NDArray[np.bool_]) -> Samples:
    return (np.where(negative, -magnitude, magnitude) / PCM16_SCALE).astype(np.float32)


def _magnitudes() -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Every int16 in the order of its bits, as a magnitude and the sign bit of G.711.

    The one's complement is G.191's: -1 belongs to negative zero, as 0 does to positive zero.
    """
    linear = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int_)
    return np.where(linear < 0, ~linear, linear), np.where(linear < 0, 0, 0x80)


def _exponents(magnitude: NDArray[np.int_]) -> NDArray[np.int_]:
    """Position of the highest set bit, from 0; -1 for 0."""
    return np.frexp(magnitude)[1].astype(np.int_) - 1


def _mulaw_codes() -> NDArray[np.uint8]:
    magnitude, sign = _magnitudes()
    biased = np.minimum((magnitude >> 2) + 33, 8191)
    segment = _exponents(biased) - 5
    code = ~(segment << 4 | biased >> segment + 1 & 15) & 0x7F | sign
    return np.asarray(code, np.uint8)


def _alaw_codes() -> NDArray[np.uint8]:
    magnitude, sign = _magnitudes()
    magnitude >>= 4
    segment = np.maximum(_exponents(magnitude) - 3, 0)
    code = segment << 4 | magnitude >> np.maximum(segment - 1, 0) & 15
    return np.asarray((code | sign) ^ 0x55, np.uint8)


MULAW_SAMPLES = _mulaw_samples()
ALAW_SAMPLES = _alaw_samples()
MULAW_CODES = _mulaw_codes()
ALAW_CODES = _alaw_codes()
