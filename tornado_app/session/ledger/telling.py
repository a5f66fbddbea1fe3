"""An entry as the item that tells it to a model that was not there."""

from typing import Any

from tornado_app.protocol.realtime.functions import function_call, function_output
from tornado_app.protocol.realtime.items import (
    assistant_text,
    system_text,
    user_speech,
    user_text,
)
from tornado_app.session.ledger.entries import (
    AnyEntry,
    ModelSaid,
    Noted,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)

UNWRITTEN = "(The user said something that was not written down.)"
"""In the place of a turn of which there are neither words nor audio: without it, two answers would
follow each other."""

SUMMED_UP = "What was said before, summed up: {text}"
UNSEEN = "(The user showed a picture, which is not there any more.)"


def item_of(entry: AnyEntry, speech: str = "") -> dict[str, Any]:
    """*speech*: the audio of a spoken turn as base64, if it is still there."""
    return {"id": entry.id, **_shape(entry, speech)}


def _shape(entry: AnyEntry, speech: str) -> dict[str, Any]:
    match entry:
        case UserSaid(text=text, has_picture=True):
            return user_text(f"{text} {UNSEEN}".strip())
        case UserSaid(text=text, is_written=is_written) if is_written or (text and not speech):
            return user_text(text)
        case UserSaid():
            return user_speech(speech) if speech else user_text(UNWRITTEN)
        case ModelSaid(text=text):
            is_whole = entry.is_complete and entry.heard_ms is None
            return assistant_text(text) | {"status": "completed" if is_whole else "incomplete"}
        case ToolCalled(call_id=call_id, name=name, arguments=arguments):
            return function_call(call_id, name, arguments)
        case ToolAnswered(call_id=call_id, output=output):
            return function_output(call_id, output)
        case Noted(text=text):
            return system_text(text)
        case Summed(text=text):
            return system_text(SUMMED_UP.format(text=text))
