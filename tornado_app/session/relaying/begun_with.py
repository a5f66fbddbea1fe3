"""What a model is begun with that its client configures: what others than the client have to say.

What is the API's own default is left unsaid: such a client has the API's defaults in mind.
"""

from typing import Any

from tornado_app.protocol.realtime.model_session import (
    ModelSession,
    change_body,
    session_body,
)
from tornado_app.session.config import SessionConfig

_DEFAULTS = {
    "output": ("audio",),
    "speed": (1.0,),
    "instructions": ("",),
    "max_output_tokens": (0,),
    "tool_choice": ("auto",),
    "voice": ("",),
}


def begun_with(in_force: ModelSession, config: SessionConfig) -> dict[str, Any]:
    """The ``session`` of the first update, before any of the client's."""
    if in_force.only_transcribes:
        return session_body(in_force)
    begun, tools = config.model_session, config.tools.told
    names = [name for name, usual in _DEFAULTS.items() if getattr(begun, name) not in usual]
    if tools or begun.tools:
        names.append("tools")
    if _has_unusual_turns(begun) or "turn_detection" in config.call_rules.said:
        names.append("turn_detection")
    if config.call_rules.has_transcripts(begun):
        names.append("transcription_language")
    return change_body(begun, names, tools)


def _has_unusual_turns(begun: ModelSession) -> bool:
    turns = (begun.vad_threshold, begun.vad_prefix_padding_ms, begun.vad_silence_ms)
    answers = (begun.create_response, begun.interrupt_response, begun.vad_idle_timeout_ms)
    is_usual = begun.turn_detection == "server_vad" and turns == (0.5, 300, 500)
    return not is_usual or answers != (True, True, None)
