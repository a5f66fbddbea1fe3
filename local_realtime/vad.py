"""Voice activity by energy.  It knows audio time only: how fast frames arrive does not matter."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

FRAME_MS = 20
ONSET_FRAMES = 3
"""60 ms in a row begin speech: longer than a click, shorter than a syllable."""

HYSTERESIS_DB = 6.0
"""Speech that has begun may fall this far below the level that began it."""

MAX_SPEECH_MS = 10 * 60 * 1000
"""A turn ends here even if the noise never does; the buffer holds more."""

SILENCE_BY_EAGERNESS_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 500}
"""semantic_vad understands no words here: eagerness only picks the silence that ends a turn."""

SEMANTIC_THRESHOLD = 0.5
SEMANTIC_PREFIX_MS = 300


class Change(Enum):
    STARTED = "started"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class VadSettings:
    threshold_dbfs: float
    prefix_padding_ms: int
    silence_duration_ms: int

    @classmethod
    def of(cls, turn_detection: dict[str, Any]) -> "VadSettings":
        if turn_detection["type"] == "semantic_vad":
            silence_ms = SILENCE_BY_EAGERNESS_MS[turn_detection["eagerness"]]
            return cls(threshold_dbfs(SEMANTIC_THRESHOLD), SEMANTIC_PREFIX_MS, silence_ms)
        return cls(
            threshold_dbfs(turn_detection["threshold"]),
            turn_detection["prefix_padding_ms"],
            turn_detection["silence_duration_ms"],
        )


def threshold_dbfs(threshold: float) -> float:
    """The documented 0 to 1 as a level: 0 is -60, 0.5 is -40, 1 is -20 dB of full scale.

    Speech close to a microphone lies at -30 to -15, a quiet room below -50.
    """
    return -60.0 + 40.0 * threshold


def levels_dbfs(pcm: bytes, frame_samples: int) -> list[float]:
    """The level of every whole frame, without its direct current; digital silence is -120."""
    frames = np.frombuffer(pcm, "<i2").reshape(-1, frame_samples) / np.float32(32768)
    levels: list[float] = (10 * np.log10(frames.var(axis=1) + 1e-12)).tolist()
    return levels


class Vad:
    """Tells speech from silence, one frame of 20 ms after the other."""

    def __init__(self, settings: VadSettings) -> None:
        self.settings = settings
        self.speaking = False
        self._loud_frames = 0
        self._quiet_ms = 0
        self._speech_ms = 0

    def hear(self, level_dbfs: float) -> Change | None:
        if self.speaking:
            return self._hear_end(level_dbfs)
        self._loud_frames = self._loud_frames + 1 if self._is_loud(level_dbfs) else 0
        if self._loud_frames < ONSET_FRAMES:
            return None
        self.speaking, self._quiet_ms, self._speech_ms = True, 0, 0
        return Change.STARTED

    def _hear_end(self, level_dbfs: float) -> Change | None:
        quiet = not self._is_loud(level_dbfs + HYSTERESIS_DB)
        self._quiet_ms = self._quiet_ms + FRAME_MS if quiet else 0
        self._speech_ms += FRAME_MS
        silent = quiet and self._quiet_ms >= self.settings.silence_duration_ms
        if not silent and self._speech_ms < MAX_SPEECH_MS:
            return None
        self.reset()
        return Change.STOPPED

    def _is_loud(self, level_dbfs: float) -> bool:
        return level_dbfs > self.settings.threshold_dbfs

    def reset(self) -> None:
        self.speaking, self._loud_frames = False, 0
