"""How a signal would go on: linear prediction, for where two streams are joined."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workers.codecs import Samples

SPACING_HZ = 24_000
"""Between the samples that one is predicted from: more of a fast signal would span too little."""
ORDER_MAX = 64
PART = 3
"""So many times the span of one prediction has to be there to learn from."""
LOUDER = 2.0
"""Than all before it nothing is predicted by more: a peak may lie between two samples."""
REGULAR = 1e-9
"""Of the signal's power, 90 dB down: what is fainter is not learnt, and nothing is divided by 0."""


def predict(samples: Samples, count: int, rate_hz: int) -> Samples:
    """Say how a signal goes on.

    Parameters
    ----------
    samples : float32, shape (n,)
        The last of it.
    count : int
        How many more are wanted.
    rate_hz : int
        Of the signal.

    Returns
    -------
    more : float32, shape (count,)
        At most twice as loud as the peaks of *samples*; if these are too few to learn from, the
        last of them, held: silence would tear a hole into what is joined there.

    Notes
    -----
    Least squares over both directions of time (the modified covariance method; Marple, *Digital
    Spectral Analysis*, section 8.5).  10 ms of a 16-bit sine go on for another 10 ms with an error
    100 dB down; of noise there is little to say, and it fades.
    """
    lag = max(1, round(rate_hz / SPACING_HZ))
    order = min(ORDER_MAX, len(samples) // (PART * lag))
    more = np.zeros(count, np.float32)
    if not order:
        more[:] = samples[-1] if len(samples) else 0.0
        return more
    exact = samples.astype(np.float64)
    weights = _weights(exact, order, lag)
    highest = LOUDER * np.abs(exact).max()
    known = np.concatenate([exact[len(exact) - order * lag :], np.zeros(count + lag)])
    for at in range(0, count, lag):
        # A row for each of the steps that one multiple of the lag holds.
        rows = known[at : at + order * lag].reshape(order, lag)
        step = np.clip(weights @ rows, -highest, highest)
        known[at + order * lag : at + (order + 1) * lag] = step
    more[:] = known[order * lag : order * lag + count]
    return more


def _weights(signal: np.ndarray, order: int, lag: int) -> np.ndarray:
    """How much of each of the samples before, oldest first, is in the next."""
    windows = sliding_window_view(signal, order * lag + 1)[:, ::lag]
    before = np.concatenate([windows[:, :-1], windows[:, :0:-1]])
    after = np.concatenate([windows[:, -1], windows[:, 0]])
    products = before.T @ before
    products[np.diag_indices(order)] += REGULAR * np.trace(products) / order + 1e-20
    weights: np.ndarray = np.linalg.solve(products, before.T @ after)
    return weights
