"""The audio a client has appended and nobody has committed yet, on the clock of its samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from local_realtime.audio import BYTES_PER_SAMPLE, Sound
from local_realtime.errors import Refused
from local_realtime.vad import Change, Ears, EnergyEar, Vad, VadSettings

MAX_BUFFER_MS = 15 * 60 * 1000
MIN_COMMIT_MS = 100


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    audio_end_ms: int
    sound: Sound


Mark: TypeAlias = SpeechStarted | SpeechStopped


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
        if turn_detection is None:
            self._vad = None
            return
        self._idle_timeout_ms = turn_detection.get("idle_timeout_ms") or 0
        settings = VadSettings.of(turn_detection)
        if self._vad:
            self._vad.settings = settings
        else:
            self._vad = Vad(settings, self._ears(self._rate_hz))
            self._scanned = self._end

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
        return self._vad is not None and self._fresh_bytes(self._vad) > 0

    def _fresh_bytes(self, vad: Vad) -> int:
        frame_bytes = vad.frame_bytes(self._rate_hz)
        frames = (self._end - self._scanned) // frame_bytes
        return min(frames, vad.ear.frames_at_once or frames) * frame_bytes

    def listen(self) -> Iterator[Mark]:
        """The speech found in what is new, as it is found; no more than takes a moment."""
        vad = self._vad
        if vad is None:
            return
        offset = self._scanned - self._first
        frames = bytes(self._pcm[offset : offset + self._fresh_bytes(vad)])
        for score in vad.ear.scores(frames):
            self._scanned += vad.frame_bytes(self._rate_hz)
            change = vad.hear(score)
            if change is Change.STARTED:
                self._forget_until(self._scanned - self._bytes(vad.before_speech_ms))
                yield SpeechStarted(self.start_ms)
            elif change is Change.STOPPED:
                yield SpeechStopped(self._ms(self._scanned), self._take_until(self._scanned))
        if not vad.speaking:
            kept_ms = max(vad.before_speech_ms, self._idle_timeout_ms)
            self._forget_until(self._scanned - self._bytes(kept_ms))

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

    def clear(self) -> None:
        self._forget_until(self._end)
        self._scanned = self._end
        if self._vad:
            self._vad.reset()
