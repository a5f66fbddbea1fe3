"""How much of a signal 16 bits cannot hold."""

from collections.abc import Sequence

import numpy as np

from workers.codecs import Samples

HIGHEST = np.float32(32767.5 / 32768)
"""From here on `codecs.encode` would round to 32768."""
LOWEST = np.float32(-32768.5 / 32768)
"""Rounds to -32768, the last there is."""


def is_clipped(samples: Samples) -> bool:
    """Whether `codecs.encode` clips any of *samples*, float32 of any shape, full scale +-1.0."""
    return bool(samples.max(initial=0) >= HIGHEST or samples.min(initial=0) < LOWEST)


def count_clipped(samples: Samples, cuts: Sequence[slice]) -> list[int]:
    """Count the samples that `codecs.encode` clips, in each of *cuts*.

    Parameters
    ----------
    samples : float32, shape (n,), full scale +-1.0
        Finite.
    cuts : sequence of slice
        Of *samples*.
    """
    clipped = (samples >= HIGHEST) | (samples < LOWEST)
    return [int(np.count_nonzero(clipped[cut])) for cut in cuts]
