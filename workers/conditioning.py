"""Optional repairs of a stream: an offset taken out, peaks held below full scale.

Both follow the signal with a value that decays, and give the same bits wherever it is cut.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.codecs import Samples

CORNER_HZ = 10.0
"""Of the high-pass: a first order one takes 0.1 dB of an 80 Hz voice."""
CEILING = float(np.float32(10 ** (-1 / 20)))
"""-1 dBFS: what later stages add to a peak that was cut off there stays below full scale."""
RELEASE_S = 0.1
"""A limited signal regains 1 - 1/e of its level in this time."""

_SPAN = 1024
"""Powers are taken from the last multiple of this, so that they neither grow nor depend on a cut.
"""


@dataclass(frozen=True, slots=True)
class Follower:
    """Where a decaying value stands between two calls.

    Attributes
    ----------
    place : int
        Samples since the last multiple of the span.
    grown : float
        The value, divided by the decay since then.
    """

    place: int = 0
    grown: float = 0.0


def value_of(state: Follower, decay: float) -> float:
    """Where the follower stands, for one that decays otherwise: see `at_value`."""
    return float(state.grown * decay ** (state.place - 1))


def at_value(value: float, decay: float) -> Follower:
    """A follower that stands at *value*."""
    return Follower(0, value * decay)


def follow(
    state: Follower, values: NDArray[np.float64], decay: float, accumulate: np.ufunc
) -> tuple[NDArray[np.float64], Follower]:
    """Return ``y[n] = accumulate(decay * y[n - 1], values[n])``, for add or maximum.

    Notes
    -----
    Divided by the power of *decay* at its place, the recursion is a plain running sum or maximum,
    which numpy does one by one, and which goes on from where it was.  At most 1024 places share a
    reference, so at 8 kHz and above no power is beyond 10,000.
    """
    followed = np.empty(len(values))
    place, grown, begin = state.place, state.grown, 0
    while begin < len(values):
        end = min(len(values), begin + _SPAN - place)
        powers = decay ** np.arange(place, place + end - begin)
        sums = accumulate.accumulate(np.append(grown, values[begin:end] / powers))
        followed[begin:end] = sums[1:] * powers
        place, grown, begin = place + end - begin, float(sums[-1]), end
        if place == _SPAN:
            place, grown = 0, float(followed[end - 1]) * decay
    return followed, Follower(place, grown)


def offset_decay(rate_hz: int) -> float:
    """Of `remove_dc`, for each sample."""
    return float(np.exp(-2 * np.pi * CORNER_HZ / rate_hz))


def peak_decay(rate_hz: int) -> float:
    """Of `limit_peaks`, for each sample."""
    return float(np.exp(-1 / (RELEASE_S * rate_hz)))


def remove_dc(
    state: Follower | None, samples: Samples, rate_hz: int
) -> tuple[Samples, Follower | None]:
    """Take the offset out of the next piece of a stream.

    Parameters
    ----------
    state : Follower or None
        What the previous call returned; None to begin with.
    samples : float32, shape (n,), full scale +-1.0
        Finite.
    rate_hz : int
        8000 or more.

    Returns
    -------
    samples : float32, shape (n,)
        Through a first-order high-pass at `CORNER_HZ`, without delay.  The first sample is taken
        for the offset, so that a constant is silence from its beginning.
    state : Follower or None
    """
    if not len(samples):
        return samples, state
    decay = offset_decay(rate_hz)
    exact = samples.astype(np.float64)
    if state is None:
        state = at_value(float(exact[0]), decay)
    offset, state = follow(state, (1 - decay) * exact, decay, np.add)
    return (exact - offset).astype(np.float32), state


def limit_peaks(state: Follower, samples: Samples, rate_hz: int) -> tuple[Samples, Follower]:
    """Hold the next piece of a stream below `CEILING`.

    Parameters
    ----------
    state : Follower
        What the previous call returned; ``Follower()`` to begin with.
    samples : float32, shape (n,)
        Finite; may be beyond full scale.
    rate_hz : int
        8000 or more.

    Returns
    -------
    samples : float32, shape (n,)
        Turned down at once where a peak would pass the ceiling, and up again within `RELEASE_S`.
        Without look-ahead, so without delay: the first peak is flattened as clipping would do,
        those behind it keep their shape.  What stays below the ceiling is not touched.
    state : Follower
    """
    decay = peak_decay(rate_hz)
    exact = samples.astype(np.float64)
    excess = 1 - CEILING / np.maximum(np.abs(exact), CEILING)
    reduction, state = follow(state, excess, decay, np.maximum)
    return (exact * (1 - reduction)).astype(np.float32), state
