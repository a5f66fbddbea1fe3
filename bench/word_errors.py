"""What a telephone line costs in words: through Parley's workers, and through soxr.

README.md says what is counted, and how.
"""

import argparse
import io

import numpy as np
import soundfile
import soxr

from bench.common import ROOT, print_table
from local_realtime.ears.moonshine import Moonshine
from local_realtime.sound.resampling import heard
from tests.local_realtime.wording import TEXTS, errors, words
from workers.blocks import Flush
from workers.chain import Chain
from workers.formats import AudioFormat

LINE_HZ, MODEL_HZ = 8_000, 24_000
CHUNK_BYTES = 160
"""20 ms of a telephone line."""


def recording(name: str) -> tuple[np.ndarray, int]:
    return soundfile.read(ROOT / "tests" / "data" / f"{name}.wav", dtype="float32")


def on_the_line(samples: np.ndarray, rate_hz: int) -> bytes:
    """As mu-law at 8 kHz, by libraries that are not ours."""
    narrow = soxr.resample(samples, rate_hz, LINE_HZ, quality="VHQ")
    file = io.BytesIO()
    soundfile.write(file, narrow, LINE_HZ, subtype="ULAW", format="RAW")
    return file.getvalue()


def through_parley(line: bytes) -> bytes:
    """As a session does it, 20 ms after 20 ms."""
    source, target = AudioFormat("pcmu", LINE_HZ), AudioFormat("pcm16", MODEL_HZ)
    chain = Chain.between(source, target, as_base64=False)
    state, parts = chain.start(), []
    for at in range(0, len(line), CHUNK_BYTES):
        block, state = chain.run(state, line[at : at + CHUNK_BYTES])
        parts.append(block.audio)
    block, _ = chain.run(state, Flush())
    return b"".join([*parts, block.audio])


def through_soxr(line: bytes) -> bytes:
    samples, _ = soundfile.read(
        io.BytesIO(line), samplerate=LINE_HZ, channels=1, subtype="ULAW", format="RAW",
        dtype="float32",
    )  # fmt: skip
    return as_pcm16(soxr.resample(samples, LINE_HZ, MODEL_HZ, quality="HQ"))


def untouched(samples: np.ndarray, rate_hz: int) -> bytes:
    return as_pcm16(soxr.resample(samples, rate_hz, MODEL_HZ, quality="VHQ"))


def as_pcm16(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def with_noise(samples: np.ndarray, snr_db: float | None, seed: int) -> np.ndarray:
    """Add white noise that far below the speech; None adds nothing."""
    if snr_db is None:
        return samples
    noise = np.random.default_rng(seed).standard_normal(len(samples)).astype(np.float32)
    return samples + noise * np.float32(samples.std() * 10 ** (-snr_db / 20))


def measure(shifts: int = 1, snr_db: float | None = None) -> dict[str, list[int]]:
    """Return the wrong words of each reading, by way.

    The recordings are read *shifts* times, each time begun some milliseconds later, since words at
    the edge of being understood come and go with less than that.
    """
    model = Moonshine()
    found: dict[str, list[int]] = {"wide band": [], "line, Parley": [], "line, soxr": []}
    for shift in range(shifts):
        for name, text in TEXTS.items():
            samples, rate_hz = recording(name)
            samples = np.concatenate([np.zeros(shift * 111, np.float32), samples])
            samples = with_noise(samples, snr_db, shift)
            line = on_the_line(samples, rate_hz)
            ways = (untouched(samples, rate_hz), through_parley(line), through_soxr(line))
            for wrong, pcm in zip(found.values(), ways, strict=True):
                wrong.append(errors(text, model.read(heard(pcm, MODEL_HZ))))
    return found


def rate(wrong: list[int]) -> float:
    """The part of all words that was wrong."""
    per_reading = sum(len(words(text)) for text in TEXTS.values()) / len(TEXTS)
    return sum(wrong) / (per_reading * len(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shifts", type=int, default=5, help="readings of each recording")
    parser.add_argument("--snr-db", type=float, nargs="*", default=[10, 5], help="noisy, too")
    options = parser.parse_args()
    rows = []
    for snr_db in (None, *options.snr_db):
        found = measure(options.shifts, snr_db)
        noise = "none" if snr_db is None else f"{-snr_db:g} dB"
        rows += [
            [noise, way, f"{rate(wrong):.1%}", str(sum(wrong))] for way, wrong in found.items()
        ]
    print_table(["noise", "", "words wrong", "number"], rows)


if __name__ == "__main__":
    main()
