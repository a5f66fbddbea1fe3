"""Voice activity.  It knows audio time only: how fast frames arrive does not matter."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

import numpy as np

from local_realtime.sound.audio import BYTES_PER_SAMPLE

ONSET_MS = 60
"""So long in a row begins speech: longer than a click, shorter than a syllable."""

HYSTERESIS_DB = 6.0
"""Speech that has begun may fall this far below the level that began it."""

MAX_SPEECH_MS = 10 * 60 * 1000
"""A turn ends here even if the noise never does; the buffer holds more."""

SILENCE_BY_EAGERNESS_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 500}
"""semantic_vad where nobody can tell whether a speaker has finished: silence ends a turn."""

PAUSE_MS = 350
"""semantic_vad: after so much silence it is asked whether the speaker has finished."""

WAIT_BY_EAGERNESS_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
"""How long a speaker who has not finished may think: the API's own figures."""

FINISHED_BY_EAGERNESS = {"low": 0.9, "medium": 0.7, "auto": 0.7, "high": 0.5}
"""How probably a speaker must have finished; docs/decisions/0010 has what that does."""

SEMANTIC_THRESHOLD = 0.5
SEMANTIC_PREFIX_MS = 300


class Change(Enum):
    STARTED = "started"
    PAUSED = "paused"
    """It is time to ask whether the speaker has finished."""

    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class VadSettings:
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    pause_ms: int | None = None
    """The silence after which to ask whether the speaker has finished; None: never."""

    finished_above: float = 1.0
    """The turn ends if that is more probable than this."""

    @classmethod
    def of(cls, turn_detection: dict[str, Any], *, hears_endings: bool = False) -> "VadSettings":
        if turn_detection["type"] == "semantic_vad":
            eagerness = turn_detection["eagerness"]
            if not hears_endings:
                silence_ms = SILENCE_BY_EAGERNESS_MS[eagerness]
                return cls(SEMANTIC_THRESHOLD, SEMANTIC_PREFIX_MS, silence_ms)
            return cls(
                SEMANTIC_THRESHOLD,
                SEMANTIC_PREFIX_MS,
                WAIT_BY_EAGERNESS_MS[eagerness],
                PAUSE_MS,
                FINISHED_BY_EAGERNESS[eagerness],
            )
        return cls(
            turn_detection["threshold"],
            turn_detection["prefix_padding_ms"],
            turn_detection["silence_duration_ms"],
        )


class Ear(Protocol):
    """Scores the frames of one signal, in order: the higher, the more like speech."""

    frame_ms: int
    frames_at_once: int | None
    """How many to score before others have their turn; None if it costs next to nothing."""

    hears_endings: bool
    """Whether the responder can tell if a speaker who pauses has finished."""

    def scores(self, pcm: bytes) -> list[float]:
        """One for each frame of *pcm*, which holds whole frames."""

    def begins_above(self, threshold: float) -> float:
        """The score that begins speech, for the documented threshold of 0 to 1."""

    def ends_below(self, threshold: float) -> float:
        """The score under which speech pauses; a little lower, as speech is uneven."""


Ears: TypeAlias = Callable[[int], Ear]
"""Makes an ear for a signal of this rate."""


class EnergyEar:
    """Scores by level, in dB of full scale."""

    frame_ms = 20
    frames_at_once: int | None = None
    hears_endings = False

    def __init__(self, rate_hz: int) -> None:
        self._frame_samples = rate_hz * self.frame_ms // 1000

    def scores(self, pcm: bytes) -> list[float]:
        return levels_dbfs(pcm, self._frame_samples)

    def begins_above(self, threshold: float) -> float:
        return threshold_dbfs(threshold)

    def ends_below(self, threshold: float) -> float:
        return threshold_dbfs(threshold) - HYSTERESIS_DB


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
    """Tells speech from silence, one scored frame after the other."""

    def __init__(self, settings: VadSettings, ear: Ear) -> None:
        self.settings = settings
        self.ear = ear
        self.speaking = False
        self.onset_frames = -(-ONSET_MS // ear.frame_ms)
        self._loud_frames = 0
        self._quiet_ms = 0
        self._speech_ms = 0

    @property
    def before_speech_ms(self) -> int:
        """How much stands before the frame that tells that speech has begun."""
        return self.onset_frames * self.ear.frame_ms + self.settings.prefix_padding_ms

    @property
    def quiet_ms(self) -> int:
        """How long a speaker has paused."""
        return self._quiet_ms if self.speaking else 0

    def frame_bytes(self, rate_hz: int) -> int:
        return self.ear.frame_ms * rate_hz // 1000 * BYTES_PER_SAMPLE

    def hear(self, score: float) -> Change | None:
        if self.speaking:
            return self._hear_end(score)
        is_loud = score > self.ear.begins_above(self.settings.threshold)
        self._loud_frames = self._loud_frames + 1 if is_loud else 0
        if self._loud_frames < self.onset_frames:
            return None
        self.speaking, self._quiet_ms, self._speech_ms = True, 0, 0
        return Change.STARTED

    def _hear_end(self, score: float) -> Change | None:
        quiet = score <= self.ear.ends_below(self.settings.threshold)
        self._quiet_ms = self._quiet_ms + self.ear.frame_ms if quiet else 0
        self._speech_ms += self.ear.frame_ms
        silent = quiet and self._quiet_ms >= self.settings.silence_duration_ms
        if not silent and self._speech_ms < MAX_SPEECH_MS:
            return Change.PAUSED if self._has_just_paused() else None
        self.reset()
        return Change.STOPPED

    def _has_just_paused(self) -> bool:
        pause_ms = self.settings.pause_ms
        return pause_ms is not None and 0 <= self._quiet_ms - pause_ms < self.ear.frame_ms

    def reset(self) -> None:
        self.speaking, self._loud_frames = False, 0
