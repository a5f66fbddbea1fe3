"""The way to a client that wants another format than the model's, unknown to its library.

The audio of each delta goes through the pool and comes back as the same event with other audio; all
that is said behind it waits until it is back.
"""

from collections import deque
from typing import Any, Protocol

from tornado_app.protocol.realtime.answer_audio import AnswerAudio, hear_audio
from tornado_app.protocol.told import RelayedEvent
from tornado_app.session.actions import Actions
from tornado_app.session.commands import ConvertDownlink, FlushDownlink, ResetDownlink
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.relaying.reading import dict_of, object_of, text_of
from tornado_app.session.sent import Sent

HELD_FROM = 64
HELD_FROM_CHARACTERS = 65_536
"""So many events wait, or so much text, and the model is read no further."""


class Way(Protocol):
    """What says a model's events to a client, in their order."""

    def say(self, text: str) -> None: ...

    def say_audio(self, text: str, duration_ms: float) -> None: ...

    def end_audio(self) -> None: ...

    def end_audio_of(self, text: str) -> None: ...


class Converting:
    """An `Outward`, and a `Way`.  Thread: loop."""

    may_go_on = False

    def __init__(self, actions: Actions, sent: Sent) -> None:
        self._actions = actions
        self.sent = sent
        self.broken_pieces = 0
        self._waiting: deque[str | dict[str, Any]] = deque()
        """What is said, in its order; an event is one whose audio is in the pool."""
        self._waiting_characters = 0
        self._of: dict[str, Any] | None = None
        """The last delta of the item whose audio has begun and not ended."""
        self._rest = b""
        """Half of a sample."""

    @property
    def holds(self) -> bool:
        is_much = self._waiting_characters >= HELD_FROM_CHARACTERS
        return is_much or len(self._waiting) >= HELD_FROM

    @property
    def waiting_ms(self) -> float:
        return 0.0

    def say(self, text: str) -> None:
        if self._waiting:
            self._waiting.append(text)
            self._waiting_characters += len(text)
        else:
            self._actions.say(RelayedEvent(text))

    def say_audio(self, text: str, duration_ms: float) -> None:  # noqa: ARG002
        event = object_of(text)
        heard = hear_audio("", "", event.get("delta"))
        if not isinstance(heard, AnswerAudio):
            self.broken_pieces += 1
            return
        if self._of is not None and self._of.get("item_id") != event.get("item_id"):
            self.end_audio()
        pcm = self._rest + heard.pcm
        whole_bytes = len(pcm) // 2 * 2
        self._of, self._rest = event, pcm[whole_bytes:]
        if whole_bytes:
            self._enter(event)
            self._actions.do(ConvertDownlink(pcm[:whole_bytes]))

    def end_audio(self) -> None:
        """What the resampler holds is a delta of its own."""
        if self._of is not None:
            self._enter(self._of)
            self._actions.do(FlushDownlink())
        self._of, self._rest = None, b""

    def end_audio_of(self, text: str) -> None:
        """An item is over, or an answer; not every model says before that its audio is."""
        if self._of is None:
            return
        event = object_of(text)
        item, response = dict_of(event.get("item")), dict_of(event.get("response"))
        if self._of.get("item_id") == item.get("id") or (
            self._of.get("response_id") == response.get("id")
        ):
            self.end_audio()

    def ready(self, result: Converted | Unusable) -> None:
        """Take the pool's next answer; it answers in the order in which it was asked."""
        event = self._waiting.popleft()
        assert isinstance(event, dict)  # noqa: S101  `_go_on` leaves no text in front
        if isinstance(result, Unusable):
            self.broken_pieces += 1
        else:
            for piece in result.pieces:
                if piece.audio:
                    told = {**event, "delta": piece.audio.decode()}
                    self.sent.note(piece.duration_ms)
                    self._actions.say(RelayedEvent(text_of(told)))
        self._go_on()

    def not_taken(self) -> None:
        """Nothing is timed that waits."""

    def go_on(self) -> None:
        """The pool says when."""

    def finish(self) -> None:
        """The session ends: what needs no audio is said."""
        texts = [entry for entry in self._waiting if isinstance(entry, str)]
        self.forget()
        for text in texts:
            self._actions.say(RelayedEvent(text))

    def forget(self) -> None:
        self._waiting.clear()
        self._waiting_characters = 0
        self._of, self._rest = None, b""
        self._actions.do(ResetDownlink())

    def _enter(self, event: dict[str, Any]) -> None:
        self._waiting.append(event)

    def _go_on(self) -> None:
        while self._waiting and isinstance(text := self._waiting[0], str):
            self._waiting.popleft()
            self._waiting_characters -= len(text)
            self._actions.say(RelayedEvent(text))
