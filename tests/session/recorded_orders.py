"""What may be asked of a Realtime API: as the `openai` package types it, and as it was recorded.

The tables hold which fields clients of the real API sent, and in which order, in recorded sessions
with OpenAI and Azure (GA, 2026); what was never recorded stands beside them with where it is from.
"""

import json
from typing import get_args

from openai.types.realtime import RealtimeClientEvent

from tests.local_realtime.wire_types import extra_of
from tornado_app.protocol.realtime.order_text import encode_order

UNION = get_args(get_args(RealtimeClientEvent)[0])
MODELS = {get_args(model.model_fields["type"].annotation)[0]: model for model in UNION}

_FORMAT = {"format.type", "format.rate"}
_SESSION = {
    "type",
    "instructions",
    "output_modalities",
    *(f"audio.input.{name}" for name in _FORMAT),
    "audio.input.transcription.model",
    "audio.input.turn_detection.type",
    "audio.input.turn_detection.create_response",
    "audio.input.turn_detection.interrupt_response",
    *(f"audio.output.{name}" for name in _FORMAT),
    *(f"tools.{name}" for name in ("type", "name", "description", "parameters")),
}
_SAID = {"item.type", "item.role", "item.content.type", "item.content.text"}

RECORDED = {
    "session.update": {f"session.{name}" for name in _SESSION},
    "input_audio_buffer.append": {"audio"},
    "message of user": _SAID,
    "message of assistant": _SAID,
    "function_call_output": {"item.type", "item.call_id", "item.output"},
    "response.create": set(),
}
"""Fields that recorded clients sent, by what they asked."""

_MCP = ("server_label", "server_url", "allowed_tools", "require_approval", "headers")
_VAD = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "eagerness")
DOCUMENTED = {
    "session.update": {
        "session.max_output_tokens",
        "session.tool_choice",
        *(f"session.tools.{name}" for name in _MCP),
        "session.audio.input.transcription",  # null
        "session.audio.input.transcription.language",
        "session.audio.input.turn_detection",  # null
        *(f"session.audio.input.turn_detection.{name}" for name in _VAD),
        "session.audio.output.voice",
        "session.audio.output.speed",
    },
    "input_audio_buffer.commit": set(),
    "input_audio_buffer.clear": set(),
    "message of user": {
        "item.id",
        "item.content.image_url",
        "item.content.audio",
        "previous_item_id",
    },
    "message of assistant": {"item.id", "item.status", "previous_item_id"},
    "message of system": {"item.id", *_SAID},
    "function_call": {f"item.{name}" for name in ("id", "type", "call_id", "name", "arguments")},
    "function_call_output": {"item.id"},
    "conversation.item.delete": {"item_id"},
    "conversation.item.truncate": {"item_id", "content_index", "audio_end_ms"},
    "response.create": {"response.tool_choice", "response.instructions"},
    "response.cancel": {"response_id"},
}
"""Fields of the API's reference that no recorded client sent; `event_id` may stand anywhere.

https://platform.openai.com/docs/api-reference/realtime-client-events
"""

NEEDED = {
    "session.update": {"session.type"},
    "input_audio_buffer.append": {"audio"},
    "message of user": {"item.type", "item.role", "item.content.type"},
    "message of assistant": _SAID,
    "function_call_output": RECORDED["function_call_output"],
}
"""What every recorded one had, but for the parts of a session, which an update may leave out."""

ORDER = {
    "a typed turn": "update updated user ask begun done",
    "a spoken turn": "update updated audio began ended committed begun done",
    "history": "update updated user assistant user ask begun done",
    # A result goes at once, and what follows from it is asked for when the answer has ended.
    "a call of a tool": "update updated user ask begun call result done ask begun done",
    "a call behind words": "update updated user ask begun words call result done ask begun done",
    "a change": "update updated update updated",
    "a transcription": "update updated audio commit committed heard",
    "a transcription with turns": "update updated audio began ended committed heard",
    # The server cancels by itself, and the client says how much was heard.
    "a barge-in": "update updated user ask begun said began truncate done",
}
"""What was asked and told in turn, in short; what says nothing of the order is left out.

``session.created`` is told before or after the first update: both were recorded.
"""


def name_of(order):
    """What is asked, in the words of the tables."""
    if order["type"] != "conversation.item.create":
        return order["type"]
    item = order["item"]
    return f"message of {item['role']}" if item["type"] == "message" else item["type"]


def fields_of(value, path=""):
    """The paths of all that *value* says; of schemas and headers of tools only that they are."""
    whole = (".parameters", ".tool_choice", ".headers")
    if isinstance(value, dict) and not path.endswith(whole):
        for key, part in value.items():
            yield from fields_of(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for part in value:
            yield from fields_of(part, path)
    else:
        yield path


def check_order(order):
    """Raise unless the types and the tables have *order*, as it is sent, field for field.

    Returns it as JSON.
    """
    sent = json.loads(encode_order(order))
    model = MODELS[sent["type"]].model_validate(sent, strict=True)
    unknown = sorted(extra_of(model))
    assert not unknown, f"{sent['type']} has fields of no type: {unknown}"
    name, found = name_of(sent), set(fields_of(sent)) - {"type", "event_id"}
    beyond = found - RECORDED.get(name, set()) - DOCUMENTED.get(name, set())
    assert not beyond, f"{name} has fields that nobody sends: {sorted(beyond)}"
    missing = NEEDED.get(name, set()) - found
    assert not missing, f"{name} lacks {sorted(missing)}"
    return sent
