"""Another sample rate for a stream that arrives in pieces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import fft

from workers import lowpass
from workers.codecs import Samples
from workers.spectra import Chirp, Grid, Layout, Same, ShiftedGrid, Synthesis
from workers.stream_state import ResamplerState
from workers.tape import WIDTH, Clip, Tape

HOP_MS = 10
"""Shorter costs more transforms, longer holds more back; clients send multiples of 10 ms."""

GRID_MS_MAX = 20
"""Rates that need a longer hop to meet on a grid, as 8001 and 24000 Hz do, go without one."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """Converts streams from one rate to another; holds nothing of any stream.

    The output does not depend on where the input was cut: joined, it equals the whole signal
    converted at once, bit for bit.  It is aligned with the input in time, and flushed it is exactly
    ``ceil(n * out_hz / in_hz)`` samples for n of input.  Equal rates give back the samples.

    `run` and `flush` convert one stream, `run_all` many at a small part of the cost.

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
        layout, on_grid = _layout(in_hz, out_hz)
        return Resampler(layout, Grid.of(layout) if on_grid else Chirp.of(layout))

    @staticmethod
    @lru_cache(maxsize=64)
    def shifted(in_hz: int, out_hz: int, late: Fraction) -> "Resampler":
        """The same with each output sample by *late* of one later; of equal rates, too."""
        layout, on_grid = _layout(in_hz, out_hz)
        return Resampler(
            layout, ShiftedGrid.late(layout, late) if on_grid else Chirp.of(layout, late)
        )

    @property
    def delay_samples_in(self) -> int:
        """The most input that is held back: 13.8 ms for 48 kHz -> 24 kHz, of it 3.8 ms always."""
        return self.layout.delay

    def start(self) -> ResamplerState:
        """Return the state of a stream that has not begun."""
        return ResamplerState(bytes(WIDTH * self.layout.overlap), 0)

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
        return self._run_one(state, samples.astype(np.float32, copy=False).tobytes())

    def flush(self, state: ResamplerState) -> tuple[Samples, ResamplerState]:
        """End a stream: silence follows it until its last sample is out.

        Returns
        -------
        converted : float32, shape (m,)
            What was held back.
        state : ResamplerState
            That of a new stream.
        """
        return self._run_one(state, None)

    def run_all(
        self, streams: Sequence[tuple[ResamplerState, Sequence[Clip | None]]]
    ) -> tuple[Samples, list[slice], list[ResamplerState]]:
        """Convert the next clips of many streams.

        Parameters
        ----------
        streams : sequence of (ResamplerState, sequence of Clip or None)
            The state of each, and its clips in order.  None ends a stream; another begins there.

        Returns
        -------
        converted : float32, shape (m,), full scale +-1.0, not clipped
            Of all streams, at the output rate.
        cuts : list of slice
            Where in *converted* lies what `run` or `flush` returns for each clip, in order.
        states : list of ResamplerState
            Of each stream, for the next call.
        """
        tape = Tape(self.layout)
        for state, clips in streams:
            tape.begin(state.pending, state.received)
            for clip in clips:
                if clip is None:
                    tape.put_end()
                else:
                    tape.put(clip)
            tape.leave()
        signal = b"".join(tape.parts)
        converted = self.synthesis.synthesise(np.frombuffer(signal, np.float32), tape.runs)
        # Not `signal[rest]`: mypyc takes that for one byte.
        states = [
            ResamplerState(signal[rest.start : rest.stop], received)
            for rest, received in tape.rests
        ]
        return converted, tape.cuts, states

    def _run_one(self, state: ResamplerState, clip: Clip | None) -> tuple[Samples, ResamplerState]:
        converted, [cut], [state] = self.run_all([(state, [clip])])
        return converted[cut], state


def _layout(in_hz: int, out_hz: int) -> tuple[Layout, bool]:
    """And whether input and output meet on a grid within every block of it."""
    reach = lowpass.half_length(in_hz, min(in_hz, out_hz))
    unit = in_hz // math.gcd(in_hz, out_hz)
    on_grid = unit * 1000 <= in_hz * GRID_MS_MAX
    step = unit if on_grid else 1
    hop = math.ceil(in_hz * HOP_MS / 1000 / step) * step
    size = fft.next_fast_len(math.ceil((hop + 2 * reach) / step), real=True) * step
    return Layout(in_hz, out_hz, hop, reach, size), on_grid
