"""ITU-T G.711: A-law and mu-law as tables, between bytes and 16-bit samples."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples16 = NDArray[np.int16]

MU_LAW_BIAS = 33
"""In the 14-bit domain of G.711 table 2a."""


@cache
def _mu_law_levels() -> Samples16:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((2 * (code & 0xF) + MU_LAW_BIAS) << (code >> 4 & 7)) - MU_LAW_BIAS
    return np.where(code & 0x80, -4 * magnitude, 4 * magnitude).astype(np.int16)


@cache
def _a_law_levels() -> Samples16:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, step = code >> 4 & 7, code & 0xF
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, 8 * magnitude, -8 * magnitude).astype(np.int16)


def _levels(law: str) -> Samples16:
    return _mu_law_levels() if law == "audio/pcmu" else _a_law_levels()


@cache
def _codes(law: str) -> NDArray[np.uint8]:
    """The nearest code of every 16-bit sample, at index ``sample + 32768``."""
    levels = _levels(law).astype(np.int32)
    # A stable sort keeps the second of mu-law's two zeros, 0xFF, as the one that is sent.
    order = np.argsort(levels, kind="stable")
    middles = (levels[order][1:] + levels[order][:-1]) / 2
    nearest = np.searchsorted(middles, np.arange(-32768, 32768), side="right")
    return order[nearest].astype(np.uint8)


def decode(data: bytes, law: str) -> Samples16:
    """Samples of *data*; *law* is ``audio/pcmu`` or ``audio/pcma``."""
    return _levels(law)[np.frombuffer(data, np.uint8)]


def encode(samples: Samples16, law: str) -> bytes:
    return _codes(law)[samples.astype(np.int32) + 32768].tobytes()
