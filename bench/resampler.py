"""The resampler's speed and quality, beside soxr and scipy's `resample_poly`.

README.md says what is counted, and how.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import resample_poly

from bench.common import print_table
from workers.resample import Resampler

Signal = NDArray[np.float32]

RATES_HZ = [48_000, 44_100, 16_000, 8_000]
CUT_RATES_HZ = [8_000, 8_001, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
                96_000, 192_000]  # fmt: skip
MODEL_HZ = 24_000
STACKED = 16
SNR_PARTS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.85)
"""Of the lower Nyquist frequency."""


def noise(length: int) -> Signal:
    return np.random.default_rng(1).uniform(-0.5, 0.5, length).astype(np.float32)


def sine(frequency_hz: float, rate_hz: int, length: int) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * frequency_hz * np.arange(length) / rate_hz)


def whole(samples: Signal, in_hz: int, out_hz: int, cuts: Sequence[int] = ()) -> Signal:
    """Convert a whole signal, cut at *cuts* on its way in."""
    resampler = Resampler.between(in_hz, out_hz)
    state, parts = resampler.start(), []
    for piece in np.split(samples, cuts):
        part, state = resampler.run(state, piece)
        parts.append(part)
    part, _ = resampler.flush(state)
    return np.concatenate([*parts, part])


def times_us(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time each way in short turns, one after the other; return medians."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begin_s = time.perf_counter()
            way()
            found[name].append((time.perf_counter() - begin_s) * 1e6)
    return {name: statistics.median(values) for name, values in found.items()}


def second_us(in_hz: int, rounds: int) -> dict[str, float]:
    """One second of speech, at once, from its first sample to its last."""
    samples, resampler = noise(in_hz), Resampler.between(in_hz, MODEL_HZ)
    return times_us(
        {
            "ours": lambda: resampler.run_all([(resampler.start(), [samples.tobytes(), None])]),
            "soxr HQ": lambda: soxr.resample(samples, in_hz, MODEL_HZ, quality="HQ"),
        },
        rounds,
    )


def chunk_us(in_hz: int, rounds: int) -> dict[str, float]:
    """20 ms of speech: alone, in a batch of 16 streams (for each), and as others do it."""
    samples = noise(in_hz // 50)
    resampler = Resampler.between(in_hz, MODEL_HZ)
    _, state = resampler.run(resampler.start(), samples)
    batch = [(state, [samples.tobytes()])] * STACKED
    stream = soxr.ResampleStream(in_hz, MODEL_HZ, 1, dtype="float32", quality="HQ")
    common = math.gcd(in_hz, MODEL_HZ)
    found = times_us(
        {
            "ours": lambda: resampler.run(state, samples),
            "batch": lambda: resampler.run_all(batch),
            "resample_poly": lambda: resample_poly(samples, MODEL_HZ // common, in_hz // common),
            "soxr stream": lambda: stream.resample_chunk(samples),
        },
        rounds,
    )
    return found | {"batch": found["batch"] / STACKED}


def decibels(signal: NDArray, reference: NDArray) -> float:
    return 10 * math.log10(
        float(np.mean(np.square(signal, dtype=np.float64)))
        / float(np.mean(np.square(reference, dtype=np.float64)))
    )


def snr_db(convert: Callable[[Signal, int, int], Signal], in_hz: int, out_hz: int) -> float:
    """The worst over the passband, without the first and last 50 ms.

    Of what is not the sine: its gain and phase are fitted, as they are in any measurement of
    distortion.  That ours are 1 and 0 is what the tests hold.
    """
    worst = math.inf
    for part in SNR_PARTS:
        frequency_hz = part * min(in_hz, out_hz) / 2
        converted = convert(sine(frequency_hz, in_hz, in_hz).astype(np.float32), in_hz, out_hz)
        steady = converted[out_hz // 20 : -out_hz // 20].astype(np.float64)
        angles = 2 * np.pi * frequency_hz / out_hz * np.arange(len(steady))
        basis = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        fitted = basis @ np.linalg.lstsq(basis, steady)[0]
        worst = min(worst, -decibels(steady - fitted, fitted))
    return worst


def alias_db(convert: Callable[[Signal, int, int], Signal]) -> float:
    """What a tone of 14 kHz leaves behind from 48 to 24 kHz, where it has no place."""
    tone = sine(14_000, 48_000, 48_000).astype(np.float32)
    left = convert(tone, 48_000, MODEL_HZ)
    return decibels(left[1200:-1200], tone)


def soxr_hq(samples: Signal, in_hz: int, out_hz: int) -> Signal:
    return soxr.resample(samples, in_hz, out_hz, quality="HQ")


def poly(samples: Signal, in_hz: int, out_hz: int) -> Signal:
    common = math.gcd(in_hz, out_hz)
    return resample_poly(samples, out_hz // common, in_hz // common)


def cutting_error(rates_hz: Sequence[int] = CUT_RATES_HZ) -> float:
    """The largest difference that any cutting makes: each rate to the model's and back."""
    draw, worst = np.random.default_rng(2), 0.0
    for rate_hz in rates_hz:
        for in_hz, out_hz in ((rate_hz, MODEL_HZ), (MODEL_HZ, rate_hz)):
            samples = noise(in_hz // 4)
            cuts = np.sort(draw.integers(0, len(samples), 40))
            difference = whole(samples, in_hz, out_hz) - whole(samples, in_hz, out_hz, cuts)
            worst = max(worst, float(np.abs(difference).max()))
    return worst


def print_speed(rounds: int) -> None:
    rows = []
    for in_hz in RATES_HZ:
        second, chunk = second_us(in_hz, rounds), chunk_us(in_hz, rounds * 10)
        rows.append(
            [
                str(in_hz),
                *(f"{second[way]:.0f}" for way in ("ours", "soxr HQ")),
                f"{second['ours'] / second['soxr HQ']:.2f}",
                *(f"{chunk[way]:.1f}" for way in ("ours", "batch", "soxr stream", "resample_poly")),
                f"{chunk['ours'] / chunk['resample_poly']:.2f}",
                f"{chunk['batch'] / chunk['resample_poly']:.2f}",
            ]
        )
    head = ["in Hz", "1 s us", "soxr HQ", "ratio", "20 ms us", f"of {STACKED}", "soxr stream"]
    print_table([*head, "resample_poly", "ratio", "ratio of a batch"], rows)


def print_quality() -> None:
    ways = {"ours": whole, "soxr HQ": soxr_hq, "resample_poly": poly}
    rows = [
        [
            name,
            *(f"{snr_db(way, in_hz, MODEL_HZ):.0f}" for in_hz in RATES_HZ),
            f"{alias_db(way):.0f}",
        ]
        for name, way in ways.items()
    ]
    print_table(["", *(f"SNR {in_hz} dB" for in_hz in RATES_HZ), "alias dB"], rows)
    print(f"largest difference by cutting, {len(CUT_RATES_HZ)} rates both ways: {cutting_error()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    print_speed(options.rounds)
    print()
    print_quality()


if __name__ == "__main__":
    main()
