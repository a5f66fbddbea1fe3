"""The user's audio that no words stand for yet, as it was sent to the model.

A model that is lost takes along what lay in its buffer, and the turns it had not transcribed.  So
the last of what was sent is kept: what nobody has committed, with the commits that were not
confirmed, and the audio of turns without a transcript.

    sent, and not committed       sent again as it was
    a turn without a transcript   sent as the item that it was
    a turn with its transcript    forgotten
    silence, as far as a model    forgotten when what came `BEGINNING_MS` behind it is older than it
    that looks for speech knows   takes to find speech

That a model has said nothing is its word only while it would be heard.  What was forgotten since it
was known to hear is lost with a model that is lost without an answer.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.protocol.realtime.orders import AnyOrder, Append, Clear, Commit
from tornado_app.session.ledger.parting import parted, samples_of

BEGINNING_MS = 500.0
"""So much may be of a word that a model has not noticed yet, however long nothing came behind it: a
client that was lost in the middle of it sends the rest, all at once, when it is back."""

UPSTREAM_BYTES_PER_MS = 64.0
"""24 kHz s16le is 48 bytes a millisecond, and base64 makes four of three."""

Sent: TypeAlias = Append | Commit


class SpeechKept:
    """Thread: loop.  Positions are milliseconds of audio since the link was made, as of the API's
    ``audio_start_ms`` and ``audio_end_ms``.
    """

    __slots__ = (
        "_commits",
        "_end_ms",
        "_forgotten_ms",
        "_is_doubted",
        "_most_ms",
        "_quiet",
        "_sent",
        "_sent_ms",
        "_speaks",
        "_turns",
        "_turns_ms",
        "lost_ms",
    )

    def __init__(self, most_ms: float) -> None:
        self._most_ms = most_ms
        self._sent: deque[Sent] = deque()
        self._sent_ms = 0.0
        self._commits = 0
        """Of what was sent."""
        self._end_ms = 0.0
        self._turns: dict[str, list[Append]] = {}
        """Those that have no transcript."""
        self._turns_ms = 0.0
        self._speaks: tuple[float, float | None] | None = None
        """From where to where the user speaks, or has just spoken; None: silence."""
        self._quiet: deque[float] = deque()
        """Up to where it is silence, if the model says nothing for a while: as of each look."""
        self._forgotten_ms = 0.0
        """As silence, since the model was known to hear."""
        self._is_doubted = False
        self.lost_ms = 0.0
        """What was too much to keep of what nobody has committed."""

    @property
    def end_ms(self) -> float:
        """The position behind all that was sent."""
        return self._end_ms

    @property
    def kept_bytes(self) -> int:
        entries = len(self._sent) + sum(map(len, self._turns.values()))
        kept_ms = self._sent_ms + self._turns_ms
        return ENTRY_BYTES * entries + int(kept_ms * UPSTREAM_BYTES_PER_MS)

    @property
    def unheard_ms(self) -> float:
        """What is lost if the model is: what was too much, and what may have been no silence."""
        return self.lost_ms + (self._forgotten_ms if self._is_doubted else 0.0)

    def append(self, order: Append) -> None:
        """Audio was sent.  The hot path."""
        self._sent.append(order)
        self._sent_ms += order.duration_ms
        self._end_ms += order.duration_ms
        if self._sent_ms + self._turns_ms > self._most_ms:
            self._shrink()

    def note(self, order: AnyOrder) -> None:
        """Another order was sent."""
        if isinstance(order, Commit):
            self._sent.append(order)
            self._commits += 1
        elif isinstance(order, Clear):
            self.clear()

    def clear(self) -> None:
        """What nobody has committed is not wanted any more."""
        while self._sent and isinstance(last := self._sent[-1], Append):
            self._sent.pop()
            self._sent_ms -= last.duration_ms
        if not self._sent:
            self._quiet.clear()
        self._speaks, self.lost_ms = None, 0.0

    def started(self, start_ms: float) -> None:
        """The model has heard speech begin."""
        self._speaks = start_ms, None
        self._forgotten_ms = 0.0
        self._quiet.clear()

    def stopped(self, end_ms: float) -> None:
        """And end."""
        start_ms = self._speaks[0] if self._speaks is not None else 0.0
        self._speaks = start_ms, end_ms

    def silence(self) -> None:
        """It hears no speech that it has heard before."""
        self._speaks = None

    @property
    def is_heard(self) -> bool:
        """The model hears the user speak, or has just done so and made no turn of it yet."""
        return self._speaks is not None

    @property
    def awaits_commit(self) -> bool:
        """The model was asked to make a turn of it, and has not said that it did."""
        return self._commits > 0

    @property
    def oldest_commit(self) -> str:
        """The name of the oldest order of which that is so; empty, if there is none."""
        commits = (each for each in self._sent if isinstance(each, Commit))
        commit = next(commits, None) if self._commits else None
        return (commit and commit.event_id) or ""

    def committed(self, item_id: str) -> None:
        """The model has made a turn of it: of all before the oldest commit, or of the speech that
        it has found by itself.
        """
        turn = self._take_commit() if self._commits else self._take_speech()
        self._speaks, self.lost_ms = None, 0.0
        self._quiet.clear()
        if turn:
            self._turns[item_id] = turn
            self._turns_ms += _ms(turn)

    def refused(self, name: str) -> None:
        """The commit of this name is none; the audio before it belongs to the next."""
        commits = (each for each in self._sent if isinstance(each, Commit))
        commit = next((each for each in commits if each.event_id == name), None)
        if commit is not None:
            self._sent.remove(commit)
            self._commits -= 1

    def written(self, item_id: str) -> None:
        """There is a transcript of this turn."""
        turn = self._turns.pop(item_id, None)
        if turn is not None:
            self._turns_ms = self._turns_ms - _ms(turn) if self._turns else 0.0

    def rename(self, old: str, new: str) -> None:
        if old in self._turns:
            self._turns[new] = self._turns.pop(old)

    def speech_of(self, item_id: str) -> str:
        """The audio of a turn as base64; empty, if it is not kept."""
        turn = self._turns.get(item_id, ())
        return b64encode(b"".join(map(samples_of, turn))).decode()

    def look(self, *, finds_within_s: int | None) -> None:
        """Once a second.  *finds_within_s*: so soon the model has said of speech that it heard it
        begin; None: it does not look for any.
        """
        if finds_within_s is None or self._speaks is not None or self._commits:
            self._quiet.clear()
            return
        quiet_ms = 0.0
        while len(self._quiet) >= finds_within_s:
            quiet_ms = self._quiet.popleft()
        if quiet_ms > self._begins_at_ms:
            self._forgotten_ms += self.lost_ms  # it came before that, and was no speech either
            self.lost_ms = 0.0
        self._drop_until(quiet_ms)
        self._quiet.append(self._end_ms - BEGINNING_MS)

    def doubt(self) -> None:
        """The model does not answer: what it was believed to hear it may not have heard."""
        self._is_doubted = True

    def believe(self) -> None:
        """It does."""
        self._is_doubted, self._forgotten_ms = False, 0.0

    def trim(self, most_bytes: int) -> None:
        """Keep no more than so much: the memory is needed."""
        while (self._turns or self._sent) and self.kept_bytes > most_bytes:
            self._drop_oldest()

    def take(self, more: Iterable[AnyOrder] = ()) -> list[Sent]:
        """All that has to be sent again, with *more* orders behind it that were to be sent; it is
        kept no more, but for the turns.  The model is another, and positions begin anew.
        """
        for order in more:
            if isinstance(order, Append):
                self._sent.append(order)
                self._sent_ms += order.duration_ms
            else:
                self.note(order)
        sent, self._sent = list(self._sent), deque()
        self._commits = 0
        self._sent_ms = self._end_ms = self.lost_ms = 0.0
        self._speaks = None
        self._quiet.clear()
        self.believe()
        return sent

    def forget(self) -> None:
        """The session ends."""
        self.take()
        self._turns.clear()
        self._turns_ms = 0.0

    @property
    def _begins_at_ms(self) -> float:
        """The position of the first that is kept."""
        return self._end_ms - self._sent_ms

    def _take_commit(self) -> list[Append]:
        turn: list[Append] = []
        while self._sent:
            first = self._pop()
            if isinstance(first, Commit):
                break
            turn.append(first)
        return turn

    def _take_speech(self) -> list[Append]:
        start_ms, end_ms = self._speaks or (0.0, None)
        turn: list[Append] = []
        while self._sent and isinstance(self._sent[0], Append):
            if end_ms is not None and self._begins_at_ms >= end_ms:
                break
            first = self._pop()
            if not isinstance(first, Append) or self._begins_at_ms <= start_ms:
                continue
            if end_ms is not None and self._begins_at_ms > end_ms:
                begins_at_ms = self._begins_at_ms - first.duration_ms
                first, rest = parted(first, end_ms - begins_at_ms)
                if rest.audio:
                    self._sent.appendleft(rest)
                    self._sent_ms += rest.duration_ms
                return [*turn, first]
            turn.append(first)
        return turn

    def _pop(self) -> Sent:
        first = self._sent.popleft()
        if isinstance(first, Append):
            self._sent_ms = self._sent_ms - first.duration_ms if self._sent else 0.0
        else:
            self._commits -= 1
        return first

    def _drop_until(self, position_ms: float) -> None:
        sent, begins_at_ms = self._sent, self._begins_at_ms
        while sent and isinstance(first := sent[0], Append):
            if begins_at_ms + first.duration_ms > position_ms:
                break
            begins_at_ms += first.duration_ms
            self._forgotten_ms += first.duration_ms
            sent.popleft()
        self._sent_ms = self._end_ms - begins_at_ms if sent else 0.0

    def _shrink(self) -> None:
        while self._sent_ms + self._turns_ms > self._most_ms and (self._turns or self._sent):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Forget a turn, or the first that was sent."""
        if self._turns:
            self.written(next(iter(self._turns)))
        elif isinstance(first := self._pop(), Append):
            self.lost_ms += first.duration_ms


def _ms(orders: Iterable[Sent]) -> float:
    return sum(order.duration_ms for order in orders if isinstance(order, Append))
