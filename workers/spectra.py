"""Blocks of a signal, through their spectrum, to samples at another rate.

Two ways to the same result.  `Grid` is the fast one, for rates whose ratio puts input and output
samples on one grid within every block; `Chirp` takes any two rates.  `Same` is for equal ones.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workers import lowpass
from workers.codecs import Samples

ROWS_MAX = 128
"""Blocks in one transform: a second's, and more.  Beyond it arrays leave the processor's cache."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where blocks lie on the input, and which of their output is valid.  In input samples.

    Each block begins *hop* after the one before and is *size* long.  A circular convolution spoils
    *reach* at both ends, so a block gives the output of *hop* samples that ends *reach* before its
    own end.
    """

    in_hz: int
    out_hz: int
    hop: int
    reach: int
    size: int

    @property
    def overlap(self) -> int:
        """How much a block shares with the one before."""
        return self.size - self.hop

    @property
    def delay(self) -> int:
        """The most input whose output may be held back."""
        return self.hop - 1 + self.reach

    def first_output(self, start: int) -> int:
        """Return the number of the first output sample of the block that starts at *start*."""
        return -((self.reach - self.overlap - start) * self.out_hz // self.in_hz)


class Run(NamedTuple):
    """Consecutive blocks of one stream.

    Attributes
    ----------
    at : int
        Where the first block begins in the signal that holds the stream.
    start : int
        Number of that sample in its stream; negative before the stream began.
    blocks : int
        How many; may be 0.
    """

    at: int
    start: int
    blocks: int


class Synthesis(Protocol):
    """Converts blocks of input."""

    def synthesise(self, signal: Samples, runs: Sequence[Run]) -> Samples:
        """Convert blocks, of one stream or of many.

        Parameters
        ----------
        signal : float32, shape (n,)
            Streams, end to end.
        runs : sequence of Run
            Where the blocks lie in it.

        Returns
        -------
        samples : float32, shape (m,)
            The valid output of each block, joined.  The same for a block alone and among others,
            to the last bit.
        """
        ...


@dataclass(frozen=True, slots=True)
class Same:
    """Synthesis for equal rates: the samples, untouched.  Blocks of one sample leave out none."""

    def synthesise(self, signal: Samples, _runs: Sequence[Run]) -> Samples:
        """See `Synthesis`."""
        return signal


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Synthesis where a block is a whole number of output samples: its spectrum cut or padded.

    Exact because every product is of two real numbers, rounded once, and because pocketfft does
    the same operations in the same order for one row and for several at a time.
    """

    layout: Layout
    gain: NDArray[np.float32]
    size_out: int
    first_valid: int
    after_valid: int

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Design for *layout*, whose hop and size are whole numbers of output samples."""
        size_out = layout.size * layout.out_hz // layout.in_hz
        gain = _gain(layout, min(layout.size, size_out) // 2 + 1)
        gain *= layout.out_hz / layout.in_hz
        return cls(
            layout,
            # Twice, for the real and the imaginary part of a bin.
            gain=np.repeat(gain, 2).astype(np.float32),
            size_out=size_out,
            first_valid=layout.first_output(0),
            after_valid=layout.first_output(layout.hop),
        )

    def synthesise(self, signal: Samples, runs: Sequence[Run]) -> Samples:
        """See `Synthesis`."""
        hop = self.layout.hop
        places = [range(r.at, r.at + r.blocks * hop, hop) for r in runs if r.blocks]
        if not places:
            return np.zeros(0, np.float32)
        blocks = self._blocks(signal, places)
        rows = range(0, len(blocks), ROWS_MAX)
        parts = [self.convert(blocks[row : row + ROWS_MAX]).reshape(-1) for row in rows]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def convert(self, blocks: Samples) -> Samples:
        """Convert blocks, each for itself.

        Parameters
        ----------
        blocks : float32, shape (..., size)
            Input.

        Returns
        -------
        samples : float32, shape (..., m)
            The valid output of each.
        """
        spectra = fft.rfft(blocks).view(np.float32)[..., : len(self.gain)]
        spectra *= self.gain
        signals: NDArray[Any] = fft.irfft(spectra.view(np.complex64), n=self.size_out)
        return signals[..., self.first_valid : self.after_valid]

    def _blocks(self, signal: Samples, places: Sequence[range]) -> Samples:
        size = self.layout.size
        # Every stretch of the signal, overlapping in memory.
        stretches = np.ndarray((len(signal) - size + 1, size), np.float32, signal, strides=(4, 4))
        if len(places) == 1:
            # A single run is evenly spaced, and so need not be copied.
            [place] = places
            return stretches[place.start : place.stop : place.step]
        return stretches[list(itertools.chain.from_iterable(places))]


@dataclass(frozen=True, slots=True, eq=False)
class ShiftedGrid(Grid):
    """The same for output that lies between the samples of the grid."""

    turned: NDArray[np.complex64]
    """The gain of each bin, and how far it turns in the time between."""

    @classmethod
    def late(cls, layout: Layout, late: Fraction) -> Self:
        """Design for *layout*, with each output sample by *late* of a sample later."""
        plain = Grid.of(layout)
        turned = plain.gain[::2] * _turn(np.arange(len(plain.gain) // 2), late / plain.size_out)
        return cls(
            layout,
            plain.gain,
            plain.size_out,
            plain.first_valid,
            plain.after_valid,
            turned.astype(np.complex64),
        )

    def convert(self, blocks: Samples) -> Samples:
        """See `Grid.convert`."""
        spectra = fft.rfft(blocks)[..., : len(self.turned)] * self.turned
        signals: NDArray[Any] = fft.irfft(spectra, n=self.size_out)
        return signals[..., self.first_valid : self.after_valid]


@dataclass(frozen=True, slots=True, eq=False)
class Chirp:
    """Synthesis at any spacing: the block's spectrum evaluated by the chirp z-transform.

    Two to four times the cost of `Grid` for a short piece, twenty times for a long one.  Rabiner,
    Schafer and Rader, *The Chirp z-Transform Algorithm*, 1969, in Bluestein's form:
    ``2 * k * m = k**2 + m**2 - (m - k)**2`` makes it a convolution.
    """

    layout: Layout
    gain: NDArray[np.complex128]
    twist: NDArray[np.complex128]
    kernel: NDArray[np.complex128]
    late: Fraction = Fraction(0)
    """By how much of a sample each output sample lies later."""

    @classmethod
    def of(cls, layout: Layout, late: Fraction = Fraction(0)) -> Self:
        """Design for *layout*, whatever its rates."""
        lower_hz = min(layout.in_hz, layout.out_hz)
        bins = layout.size * lower_hz // layout.in_hz // 2 + 1
        outputs = layout.hop * layout.out_hz // layout.in_hz + 1
        half_step = Fraction(layout.in_hz, 2 * layout.size * layout.out_hz)
        chirp = _turn(np.arange(max(bins, outputs)) ** 2, half_step)
        # 2 for the negative frequencies, which a real signal need not store; 0 Hz has none.
        gain = _gain(layout, bins) * (2 / layout.size)
        gain[0] /= 2
        length = fft.next_fast_len(bins + outputs - 1)
        wave = np.zeros(length, np.complex128)
        wave[:outputs] = chirp[:outputs].conj()
        wave[length - bins + 1 :] = chirp[bins - 1 : 0 : -1].conj()
        return cls(layout, gain * chirp[:bins], chirp[:outputs], fft.fft(wave), late)

    def synthesise(self, signal: Samples, runs: Sequence[Run]) -> Samples:
        """See `Synthesis`."""
        hop, size = self.layout.hop, self.layout.size
        parts = [np.zeros(0, np.float32)]
        for run in runs:
            for begin in range(0, run.blocks * hop, hop):
                block = signal[run.at + begin : run.at + begin + size]
                parts.append(self._synthesise_one(block, run.start + begin))
        return np.concatenate(parts)

    def _synthesise_one(self, block: Samples, start: int) -> Samples:
        layout = self.layout
        first = layout.first_output(start)
        count = layout.first_output(start + layout.hop) - first
        ahead = Fraction(first * layout.in_hz - start * layout.out_hz, layout.out_hz)
        ahead += self.late * layout.in_hz / layout.out_hz
        spectrum = fft.rfft(block.astype(np.float64))[: len(self.gain)] * self.gain
        spectrum *= _turn(np.arange(len(self.gain)), ahead / layout.size)
        convolved = fft.ifft(fft.fft(spectrum, n=len(self.kernel)) * self.kernel)
        return (convolved[:count] * self.twist[:count]).real.astype(np.float32)


def _gain(layout: Layout, bins: int) -> NDArray[np.float64]:
    frequencies_hz = np.arange(bins) * np.float64(layout.in_hz / layout.size)
    lower_hz, higher_hz = sorted((layout.in_hz, layout.out_hz))
    return lowpass.response(frequencies_hz, higher_hz, lower_hz)


def _turn(steps: NDArray[np.int64], turns: Fraction) -> NDArray[np.complex128]:
    """Return ``exp(2j * pi * steps * turns)``, reduced to one turn in whole numbers."""
    part = steps * turns.numerator % turns.denominator
    angles = part * np.float64(2 * np.pi / turns.denominator)
    return np.cos(angles) + 1j * np.sin(angles)
