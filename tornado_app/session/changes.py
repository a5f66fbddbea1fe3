"""One change of what is in force: what it says, and what the model's words on it mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tornado_app.admission.budget import ENTRY_BYTES, text_bytes
from tornado_app.errors import Ref, Refused
from tornado_app.protocol.realtime.events import ErrorFacts

CONFIGURE_ID = "parley_configure"

_TURNS = (
    "turn_detection",
    "vad_threshold",
    "vad_prefix_padding_ms",
    "vad_silence_ms",
    "vad_idle_timeout_ms",
    "vad_eagerness",
    "create_response",
    "interrupt_response",
)
_PARAMS = {
    "session.instructions": "instructions",
    "session.output_modalities": "output",
    "session.max_output_tokens": "max_output_tokens",
    "session.tools": "tools",
    "session.tool_choice": "tool_choice",
    "session.audio.input.turn_detection": "turn_detection",
    "session.audio.input.transcription": "transcription_language",
    "session.audio.output.voice": "voice",
    "session.audio.output.speed": "speed",
}
"""Where our fields stand in what the model is asked."""

ITEM = re.compile(rf"({CONFIGURE_ID}_\d+)_\d+")
"""The name of an order for one item of a change."""


@dataclass(slots=True, eq=False)
class Change:
    """What was asked of the model and is not answered yet."""

    name: str
    """Of the order to the model."""
    fields: tuple[str, ...]
    sets: Mapping[str, Any]
    """Attributes of a `ModelSession`, all that the order says."""
    ref: Ref | None
    since: float
    size_bytes: int
    items: int = 0
    """Of history, which were sent before the order."""
    refusal: ErrorFacts | None = None
    """Of one of these."""
    formats: Mapping[str, Any] = field(default_factory=dict)
    """Those that are asked for, which the model is not."""
    chunk: int = 0
    """The last audio before it."""
    holds_input: bool = False
    """What follows waits for what becomes of it."""
    is_open: bool = True
    """The model has not answered."""
    refused: Refused | None = None
    is_begun: bool = False
    """The formats are being changed."""
    is_done: bool = False
    """They are."""

    @property
    def is_begun_with(self) -> bool:
        """History that the model was given, or the next will be, when it begins: it is in force
        whatever becomes of the order.
        """
        return "history" in self.fields and not self.items


def changes_bytes(changes: Mapping[str, Any]) -> int:
    """What they take while they wait."""
    texts = [value for value in changes.values() if isinstance(value, str)]
    texts += [turn["text"] for turn in changes.get("history", ())]
    tools_bytes = len(msgspec.json.encode(changes["tools"])) if "tools" in changes else 0
    return ENTRY_BYTES * (1 + len(texts)) + sum(map(text_bytes, texts)) + tools_bytes


def item_id(name: str, number: int) -> str:
    """At most 32 characters, as the API has it."""
    return f"parley_h_{name.rpartition('_')[2]}_{number}"


def parts(field: str) -> tuple[str, ...]:
    return _TURNS if field == "turn_detection" else (field,)


def refused_field(error: ErrorFacts, change: Change) -> str | None:
    """Which of its own fields a refusal is about, if the model says."""
    param = error.param or ""
    found = (name for place, name in _PARAMS.items() if param.startswith(place))
    named = "history" if change.items else next(found, None)
    return named if named in change.fields else None
