"""Another sample rate for a stream that arrives in pieces."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from workers import lowpass
from workers.codecs import Samples
from workers.spectra import Chirp, Grid, Layout, Same, Synthesis

HOP_MS = 10
"""Shorter costs more transforms, longer holds more back; clients send multiples of 10 ms."""

GRID_MS_MAX = 20
"""Rates that need a longer hop to meet on a grid, as 8001 and 24000 Hz do, go without one."""


@dataclass(frozen=True, slots=True, eq=False)
class ResamplerState:
    """What a stream is between two calls.  Never changed, so that a call may be tried again.

    Attributes
    ----------
    pending : float32, shape (overlap <= p < overlap + hop,)
        The end of the input: what the next block begins with.
    received : int
        Input samples so far.
    """

    pending: Samples
    received: int


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What one call adds to a stream, cut into blocks and ready for `Resampler.convert`.

    Attributes
    ----------
    blocks : float32, shape (count, size)
        count may be 0.
    start : int
        Number of the first block's first input sample.
    stop : int or None
        Number of the output sample to end before, where the stream ends.
    """

    blocks: Samples
    start: int
    stop: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """Converts streams from one rate to another; holds nothing of any stream.

    The output does not depend on where the input was cut: joined, it equals the whole signal
    converted at once, bit for bit.  It is aligned with the input in time, and flushed it is exactly
    ``ceil(n * out_hz / in_hz)`` samples for n of input.  Equal rates give back the samples.

    `run` and `flush` convert one stream.  For many streams, `cut` each and `convert` all together:
    the same samples at a third of the cost.

    Notes
    -----
    Overlap-save in fixed blocks of float32 (Oppenheim and Schafer, *Discrete-Time Signal
    Processing*, section 8.7.3) with the linear-phase filter of `workers.lowpass`: flat to 0.9 of
    the lower Nyquist frequency.  A sine keeps an SNR of 130 dB, aliases are 120 dB down or more.
    """

    layout: Layout
    synthesis: Synthesis

    @staticmethod
    @lru_cache(maxsize=64)
    def between(in_hz: int, out_hz: int) -> "Resampler":
        """Design the conversion of any two whole rates; a few milliseconds, then remembered."""
        if in_hz == out_hz:
            return Resampler(Layout(in_hz, out_hz, hop=1, reach=0, size=1), Same())
        reach = lowpass.half_length(in_hz, min(in_hz, out_hz))
        unit = in_hz // math.gcd(in_hz, out_hz)
        on_grid = unit * 1000 <= in_hz * GRID_MS_MAX
        step = unit if on_grid else 1
        hop = math.ceil(in_hz * HOP_MS / 1000 / step) * step
        size = fft.next_fast_len(math.ceil((hop + 2 * reach) / step), real=True) * step
        layout = Layout(in_hz, out_hz, hop, reach, size)
        return Resampler(layout, Grid.of(layout) if on_grid else Chirp.of(layout))

    @property
    def delay_samples_in(self) -> int:
        """The most input that is held back: 13.8 ms for 48 kHz -> 24 kHz, of it 3.8 ms always."""
        return self.layout.hop - 1 + self.layout.reach

    def start(self) -> ResamplerState:
        """Return the state of a stream that has not begun."""
        return ResamplerState(np.zeros(self.layout.overlap, np.float32), 0)

    def run(self, state: ResamplerState, samples: Samples) -> tuple[Samples, ResamplerState]:
        """Convert the next piece of a stream.

        Parameters
        ----------
        state : ResamplerState
            What the previous call returned; ``start()`` to begin with.
        samples : float32, shape (n,), full scale +-1.0
            At the input rate, finite.  n may be 0 and may change every call.

        Returns
        -------
        converted : float32, shape (m,), full scale +-1.0, not clipped
            At the output rate.  m depends on how many blocks *samples* completed; may be 0.
        state : ResamplerState
            For the next call.
        """
        piece, state = self.cut(state, samples)
        return self.convert([piece])[0], state

    def flush(self, state: ResamplerState) -> tuple[Samples, ResamplerState]:
        """End a stream: silence follows it until its last sample is out.

        Returns
        -------
        converted : float32, shape (m,)
            What was held back.
        state : ResamplerState
            That of a new stream.
        """
        piece, state = self.cut_end(state)
        return self.convert([piece])[0], state

    def cut(self, state: ResamplerState, samples: Samples) -> tuple[Piece, ResamplerState]:
        """Do the first half of `run`: all that the stream's next state depends on."""
        layout = self.layout
        pending = np.concatenate((state.pending, samples))
        received = state.received + len(samples)
        count = (len(pending) - layout.overlap) // layout.hop
        # Rows that overlap in memory, not copied.
        blocks = np.ndarray((count, layout.size), np.float32, pending, strides=(4 * layout.hop, 4))
        # A copy, lest the state keep all of a long piece alive.
        rest = pending[count * layout.hop :].copy()
        return Piece(blocks, received - len(pending)), ResamplerState(rest, received)

    def cut_end(self, state: ResamplerState) -> tuple[Piece, ResamplerState]:
        """Do the first half of `flush`."""
        layout = self.layout
        piece, _ = self.cut(state, np.zeros(self.delay_samples_in + 1, np.float32))
        stop = -(-state.received * layout.out_hz // layout.in_hz)
        start = state.received - len(state.pending)
        return Piece(piece.blocks, start, stop), self.start()

    def convert(self, pieces: Sequence[Piece]) -> list[Samples]:
        """Do the second half of `run` and `flush`, for any number of streams at once.

        Parameters
        ----------
        pieces : sequence of Piece
            Of this resampler, in any order.

        Returns
        -------
        converted : list of float32, shape (m,)
            For each piece what `run` or `flush` returns.
        """
        hop = self.layout.hop
        filled = [piece for piece in pieces if len(piece.blocks)]
        if not filled:
            return [np.zeros(0, np.float32) for _ in pieces]
        blocks = (
            filled[0].blocks if len(filled) == 1 else np.concatenate([p.blocks for p in filled])
        )
        starts = (range(p.start, p.start + len(p.blocks) * hop, hop) for p in filled)
        joined = self.synthesis.synthesise(blocks, itertools.chain.from_iterable(starts))
        converted, taken = [], 0
        for piece in pieces:
            first, last = self._outputs(piece)
            # Before the first sample of input there is no output.
            begin = taken + max(0, -first)
            taken += last - first
            end = taken if piece.stop is None else taken - (last - piece.stop)
            converted.append(joined[begin:end])
        return converted

    def _outputs(self, piece: Piece) -> tuple[int, int]:
        layout = self.layout
        after = piece.start + len(piece.blocks) * layout.hop
        return layout.first_output(piece.start), layout.first_output(after)
