"""What was said, in words: each message carries the whole text so far, so they come at a bounded
rate.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tornado_app.admission.budget import text_bytes
from tornado_app.admission.limits import Bucket
from tornado_app.protocol.told import Transcript, Wait
from tornado_app.session.actions import Actions
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.timers import Timers

Role = Literal["user", "assistant"]
Key: TypeAlias = tuple[Role, str]
"""Whose words, and the item they belong to."""

TIMER = "words"

ITEMS_KEPT = 64
"""Items whose text is not complete; a model that completes none must not fill the memory."""
ITEM_KEPT_CHARS = 262_144
ALL_KEPT_BYTES = 524_288
UNSAID_CHARS = 65_536
"""So much is said whatever the time is."""

BYTES_PER_S = 65_536.0
"""As much as 24 kHz pcm16 takes as base64.  A text of 500 words changes 10 times a second then."""
BURST_BYTES = 65_536.0
MESSAGE_BYTES = 256
"""What a message has besides the text."""


@dataclass(slots=True)
class _Text:
    said: str = ""
    """What the client has been told of it."""
    unsaid: list[str] = field(default_factory=list)
    unsaid_chars: int = 0
    kept_bytes: int = 0
    """Of both; reckoned as they grow, for there may be thousands of deltas."""


class Transcripts:
    """What was said of each item, and when the client is told.  Thread: loop.

    Words that come faster than they may be said are joined, and said together when their time has
    come, which `TIMER` tells, or ahead of whatever must not overtake them.
    """

    def __init__(self, actions: Actions, timers: Timers, waits: AnswerWaits) -> None:
        self._actions = actions
        self._waits = waits
        self._timers = timers
        self._texts: dict[Key, _Text] = {}
        self._late: dict[Key, _Text] = {}
        """Those with something unsaid, in the order in which it came."""
        self._kept_bytes = 0
        self._bucket = Bucket(BYTES_PER_S, BURST_BYTES)
        self._due_at = 0.0

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    @property
    def late_bytes(self) -> int:
        """Of the items with something unsaid."""
        return sum(text.kept_bytes for text in self._late.values())

    def kept_bytes_of(self, role: Role) -> int:
        """Of the items of this side."""
        return sum(text.kept_bytes for key, text in self._texts.items() if key[0] == role)

    def add(self, key: Key, deltas: list[str]) -> None:
        """More of an item: said now, or with what follows."""
        text = self._texts.pop(key, None) or _Text()
        self._texts[key] = text  # the last one of all: the oldest is the first to be forgotten
        text.unsaid += deltas
        text.unsaid_chars += sum(map(len, deltas))
        self._count(text, text.kept_bytes + sum(map(text_bytes, deltas)))
        self._late.setdefault(key, text)
        if text.unsaid_chars > UNSAID_CHARS:
            self._say_late(key)
        self.say_due()
        self._forget_oldest()

    def finish(self, key: Key, whole: str | None) -> None:
        """The item's text is complete: it is *whole*, or, if that is None, what was said of it."""
        text = self._texts.pop(key, None) or _Text()
        self._say_late(key)
        self._count(text, 0)
        role, item_id = key
        final = text.said if whole is None else whole
        self._actions.say(Transcript(role, item_id, final, final=True, wait=self._wait_of(key)))
        self._look_at_clock()

    def finish_all(self, role: Role) -> None:
        """What was said of this side is all that there will be."""
        while self.finish_one(role):
            pass

    def finish_one(self, role: Role) -> bool:
        """The same for the oldest of its items; False if there is none."""
        key = next((key for key in self._texts if key[0] == role), None)
        if key is not None:
            self.finish(key, None)
        return key is not None

    def say_due(self) -> None:
        """Say what may be said by now."""
        while self._late and self._actions.now >= self._due_at:
            self._say_late(next(iter(self._late)))
        self._look_at_clock()

    def say_all(self) -> None:
        """Say everything: what comes next must not overtake it."""
        while self.say_one():
            pass

    def say_one(self) -> bool:
        """The same for what was left unsaid first; False if there is nothing."""
        key = next(iter(self._late), None)
        if key is not None:
            self._say_late(key)
            self._look_at_clock()
        return key is not None

    def _say_late(self, key: Key) -> None:
        text = self._late.pop(key, None)
        if text is None:
            return
        delta = "".join(text.unsaid)
        text.said = (text.said + delta)[-ITEM_KEPT_CHARS:]
        text.unsaid, text.unsaid_chars = [], 0
        self._count(text, text_bytes(text.said))
        role, item_id = key
        wait = self._wait_of(key)
        self._actions.say(Transcript(role, item_id, text.said, final=False, delta=delta, wait=wait))
        size_bytes = MESSAGE_BYTES + len(text.said) + len(delta)
        now = self._actions.now
        self._due_at = now + self._bucket.spend(now, size_bytes)

    def _wait_of(self, key: Key) -> Wait | None:
        """Of the first words of an answer that is written."""
        return self._waits.take_text(key[1]) if self._waits.texts else None

    def _look_at_clock(self) -> None:
        if self._late:
            self._timers.set(TIMER, self._due_at)
        else:
            self._timers.clear(TIMER)

    def _forget_oldest(self) -> None:
        """What was not said of the oldest is said first."""
        while len(self._texts) > ITEMS_KEPT or (
            len(self._texts) > 1 and self._kept_bytes > ALL_KEPT_BYTES
        ):
            key = next(iter(self._texts))
            self._say_late(key)
            self._count(self._texts.pop(key), 0)

    def _count(self, text: _Text, kept_bytes: int) -> None:
        self._kept_bytes += kept_bytes - text.kept_bytes
        text.kept_bytes = kept_bytes
