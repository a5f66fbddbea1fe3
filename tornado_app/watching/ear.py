"""What is said in a call, kept for a moment for whoever listens in.

It is laid out by the time at which it is heard: the user's sound as it comes, the model's as it is
played.  A listener that does not fetch it in time has lost it, and the call notices nothing.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pybase64

from tornado_app.session.record import AnswerSound, Entry, Sent, UserSound, Words
from tornado_app.watching.playing import PIECES_KEPT, Playing

SAMPLES_PER_MS = 24
SAMPLE_BYTES = 2
KEPT_MS = 5000
"""So much is kept for a listener; who asks twice a second has room for a slow network."""
LATE_MS = 300
"""Sound is told so much later, as what a client sends comes in pieces, and not evenly."""
GAP_MS = 100
"""A pause in the user's sound that is shorter is of the network, and left out."""
ANSWER_BYTES = 8 << 20
"""Of answers that are not played yet: three minutes."""
HEAD_BYTES = 1 << 20
WORDS_KEPT = 200
WORDS_LETTERS = 65_536


class Heard(NamedTuple):
    """A stretch of a call, in milliseconds since it was opened.

    Sound is 24 kHz mono s16le of all of that stretch; None: that side was silent.
    """

    from_ms: int
    until_ms: int
    """Where the next stretch begins."""
    user: bytes | None
    model: bytes | None
    words: list[Words]
    """Whole turns and answers whose text was known in that time."""
    lost_ms: int
    """So much before it was not fetched in time."""
    is_over: bool
    """The call has ended, and nothing comes behind this."""


class Ear:
    """Thread: loop."""

    def __init__(self, begun_ms: float) -> None:
        self.begun_ms = int(begun_ms)
        self._over_ms: int | None = None
        self.on_end: Callable[[], None] = _nothing
        """Called when it hears no more, whoever has ended that."""
        self._user = _UserSound(self.begun_ms)
        self._answers = _AnswerSounds()
        self._playing = Playing()
        self._words: deque[Words] = deque(maxlen=WORDS_KEPT)
        self._letters = 0

    @property
    def is_over(self) -> bool:
        return self._over_ms is not None

    def lasted_s(self, now_ms: float) -> float:
        """How long it hears, or has heard."""
        until_ms = now_ms if self._over_ms is None else self._over_ms
        return max(0.0, until_ms - self.begun_ms) / 1000

    def end(self, at_ms: float) -> None:
        """The call is over, or nobody listens to it any more."""
        self._over_ms = int(at_ms)
        self.on_end()

    def note(self, entry: Entry) -> None:
        match entry:
            case UserSound(end_ms, audio):
                pcm = pybase64.b64decode(audio)
                self._user.put(end_ms, pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES])
            case AnswerSound(item_id, pcm):
                self._answers.put(item_id, pcm)
            case Words():
                self._keep_words(entry)
            case _:
                self._playing.note(entry)
                self._answers.note(entry)

    def take(self, after_ms: int | None, now_ms: float) -> Heard:
        """What is known behind *after_ms*, which is `until_ms` of the time before; None: all."""
        heard_ms = int(now_ms) - LATE_MS
        is_over = self._over_ms is not None and heard_ms >= self._over_ms
        if self._over_ms is not None and is_over:
            heard_ms = self._over_ms
        until_ms = max(self.begun_ms, heard_ms)
        kept_ms = max(self.begun_ms, until_ms - KEPT_MS)
        wanted_ms = self.begun_ms if after_ms is None else after_ms
        from_ms = min(max(wanted_ms, kept_ms), until_ms)
        self._user.told(until_ms)
        self._playing.forget(kept_ms)
        words_until_ms = math.inf if is_over else until_ms
        return Heard(
            from_ms,
            until_ms,
            _laid(self._user.pieces, from_ms, until_ms),
            _laid(self._answered(from_ms, until_ms), from_ms, until_ms),
            [each for each in self._words if from_ms <= each.at_ms < words_until_ms],
            max(0, kept_ms - max(wanted_ms, self.begun_ms)),
            is_over,
        )

    def _answered(self, from_ms: int, until_ms: int) -> "Iterator[_Laid]":
        for piece in self._playing.between(from_ms, until_ms):
            at, end = _bytes(piece.begins_ms), _bytes(piece.ends_ms)
            begins = _bytes(piece.offset_ms)
            yield _Laid(at, self._answers.part(piece.item_id, begins, begins + end - at))

    def _keep_words(self, words: Words) -> None:
        if len(words.text) > WORDS_LETTERS:
            words = Words(words.at_ms, words.role, words.item_id, words.text[:WORDS_LETTERS])
        if len(self._words) == WORDS_KEPT:
            self._letters -= len(self._words.popleft().text)
        self._words.append(words)
        self._letters += len(words.text)
        while self._letters > WORDS_LETTERS:
            self._letters -= len(self._words.popleft().text)


class _Laid(NamedTuple):
    """Sound, and at which byte of the call's it begins."""

    at: int
    pcm: bytes


class _UserSound:
    """Thread: loop."""

    def __init__(self, begun_ms: int) -> None:
        self.pieces: deque[_Laid] = deque(maxlen=PIECES_KEPT)
        self._next = self._told = _bytes(begun_ms)
        """Behind all that there is; and behind all that was told."""

    def put(self, end_ms: float, pcm: bytes) -> None:
        """What comes faster than it is spoken is heard behind what came before it."""
        end = _bytes(end_ms)
        at = end - len(pcm)
        if at < self._next + _bytes(GAP_MS):
            at = self._next
        at = max(at, self._told)
        if at > end + _bytes(KEPT_MS):
            return
        self.pieces.append(_Laid(at, pcm))
        self._next = at + len(pcm)
        while self.pieces[0].at + len(self.pieces[0].pcm) < end - _bytes(KEPT_MS + LATE_MS):
            self.pieces.popleft()

    def told(self, until_ms: int) -> None:
        self._told = max(self._told, _bytes(until_ms))


class _AnswerSounds:
    """What the model has said, by its items.  Thread: loop."""

    def __init__(self) -> None:
        self._items: dict[str, bytearray] = {}
        self._begins: dict[str, int] = {}
        """Where in the item that begins which is known of it."""
        self._held_bytes = 0

    def put(self, item_id: str, pcm: bytes) -> None:
        self._items.setdefault(item_id, bytearray()).extend(pcm)
        self._held_bytes += len(pcm)
        while self._held_bytes > ANSWER_BYTES:
            self._drop(next(iter(self._items)))

    def note(self, entry: Entry) -> None:
        """Of an item that had begun before anybody listened, what is sent first is known first."""
        if isinstance(entry, Sent) and entry.item_id in self._items:
            self._begins.setdefault(entry.item_id, _bytes(entry.offset_ms))

    def part(self, item_id: str, begin: int, end: int) -> bytes:
        """Silence, where it is not known."""
        known_from = self._begins.get(item_id, 0)
        known = self._items.get(item_id, b"")
        before = max(0, min(known_from, end) - begin)
        part = known[max(0, begin - known_from) : max(0, end - known_from)]
        return (bytes(before) + part).ljust(end - begin, b"\0")

    def _drop(self, item_id: str) -> None:
        if len(self._items) > 1:
            self._held_bytes -= len(self._items.pop(item_id))
            self._begins.pop(item_id, None)
            return
        del self._items[item_id][:HEAD_BYTES]
        self._begins[item_id] = self._begins.get(item_id, 0) + HEAD_BYTES
        self._held_bytes -= HEAD_BYTES


def _nothing() -> None:
    """Nobody is told."""


def _bytes(ms: float) -> int:
    return round(ms * SAMPLES_PER_MS) * SAMPLE_BYTES


def _laid(pieces: Iterable[_Laid], from_ms: int, until_ms: int) -> bytes | None:
    """All of that time; None: there is nothing in it."""
    begin, end = _bytes(from_ms), _bytes(until_ms)
    found: bytearray | None = None
    for at, pcm in pieces:
        first, last = max(at, begin), min(at + len(pcm), end)
        if first < last:
            if found is None:
                found = bytearray(end - begin)
            found[first - begin : last - begin] = pcm[first - at : last - at]
    return None if found is None else bytes(found)
