"""Text to speech by hibari: one voice in the package, from which ten are made.  Thread: any."""

import re
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from hibari import SAMPLE_RATE, Hibari, dsp
from numpy.typing import NDArray

from local_realtime.sound.audio import Sound
from local_realtime.sound.resampling import Samples

UNPRONOUNCEABLE = "I can't pronounce that."
MIN_SPEED, MAX_SPEED = 0.5, 2.0
"""What the model was made for."""

LONG_NUMBER = re.compile(r"\d{5,}")
TARGET_RMS = 0.094
MAX_GAIN = 2.0
"""The model speaks at -27 dB of full scale; 6 dB more is what others send."""

KNEE = 0.7
"""From here on peaks are bent, so that none is above 1."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """How a voice differs from the one in the package."""

    pitch: float
    formants: float
    """Below 1 for a larger head, above for a smaller one."""


PLAIN = Timbre(1.0, 1.0)
TIMBRES = {
    "marin": PLAIN,
    "shimmer": Timbre(1.22, 1.10),
    "coral": Timbre(1.10, 1.04),
    "sage": Timbre(0.90, 1.07),
    "alloy": Timbre(0.82, 1.00),
    "ballad": Timbre(0.74, 0.92),
    "verse": Timbre(0.68, 0.99),
    "ash": Timbre(0.61, 0.91),
    "cedar": Timbre(0.55, 0.86),
    "echo": Timbre(0.50, 0.96),
}


class Mouth:
    def __init__(self) -> None:
        self._hibari = Hibari(threads=1)
        # The rules of pronunciation are plain Python, and nobody promises they may be shared.
        self._reading = Lock()
        self.say("Ready.", "marin", 1.0)

    def say(self, text: str, voice: str, speed: float) -> tuple[str, Sound]:
        """What is said, and its sound; the same words always sound the same."""
        spoken, phrases = text, self._phonemes(text)
        if not phrases:
            spoken, phrases = UNPRONOUNCEABLE, self._phonemes(UNPRONOUNCEABLE)
        timbre = TIMBRES.get(voice, PLAIN)
        rate = min(MAX_SPEED, max(MIN_SPEED, speed))
        signal = np.concatenate([self._sing(phrase, timbre, rate) for phrase in phrases])
        return spoken, Sound(_pcm(levelled(signal)), SAMPLE_RATE)

    def _phonemes(self, text: str) -> list[str]:
        # Ten digits would be read as one huge number.
        readable = LONG_NUMBER.sub(lambda found: " ".join(found[0]), text)
        with self._reading:
            phrases: list[str] = self._hibari.phonemize(readable)
        return [phrase for phrase in phrases if any(letter.isalpha() for letter in phrase)]

    def _sing(self, phonemes: str, timbre: Timbre, speed: float) -> Samples:
        inputs = {
            "ids": np.array([self._hibari.ids(phonemes)], np.int64),
            "speed": np.array([speed], np.float32),
        }
        outputs = [output[0] for output in self._hibari.sess.run(None, inputs)]
        loudness, theta, noise, rest, phase, pitch = outputs
        warped = (
            _stretched(loudness, timbre.formants),
            _moved(theta, timbre.formants),
            _stretched(noise, timbre.formants),
            _stretched(rest, timbre.formants),
            _moved(phase, timbre.formants),
        )
        same_noise = np.random.default_rng(0)
        signal: Samples = dsp.synth(*warped, pitch * np.float32(timbre.pitch), same_noise)
        return signal


def _positions(bins: int, factor: float) -> NDArray[np.float64]:
    return np.minimum(np.arange(bins) / factor, bins - 1)


def _stretched(spectrum: Any, factor: float) -> Samples:
    """A logarithmic spectrum with its frequencies multiplied."""
    at = _positions(len(spectrum), factor)
    below = at.astype(int)
    above = np.minimum(below + 1, len(spectrum) - 1)
    share = (at - below).astype(np.float32)[:, None]
    return np.asarray(spectrum[below] * (1 - share) + spectrum[above] * share)


def _moved(phases: Any, factor: float) -> Samples:
    """The same of phases, between which there is no middle."""
    return np.asarray(phases[np.rint(_positions(len(phases), factor)).astype(int)])


def levelled(signal: Samples) -> Samples:
    """At the level of the others, with no peak above full scale."""
    rms = float(np.sqrt(np.mean(signal**2)))
    louder = signal * min(MAX_GAIN, TARGET_RMS / max(rms, 1e-6))
    size = np.abs(louder)
    bent = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.where(size > KNEE, np.sign(louder) * bent, louder).astype(np.float32)


def _pcm(signal: Samples) -> bytes:
    return np.rint(signal * 32767).astype("<i2").tobytes()
