"""How loud a block is."""

import math

import numpy as np

from workers.codecs import Samples

SILENCE_DBFS = -120.0
"""The floor: below the -98 dBFS of pcm16's rounding noise, and a number JSON can carry."""


def level_dbfs(samples: Samples) -> float:
    """Measure the RMS level relative to full scale 1.0.

    A square wave at full scale is 0.0 dBFS, a sine at full scale -3.0 dBFS.

    Parameters
    ----------
    samples : float32, shape (n,), full scale +-1.0
        Finite; n may be 0.

    Returns
    -------
    level : float
        dBFS, rounded to 0.1, never below `SILENCE_DBFS`.
    """
    if not len(samples):
        return SILENCE_DBFS
    power = float(np.dot(samples, samples)) / len(samples)
    if power <= 10 ** (SILENCE_DBFS / 10):
        return SILENCE_DBFS
    return round(10 * math.log10(power), 1)
