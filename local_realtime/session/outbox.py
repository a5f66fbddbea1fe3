"""What a session wants done: events to send, questions to its responder, a close."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from local_realtime.ids import new_id, random_letters
from local_realtime.session.responder import Turn
from local_realtime.sound.audio import Sound

Event: TypeAlias = dict[str, Any]

TEXT_EVENT_LETTERS = 16
"""Textual deltas are padded to about this length, as the API does to hide token sizes."""


@dataclass(frozen=True, slots=True)
class Think:
    """Ask the responder for the answer to *turn*; `Session.take` its pieces, then `answered`."""

    response_id: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Ask the responder what was said, then call `Session.transcribed`."""

    item_id: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class Overhear:
    """Ask the responder what has been said so far, then call `Session.overheard`."""

    item_id: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the responder whether a speaker has finished, then call `Session.judged`."""

    at_ms: int
    sound: Sound


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes for the socket, whatever they mean; only faults and scripts have any."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of the TCP stream, with no close frame; only of faults and scripts."""

    with_reset: bool


Command: TypeAlias = Think | Transcribe | Overhear | Judge | Close | Raw | Cut
Output: TypeAlias = Event | Command


class Outbox:
    """Outputs in the order they must be performed.

    Azure's servers, as recorded, tell no rate limits and a part of a message twice.
    """

    def __init__(self, *, is_azure: bool = False) -> None:
        self._is_azure = is_azure
        self._outputs: list[Output] = []

    def emit(self, kind: str, **fields: Any) -> None:
        if self._is_azure and kind == "rate_limits.updated":
            return
        if self._is_azure and "part" in fields:
            fields["content"] = fields["part"]
        self._outputs.append({"type": kind, "event_id": new_id("event"), **fields})

    def emit_text_delta(self, kind: str, delta: str, **fields: Any) -> None:
        padding = random_letters(max(0, TEXT_EVENT_LETTERS - len(delta)))
        self.emit(kind, **fields, delta=delta, obfuscation=padding)

    def emit_as_is(self, event: Event) -> None:
        self._outputs.append(event)

    def command(self, command: Command) -> None:
        self._outputs.append(command)

    def drain(self) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        return outputs
