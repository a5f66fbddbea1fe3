"""Whether an event is one that the `openai` package knows, field for field."""

from typing import get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel

UNION = get_args(get_args(RealtimeServerEvent)[0])
MODELS = {get_args(model.model_fields["type"].annotation)[0]: model for model in UNION}

EXTRA = {
    # Seen on the wire, but not in the types.
    "session.object",
    "session.id",
    "session.expires_at",
    "obfuscation",
    "item.phase",
    "response.output.phase",
    "response.usage.output_token_details.reasoning_tokens",
    "content",  # of a part, with Azure
}
"""The only fields beyond the types."""

NEVER_SENT = {
    "conversation.created": "of the beta; typed, but no GA server sends it",
    "conversation.item.created": "of the beta; now `added` and `done`",
    "input_audio_buffer.dtmf_event_received": "SIP only",
    "output_audio_buffer.started": "WebRTC and SIP only",
    "output_audio_buffer.stopped": "WebRTC and SIP only",
    "output_audio_buffer.cleared": "WebRTC and SIP only",
    "mcp_list_tools.in_progress": "MCP is refused here: this server calls nobody",
    "mcp_list_tools.completed": "as above",
    "mcp_list_tools.failed": "as above",
    "response.mcp_call_arguments.delta": "as above",
    "response.mcp_call_arguments.done": "as above",
    "response.mcp_call.in_progress": "as above",
    "response.mcp_call.completed": "as above",
    "response.mcp_call.failed": "as above",
}
"""Kinds of events that a WebSocket of this server never carries."""


def check(event):
    """Raise unless every required field is there, of its type, and none that nobody knows."""
    model = MODELS[event["type"]].model_validate(event, strict=True)
    unknown = set(extra_of(model)) - EXTRA
    assert not unknown, f"{event['type']} has unknown fields: {unknown}"


def extra_of(value, path=""):
    """The paths of all fields that are in no type."""
    if isinstance(value, list):
        for entry in value:
            yield from extra_of(entry, path)
    elif isinstance(value, BaseModel):
        at = f"{path}." if path else ""
        yield from (f"{at}{key}" for key in value.model_extra or {})
        for key in type(value).model_fields:
            yield from extra_of(getattr(value, key), f"{at}{key}")
