"""The audio a client has appended and nobody has committed yet, on the clock of its samples."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from local_realtime.ears.vad import Change, Ears, EnergyEar, Vad, VadSettings
from local_realtime.errors import Refused
from local_realtime.sound.audio import BYTES_PER_SAMPLE, Sound

MAX_BUFFER_MS = 15 * 60 * 1000
MIN_COMMIT_MS = 100
JUDGED_MS = 20_000
"""So much of a turn is looked at to tell whether it is finished."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    audio_end_ms: int
    sound: Sound


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Nothing more is heard until `InputAudio.judge` tells whether the speaker has finished."""

    at_ms: int
    sound: Sound
    """Of the turn so far, or of its end."""


Mark: TypeAlias = SpeechStarted | SpeechPaused | SpeechStopped


class InputAudio:
    """A buffer and, unless turns are manual, the detector that reads it.

    Positions are bytes since the first sample.  While nobody speaks, a detector keeps no more than
    the padding before speech, or the silence that an idle timeout will answer; without one the
    whole take is kept, up to `MAX_BUFFER_MS`.
    """

    def __init__(self, rate_hz: int, origin_ms: int = 0, ears: Ears = EnergyEar) -> None:
        self._rate_hz = rate_hz
        self._origin_ms = origin_ms
        self._ears = ears
        self._pcm = bytearray()
        self._first = 0
        self._scanned = 0
        self._scores: deque[float] = deque()
        """Of the frames that come next."""
        self._asked_ms: int | None = None
        self._vad: Vad | None = None
        self._idle_timeout_ms = 0

    @property
    def speaking(self) -> bool:
        return self._vad is not None and self._vad.speaking

    @property
    def quiet_ms(self) -> int:
        return self._vad.quiet_ms if self._vad else 0

    @property
    def start_ms(self) -> int:
        return self._ms(self._first)

    @property
    def end_ms(self) -> int:
        return self._ms(self._end)

    @property
    def _end(self) -> int:
        return self._first + len(self._pcm)

    def _ms(self, position: int) -> int:
        return self._origin_ms + position * 1000 // (BYTES_PER_SAMPLE * self._rate_hz)

    def _bytes(self, duration_ms: int) -> int:
        return duration_ms * self._rate_hz // 1000 * BYTES_PER_SAMPLE

    def detect(self, turn_detection: dict[str, Any] | None) -> None:
        """Detect turns in this way from here on; speech in progress goes on if it can."""
        self._asked_ms = None
        if turn_detection is None:
            self._vad = None
            return
        self._idle_timeout_ms = turn_detection.get("idle_timeout_ms") or 0
        ear = self._vad.ear if self._vad else self._ears(self._rate_hz)
        settings = VadSettings.of(turn_detection, hears_endings=ear.hears_endings)
        if self._vad:
            self._vad.settings = settings
        else:
            self._vad = Vad(settings, ear)
            self._skip()

    def append(self, pcm: bytes) -> None:
        """Take *pcm* in, for `listen` to read.

        Raises:
            Refused: If the buffer is full.
        """
        if len(self._pcm) + len(pcm) > self._bytes(MAX_BUFFER_MS):
            message = f"The input audio buffer holds at most {MAX_BUFFER_MS // 60_000} minutes."
            raise Refused("invalid_value", message, "audio")
        self._pcm += pcm

    @property
    def has_unheard(self) -> bool:
        """Whether `listen` has something left to do."""
        if self._vad is None or self._asked_ms is not None:
            return False
        return bool(self._scores) or self._fresh_bytes(self._vad) > 0

    def _fresh_bytes(self, vad: Vad) -> int:
        frame_bytes = vad.frame_bytes(self._rate_hz)
        frames = (self._end - self._scanned) // frame_bytes
        return min(frames, vad.ear.frames_at_once or frames) * frame_bytes

    def listen(self) -> Iterator[Mark]:
        """The speech found in what is new, as it is found; no more than takes a moment."""
        vad = self._vad
        if vad is None or self._asked_ms is not None:
            return
        if not self._scores:
            offset = self._scanned - self._first
            frames = bytes(self._pcm[offset : offset + self._fresh_bytes(vad)])
            self._scores.extend(vad.ear.scores(frames))
        while self._scores and self._asked_ms is None:
            change = vad.hear(self._scores.popleft())
            self._scanned += vad.frame_bytes(self._rate_hz)
            yield from self._marks(vad, change)
        if not vad.speaking:
            kept_ms = max(vad.before_speech_ms, self._idle_timeout_ms)
            self._forget_until(self._scanned - self._bytes(kept_ms))

    def _marks(self, vad: Vad, change: Change | None) -> Iterator[Mark]:
        match change:
            case Change.STARTED:
                self._forget_until(self._scanned - self._bytes(vad.before_speech_ms))
                yield SpeechStarted(self.start_ms)
            case Change.PAUSED:
                self._asked_ms = self._ms(self._scanned)
                stop = self._scanned - self._first
                pcm = bytes(self._pcm[max(0, stop - self._bytes(JUDGED_MS)) : stop])
                yield SpeechPaused(self._asked_ms, Sound(pcm, self._rate_hz))
            case Change.STOPPED:
                yield self._stopped()

    def _stopped(self) -> SpeechStopped:
        return SpeechStopped(self._ms(self._scanned), self._take_until(self._scanned))

    def judge(self, at_ms: int, probability: float | None) -> SpeechStopped | None:
        """Hear on, or end the turn if the speaker who paused then has probably finished.

        None is for not knowing.  What was asked before the buffer was taken or cleared is over.
        """
        if at_ms != self._asked_ms or self._vad is None:
            return None
        self._asked_ms = None
        if probability is None or probability <= self._vad.settings.finished_above:
            return None
        self._vad.reset()
        return self._stopped()

    def so_far(self) -> Sound:
        """What is in the buffer, which stays as it is."""
        return Sound(bytes(self._pcm), self._rate_hz)

    def _forget_until(self, position: int) -> None:
        if position > self._first:
            del self._pcm[: position - self._first]
            self._first = position

    def _take_until(self, position: int) -> Sound:
        sound = Sound(bytes(self._pcm[: position - self._first]), self._rate_hz)
        self._forget_until(position)
        return sound

    def take(self) -> Sound:
        """All that is in the buffer, which is empty afterwards."""
        sound = self._take_until(self._end)
        self.clear()
        return sound

    def commit(self) -> Sound:
        """What the client asks to commit.

        Raises:
            Refused: If it is too short to be one.
        """
        duration_ms = len(self._pcm) * 1000 / (BYTES_PER_SAMPLE * self._rate_hz)
        if duration_ms < MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{MIN_COMMIT_MS}ms of audio, but buffer only has {duration_ms:.2f}ms of audio."
            )
            raise Refused("input_audio_buffer_commit_empty", message)
        return self.take()

    def _skip(self) -> None:
        self._scanned = self._end
        self._scores.clear()
        self._asked_ms = None

    def clear(self) -> None:
        self._forget_until(self._end)
        self._skip()
        if self._vad:
            self._vad.reset()
