"""How loud a chunk is."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.codecs import Samples

SILENCE_DBFS = -120.0
"""The floor: below the -98 dBFS of pcm16's rounding noise, and a number JSON can carry."""

_SILENT_POWER = 10 ** (SILENCE_DBFS / 10)


def levels_dbfs(samples: Samples, lengths: Sequence[int]) -> list[float]:
    """Measure the RMS level of chunks relative to full scale 1.0.

    A square wave at full scale is 0.0 dBFS, a sine at full scale -3.0 dBFS.

    Parameters
    ----------
    samples : float32, shape (n,), full scale +-1.0
        The chunks, joined.  Finite.
    lengths : sequence of int
        Of each chunk in samples; n in all.  May be 0.

    Returns
    -------
    levels : list of float
        dBFS, rounded to 0.1, never below `SILENCE_DBFS`.
    """
    levels: list[float] = []
    begin = 0
    for length, equals in itertools.groupby(lengths):
        count = len(list(equals))
        rows = samples[begin : begin + count * length].reshape(count, length)
        levels += row_levels_dbfs(rows)
        begin += count * length
    return levels


def row_levels_dbfs(rows: NDArray[np.float32]) -> list[float]:
    """Measure chunks of one length, as `levels_dbfs` does; *rows* has one in each row."""
    length = rows.shape[1]
    # Unlike `dot` and the sums, this keeps the interpreter's lock.
    return [_dbfs(energy, length) for energy in np.vecdot(rows, rows).tolist()]


def _dbfs(energy: float, length: int) -> float:
    if energy <= length * _SILENT_POWER:
        return SILENCE_DBFS
    return round(10 * math.log10(energy / length), 1)
