"""How loud both sides of a call are."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pybase64

from tornado_app.session.record import AnswerSound, Entry, UserSound
from tornado_app.watching.playing import PIECES_KEPT, Playing
from workers.level import SILENCE_DBFS, levels_dbfs

STEP_MS = 100
STEPS = 20
"""What is told at once: who asks each second misses nothing."""
ITEMS_KEPT = 4
MODEL_BYTES_PER_MS = 48
STEP_BYTES = STEP_MS * MODEL_BYTES_PER_MS


class Loudness(NamedTuple):
    """Of both sides, in dBFS, for each `STEP_MS` of the last `STEPS`."""

    until_unix_ms: int
    """The end of the last of them."""
    user: list[int]
    model: list[int]


class Levels:
    """Of both sides, by time.  Thread: loop; times are milliseconds since the call was opened.

    The user's are those of what has come, the model's those of what is being played: an answer is
    sent faster than it is spoken.
    """

    def __init__(self) -> None:
        self._user: deque[tuple[float, float, float]] = deque(maxlen=PIECES_KEPT)
        """Beginning, end and dBFS of what the user said."""
        self._items: dict[str, bytearray] = {}
        """dB above `SILENCE_DBFS` of each step of an answer, by its item."""
        self._rests: dict[str, bytes] = {}
        """What is less than a step."""
        self._playing = Playing()

    def said(self, end_ms: float, duration_ms: float, level_dbfs: float) -> None:
        """The user's audio, of which the level is known."""
        self._user.append((end_ms - duration_ms, end_ms, level_dbfs))
        while self._user[0][1] < end_ms - (STEPS + 1) * STEP_MS:
            self._user.popleft()

    def note(self, entry: Entry) -> None:
        match entry:
            case UserSound(end_ms, audio):
                if not self._user or end_ms - self._user[-1][1] >= STEP_MS:  # the others are alike
                    pcm = pybase64.b64decode(audio)
                    [level, *_] = _levels(pcm[: len(pcm) // 2 * 2], len(pcm) // 2) or [SILENCE_DBFS]
                    self.said(end_ms, STEP_MS, level)
            case AnswerSound(item_id, pcm):
                self._answered(item_id, pcm)
            case _:
                self._playing.note(entry)

    def user(self, until_ms: float) -> list[int]:
        """The loudest of each of the last `STEPS`, in dBFS."""
        levels = [SILENCE_DBFS] * STEPS
        first = int(until_ms // STEP_MS) - STEPS
        for begin_ms, end_ms, level in self._user:
            for step in range(int(begin_ms // STEP_MS), int((end_ms - 1) // STEP_MS) + 1):
                if 0 <= step - first < STEPS:
                    levels[step - first] = max(levels[step - first], level)
        return [round(level) for level in levels]

    def model(self, until_ms: float) -> list[int]:
        """The same of what the user hears."""
        first = int(until_ms // STEP_MS) - STEPS
        self._playing.forget(first * STEP_MS)
        return [self._played((first + step + 0.5) * STEP_MS) for step in range(STEPS)]

    def _answered(self, item_id: str, pcm: bytes) -> None:
        if item_id not in self._items:
            self._items[item_id] = bytearray()
            if len(self._items) > ITEMS_KEPT:
                oldest = next(iter(self._items))
                del self._items[oldest]
                self._rests.pop(oldest, None)
        pcm = self._rests.get(item_id, b"") + pcm
        whole = len(pcm) // STEP_BYTES * STEP_BYTES
        levels = _levels(pcm[:whole], STEP_BYTES // 2)
        self._items[item_id] += bytes(round(level - SILENCE_DBFS) for level in levels)
        self._rests[item_id] = pcm[whole:]

    def _played(self, at_ms: float) -> int:
        piece = self._playing.at(at_ms)
        levels = self._items.get(piece.item_id) if piece is not None else None
        if piece is None or not levels:
            return round(SILENCE_DBFS)
        step = int((piece.offset_ms + at_ms - piece.begins_ms) // STEP_MS)
        return round(SILENCE_DBFS) + levels[min(step, len(levels) - 1)]


def _levels(pcm: bytes, step_samples: int) -> Sequence[float]:
    """Of each *step_samples* of whole steps of s16le."""
    if not pcm:
        return []
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    return levels_dbfs(samples, [step_samples] * (len(samples) // step_samples))
