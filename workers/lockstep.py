"""Streams in step: equal chunks of many streams as one array, a stream a row.

Callers send chunks of 10, 20 or 100 ms, so under load most of what a batch holds has one shape:
one chunk of one size for each stream, and as much held back from before.  Then no sample needs a
place of its own to be reckoned, and each step is one call for all of them.
"""

from collections.abc import Sequence

import numpy as np

from workers.codecs import Samples
from workers.resample import Resampler
from workers.spectra import Grid
from workers.stream_state import ResamplerState
from workers.tape import WIDTH


def step(
    resampler: Resampler, states: Sequence[ResamplerState], clips: Samples
) -> tuple[Samples, list[ResamplerState]] | None:
    """Convert the next clip of each stream, if the streams are in step.

    Parameters
    ----------
    resampler : Resampler
        Of all the streams.
    states : sequence of ResamplerState, length n
        One for each stream.
    clips : float32, shape (n, frames), full scale +-1.0
        The next samples of each.

    Returns
    -------
    converted : float32, shape (n, m), full scale +-1.0, not clipped
        To the bit what `Resampler.run` gives for each.
    states : list of ResamplerState
        For the next call.

    None if the streams are not in step: they hold back different amounts, one of them has only
    begun, or their rates share no grid.
    """
    grid, layout = resampler.synthesis, resampler.layout
    pendings = [state.pending for state in states]
    received = [state.received for state in states]
    if (
        not isinstance(grid, Grid)
        or min(received) < layout.size
        or len(set(map(len, pendings))) > 1
    ):
        return None
    rows, frames = clips.shape
    held = len(pendings[0]) // WIDTH
    signal = np.empty((rows, held + frames), np.float32)
    signal[:, :held] = np.frombuffer(b"".join(pendings), np.float32).reshape(rows, held)
    signal[:, held:] = clips
    blocks = (held + frames - layout.overlap) // layout.hop
    converted = _convert(grid, signal, blocks)
    rest = signal[:, blocks * layout.hop :]
    width = WIDTH * rest.shape[1]
    pending = rest.tobytes()
    after = [
        ResamplerState(pending[at : at + width], count + frames)
        for at, count in zip(range(0, len(pending), width), received, strict=True)
    ]
    return converted, after


def _convert(grid: Grid, signal: Samples, blocks: int) -> Samples:
    rows = len(signal)
    if not blocks:
        return np.empty((rows, 0), np.float32)
    row_bytes, sample_bytes = signal.strides
    layout = grid.layout
    # The blocks of a stream overlap in memory.
    strides = (row_bytes, sample_bytes * layout.hop, sample_bytes)
    stretches = np.ndarray((rows, blocks, layout.size), np.float32, signal, strides=strides)
    return grid.convert(stretches).reshape(rows, -1)
