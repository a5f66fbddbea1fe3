"""What can be set of a call that only transcribes: nothing that concerns an answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.formats import FORMAT_FIELDS
from tornado_app.protocol.realtime.model_session import ModelSession

SENSELESS = "makes no sense in a call that only transcribes"

_FITTING = {
    "session",
    "transcription_model",
    "transcription_language",
    "turn_detection",
    "metadata",
    "record",
    "idle_timeout_s",
    "max_call_s",
    *FORMAT_FIELDS,  # of the output as well, for clients that say always what they play
}
_OF_ANSWERS = {
    "create_response": "create_response",
    "interrupt_response": "interrupt_response",
    "vad_idle_timeout_ms": "idle_timeout_ms",
}
"""Parts of turn detection that concern answers, and what the API calls them."""
PARTS_OF_ANSWERS = frozenset(_OF_ANSWERS.values())


def check_fits(name: str, may: Iterable[str]) -> None:
    """Whether a field concerns such a call; *may* is all that its source may set.

    Raises:
        Refused: If it does not.  What is no field is left to others.
    """
    if name in FIELDS and name not in _FITTING:
        fitting = ", ".join(field for field in may if field in _FITTING) or "nothing"
        sentence = f"{name} {SENSELESS}; what may be set of it is {fitting}."
        raise Refused("invalid_message", sentence, name)


def check_turn_detection(changes: Mapping[str, Any]) -> None:
    """Whether no part of a turn detection speaks of answers.

    Raises:
        Refused: With the part that does.
    """
    for attribute, part in _OF_ANSWERS.items():
        if attribute in changes:
            name = f"turn_detection.{part}"
            raise Refused("invalid_message", f"{name} {SENSELESS}.", name)


def only_transcribing(wanted: ModelSession) -> ModelSession:
    """*wanted* without what a token may have said for calls that answer.

    Raises:
        Refused: If there is nobody who writes down.
    """
    if not wanted.transcription_model:
        sentence = "session must be realtime: this server has no model that transcribes."
        raise Refused("invalid_message", sentence, "session")
    return replace(wanted, history=(), tools=())
