"""The configuration of a realtime session: its defaults, and what an update may make of it."""

from functools import cache
from typing import Any

from local_realtime.errors import Refused, invalid
from local_realtime.session.audio_config import (
    FORMAT,
    INCLUDE,
    PCM,
    answering_vad,
    audio_input,
    turn_detection,
)
from local_realtime.session.models import NEWEST, Traits, traits_of
from local_realtime.session.value_rules import (
    Rule,
    Variant,
    array,
    boolean,
    clearable,
    fields,
    integer,
    json_object,
    nullable,
    number,
    one_of,
    text,
    text_or,
    unavailable,
    variant,
    variants,
)

DEFAULT_INSTRUCTIONS = "You are a local stand-in for a realtime model."
VOICES = ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
KINDS = ("realtime", "transcription")
MAX_POST_INSTRUCTIONS_TOKENS = 1_000_000
MAX_MODEL_LETTERS = 256

SERVER_VAD = answering_vad(NEWEST.silence_duration_ms)


def default_session(model: str | None) -> dict[str, Any]:
    """What `session.created` shows of a realtime session, but for its id and its end."""
    traits = traits_of(model)
    return {
        "type": "realtime",
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "include": None,
        "prompt": None,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
        "audio": {
            "input": {
                "format": PCM,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": answering_vad(traits.silence_duration_ms),
            },
            "output": {"format": PCM, "voice": traits.voice, "speed": 1.0},
        },
    }


def type_of_session(own: str) -> Rule:
    """A session stays what it began as."""

    def rule(wanted: Any, path: str, _current: Any) -> str:
        if wanted != own and wanted in KINDS:
            message = f"Passing a {wanted} session update event to a {own} session is not allowed."
            raise Refused("invalid_parameter", message, path)
        one_of(*KINDS)(wanted, path, None)
        return own

    return rule


def _same(wanted: Any, path: str, current: Any) -> Any:
    if wanted != current:
        raise invalid(path, "it cannot be changed")
    return wanted


TRACING = text_or(
    one_of("auto"),
    fields({"workflow_name": text(256), "group_id": text(256), "metadata": json_object}),
)


def _tracing(wanted: Any, path: str, current: Any) -> Any:
    if current is not None:
        return _same(wanted, path, current)
    return clearable(TRACING, None)(wanted, path, None)


NO_MCP = "MCP tools are not available on this local server; declare them as functions."
NO_PROMPTS = "This local server stores no prompts; send instructions instead."
NO_CUSTOM_VOICES = f"This local server has no custom voices; supported are: {', '.join(VOICES)}."
MCP: tuple[str, Variant] = ("mcp", (unavailable(NO_MCP), {}))
CUSTOM_VOICE = fields({"id": unavailable(NO_CUSTOM_VOICES)}, required=("id",))
VOICE = text_or(one_of(*VOICES), CUSTOM_VOICE)
TOOL = variants(
    dict(
        (
            variant(
                "function",
                {
                    "name": text(256, min_letters=1),
                    "description": nullable(text()),
                    "parameters": json_object,
                },
                description=None,
                parameters={},
            ),
            MCP,
        )
    )
)
TOOL_CHOICE = text_or(
    one_of("auto", "none", "required"),
    variants(dict((variant("function", {"name": text(256)}), MCP))),
)
RETENTION = variants(
    dict(
        [
            variant(
                "retention_ratio",
                {
                    "retention_ratio": number(0, 1),
                    "token_limits": clearable(
                        fields({"post_instructions": integer(0, MAX_POST_INSTRUCTIONS_TOKENS)}),
                        {},
                    ),
                },
                token_limits={},
            )
        ]
    )
)
ONLY_REASONING = unavailable("This is only supported by reasoning models such as gpt-realtime-2.")
EFFORT = one_of("minimal", "low", "medium", "high", "xhigh")
REASONING = fields({"effort": EFFORT}, start={"effort": "low"})


def output_rules(traits: Traits) -> dict[str, Rule]:
    """What a session may set and a response may override for itself."""
    return {
        "output_modalities": clearable(one_of(["audio"], ["text"]), ["audio"]),
        "instructions": clearable(text(), DEFAULT_INSTRUCTIONS),
        "max_output_tokens": clearable(text_or(one_of("inf"), integer(1, 4096)), "inf"),
        "tools": clearable(array(TOOL), []),
        "tool_choice": clearable(TOOL_CHOICE, "auto"),
        "parallel_tool_calls": nullable(boolean if traits.reasons else ONLY_REASONING),
        "reasoning": nullable(REASONING if traits.reasons else ONLY_REASONING),
        "prompt": clearable(unavailable(NO_PROMPTS), None),
    }


def _of_deployment(wanted: Any, path: str, current: Any) -> Any:
    """With Azure the deployment is the model, whatever an update calls it."""
    text(MAX_MODEL_LETTERS)(wanted, path, current)
    return current


@cache
def _session_rule(traits: Traits, model: Rule) -> Rule:
    detection = turn_detection(answering_vad(traits.silence_duration_ms), answers=True)
    audio_output = fields(
        {
            "format": FORMAT,
            "voice": clearable(VOICE, traits.voice),
            "speed": clearable(number(0.25, 1.5), 1.0),
        }
    )
    return fields(
        {
            **output_rules(traits),
            "type": type_of_session("realtime"),
            "model": model,
            "include": INCLUDE,
            "truncation": clearable(text_or(one_of("auto", "disabled"), RETENTION), "auto"),
            "tracing": _tracing,
            "audio": fields({"input": audio_input(detection), "output": audio_output}),
        },
        required=("type",),
    )


def updated_session(current: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """The session after an update; *current* is left as it is.

    Raises:
        Refused: If any part of the update cannot be had.
    """
    return _updated(current, wanted, _same)


def updated_deployment(current: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """The same for Azure, where an update may name another model, and gets this one all the same.

    Raises:
        Refused: If any part of the update cannot be had.
    """
    return _updated(current, wanted, _of_deployment)


def _updated(current: dict[str, Any], wanted: Any, model: Rule) -> dict[str, Any]:
    rule = _session_rule(traits_of(current["model"]), model)
    session: dict[str, Any] = rule(wanted, "session", current)
    return session


def require_unfixed(
    before: dict[str, Any], after: dict[str, Any], *, voice_is_fixed: bool, is_answering: bool
) -> None:
    """Refuse what cannot change once there is sound: the voice, and the speed of an answer."""
    old, new = (session["audio"].get("output") or {} for session in (before, after))
    if voice_is_fixed and old.get("voice") != new.get("voice"):
        raise voice_fixed()
    if is_answering and old.get("speed") != new.get("speed"):
        path = "session.audio.output.speed"
        raise invalid(path, "it can only be changed between responses")


def voice_fixed() -> Refused:
    message = "Cannot update a conversation's voice if assistant audio is present."
    return Refused("cannot_update_voice", message)
