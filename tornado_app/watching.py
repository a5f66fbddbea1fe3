"""How loud both sides of a call are, measured only while somebody looks.

A call that nobody looks at has nothing of this; one that somebody does is heard by what a recording
is made of (`tornado_app.session.record`), in both dialects alike.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pybase64

from tornado_app.session import events
from tornado_app.session.commands import Command
from tornado_app.session.config import SessionConfig
from tornado_app.session.machine import Session
from tornado_app.session.notes import Notes
from tornado_app.session.record import AnswerSound, Away, Cut, Entry, Sent, UserSound
from tornado_app.session.relaying.noted import RelayedNotes
from workers.level import SILENCE_DBFS, levels_dbfs

STEP_MS = 100
STEPS = 20
"""What is told at once: who asks each second misses nothing."""
LOOKED_S = 5.0
"""So long after somebody has asked for the last time it is measured."""
ITEMS_KEPT = 4
PIECES_KEPT = 1024
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
        self._playing: deque[tuple[float, float, str, float]] = deque(maxlen=PIECES_KEPT)
        """Beginning, end, item, and where in it that begins."""
        self._plays_until_ms = 0.0

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
            case Sent(at_ms, item_id, offset_ms, duration_ms):
                begins_ms = max(at_ms, self._plays_until_ms)
                self._plays_until_ms = begins_ms + duration_ms
                self._playing.append((begins_ms, self._plays_until_ms, item_id, offset_ms))
            case Cut(at_ms) | Away(at_ms):
                self._cut(at_ms)

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
        while self._playing and self._playing[0][1] <= first * STEP_MS:
            self._playing.popleft()
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
        for begin_ms, end_ms, item_id, offset_ms in self._playing:
            if begin_ms <= at_ms < end_ms:
                levels = self._items.get(item_id)
                if not levels:
                    break
                step = int((offset_ms + at_ms - begin_ms) // STEP_MS)
                return round(SILENCE_DBFS) + levels[min(step, len(levels) - 1)]
        return round(SILENCE_DBFS)

    def _cut(self, at_ms: float) -> None:
        """What would be played from now on is not."""
        while self._playing and self._playing[-1][0] >= at_ms:
            self._playing.pop()
        if self._playing:
            begin_ms, end_ms, item_id, offset_ms = self._playing.pop()
            self._playing.append((begin_ms, min(end_ms, at_ms), item_id, offset_ms))
        self._plays_until_ms = min(self._plays_until_ms, at_ms)


class Watch:
    """Stands between a connection and its session while somebody looks.  Thread: loop."""

    def __init__(
        self, session: Session, config: SessionConfig, now: float, leave: Callable[[], None]
    ) -> None:
        """*leave* is called when nobody has looked for a while."""
        self._session = session
        self._opened_at = config.opened_at
        self._opened_at_unix_ms = config.opened_at_unix_ms
        kind = RelayedNotes if config.client_conducts else Notes
        self._notes = kind(config, "audio")
        self._levels = Levels()
        self._leave = leave
        self._looked_at = now

    def look(self, now: float) -> Loudness:
        """How loud both were in the `STEPS` until *now*."""
        self._looked_at = now
        until_ms = self._ms(now) // STEP_MS * STEP_MS
        return Loudness(
            self._opened_at_unix_ms + int(until_ms),
            self._levels.user(until_ms),
            self._levels.model(until_ms),
        )

    def handle(self, event: events.Event, now: float) -> list[Command]:
        """As `Session.handle`."""
        if isinstance(event, events.UplinkReady):
            result = event.result
            if not isinstance(result, events.Unusable):  # its level is known
                self._levels.said(self._ms(now), result.duration_ms, result.level_dbfs)
        else:
            self._notes.note_event(event, now)
        return self._heard(self._session.handle(event, now), now)

    def go_on(self, now: float) -> list[Command]:
        """As `Session.go_on`."""
        return self._heard(self._session.go_on(now), now)

    def _heard(self, commands: list[Command], now: float) -> list[Command]:
        self._notes.note_commands(commands, now)
        self._note(self._notes.take(None))
        if now - self._looked_at > LOOKED_S:
            self._leave()
        return commands

    def _note(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._levels.note(entry)

    def _ms(self, now: float) -> float:
        return (now - self._opened_at) * 1000


def _levels(pcm: bytes, step_samples: int) -> Sequence[float]:
    """Of each *step_samples* of whole steps of s16le."""
    if not pcm:
        return []
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    return levels_dbfs(samples, [step_samples] * (len(samples) // step_samples))
