"""Whether somebody who pauses has finished, by smart-turn v3.  Thread: any."""

import re

import numpy as np
from numpy.typing import NDArray

from local_realtime.ears.packages import model_file, open_model
from local_realtime.ears.vad import PAUSE_MS
from local_realtime.sound.resampling import HEARING_HZ, Samples

PACKAGE = "pipecat"
MODEL = "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"

HEARD_SAMPLES = 8 * HEARING_HZ
WINDOW_SAMPLES = 400
STEP_SAMPLES = 160
BANDS = 80
FLOOR = 1e-10
RANGE_DECADES = 8.0
"""Those of Whisper, of whose encoder the model is made (Radford et al. 2022, section 2.2)."""


SILENCE_SAMPLES = 200 * HEARING_HZ // 1000
"""It was trained on speech with so much silence behind; with more it is sooner content."""

GO_ON = frozenset(
    [
        *("a", "an", "the", "and", "or", "but", "nor", "because", "if", "as", "than", "very"),
        *("of", "to", "in", "on", "at", "by", "for", "with", "from", "into", "about", "between"),
        *("my", "your", "our", "their", "its", "mr", "mrs"),
    ]
)
"""After these words something follows, unless they end a question."""


def open_turns() -> "TurnModel | None":
    """The model; None where its package is not installed."""
    try:
        return TurnModel()
    except ImportError:
        return None


def wants_more(text: str) -> bool:
    """Whether *text* ends in a word that no sentence ends in."""
    words = re.findall(r"[\w']+", text.lower())
    return bool(words) and words[-1] in GO_ON and not text.rstrip().endswith("?")


class TurnModel:
    """Hears the intonation, not only the words: 23 languages."""

    def __init__(self) -> None:
        self._session = open_model(model_file(PACKAGE, MODEL))
        self._name = self._session.get_inputs()[0].name

    def finished(self, signal: Samples) -> float:
        """The probability that the speaker has finished.

        *signal*, at 16 kHz, ends in the silence of `vad.PAUSE_MS`.
        """
        surplus = PAUSE_MS * HEARING_HZ // 1000 - SILENCE_SAMPLES
        features = log_mel(padded(signal[: len(signal) - surplus]))[None]
        probability = self._session.run(None, {self._name: features})[0]
        return float(np.asarray(probability).reshape(-1)[0])


def padded(signal: Samples) -> Samples:
    """The last 8 s, with silence before what is shorter; of mean 0 and variance 1."""
    heard = signal[-HEARD_SAMPLES:]
    whole = np.pad(heard, (HEARD_SAMPLES - len(heard), 0))
    return np.asarray((whole - whole.mean()) / np.sqrt(whole.var() + 1e-7), np.float32)


def log_mel(signal: Samples) -> Samples:
    """The spectrogram as Whisper sees it: float32, shape (80, len(signal) / 160).

    Frames of 25 ms every 10 ms, centred, the ends mirrored; the logarithms are cut 8 decades below
    the loudest and scaled to about 1.
    """
    half = WINDOW_SAMPLES // 2
    mirrored = np.pad(signal.astype(np.float64), half, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(mirrored, WINDOW_SAMPLES)[::STEP_SAMPLES][:-1]
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    decades = np.log10(np.maximum(power @ mel_bands(), FLOOR)).T
    cut = np.maximum(decades, decades.max() - RANGE_DECADES)
    return np.asarray(cut / 4 + 1, np.float32)


def mel_bands() -> NDArray[np.float64]:
    """Triangles of equal area, shape (201, 80): Slaney's Auditory Toolbox (1998), to 8 kHz."""
    edges = from_mel(np.linspace(0, to_mel(HEARING_HZ / 2), BANDS + 2))
    bins = np.linspace(0, HEARING_HZ / 2, WINDOW_SAMPLES // 2 + 1)[:, None]
    below, centre, above = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - below) / (centre - below), (above - bins) / (above - centre)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None) * 2 / (above - below))


LINEAR_HZ, LINEAR_MELS = 1000.0, 15.0
STEP = np.log(6.4) / 27
"""Linear up to 1 kHz, 200/3 Hz a mel; from there on 27 mels are a factor of 6.4."""


def to_mel(hz: float) -> float:
    return LINEAR_MELS + float(np.log(hz / LINEAR_HZ)) / STEP if hz > LINEAR_HZ else hz * 3 / 200


def from_mel(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    curved = LINEAR_HZ * np.exp(STEP * (mels - LINEAR_MELS))
    return np.where(mels > LINEAR_MELS, curved, mels * 200 / 3)
