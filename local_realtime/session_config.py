"""The session object: its defaults, and what an update may make of it."""

from typing import Any

from local_realtime.errors import Refused, invalid
from local_realtime.rules import (
    Rule,
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
    variant,
    variants,
)

DEFAULT_INSTRUCTIONS = "You are a local stand-in for a realtime model."
VOICES = ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
LOGPROBS = "item.input_audio_transcription.logprobs"

PCM = {"type": "audio/pcm", "rate": 24_000}
SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def default_session(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    """What `session.created` shows."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "expires_at": expires_at,
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
                "turn_detection": SERVER_VAD,
            },
            "output": {"format": PCM, "voice": "marin", "speed": 1.0},
        },
    }


def _same(wanted: Any, path: str, current: Any) -> Any:
    if wanted != current:
        raise invalid(path, "it cannot be changed")
    return wanted


def _tracing(wanted: Any, path: str, current: Any) -> Any:
    if current is not None:
        return _same(wanted, path, current)
    return nullable(text_or(one_of("auto"), json_object))(wanted, path, current)


FORMAT = variants(
    dict(
        (
            variant("audio/pcm", {"rate": one_of(24_000)}, rate=24_000),
            variant("audio/pcmu", {}),
            variant("audio/pcma", {}),
        )
    )
)
TURN_DETECTION = variants(
    dict(
        (
            variant(
                "server_vad",
                {
                    "threshold": number(0, 1),
                    "prefix_padding_ms": integer(0, 5000),
                    "silence_duration_ms": integer(20, 10_000),
                    "idle_timeout_ms": nullable(integer(5000, 30_000)),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                },
                **{key: value for key, value in SERVER_VAD.items() if key != "type"},
            ),
            variant(
                "semantic_vad",
                {
                    "eagerness": one_of("auto", "low", "medium", "high"),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                },
                eagerness="auto",
                create_response=True,
                interrupt_response=True,
            ),
        )
    )
)
TRANSCRIPTION = fields(
    {
        "model": nullable(text(256)),
        "language": nullable(text(64)),
        "prompt": nullable(text()),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
        "keywords": array(text(256)),
        "languages": array(text(64)),
    },
    start={"model": None, "language": None, "prompt": None},
)
NOISE_REDUCTION = fields(
    {"type": one_of("near_field", "far_field"), "strength": number(0, 10)},
    start={"type": "near_field", "strength": 1},
)
VOICE = text_or(one_of(*VOICES), fields({"id": text(256)}, required=("id",)))
TOOLS = clearable(
    array(
        variants(
            dict(
                [
                    variant(
                        "function",
                        {
                            "name": text(256, min_letters=1),
                            "description": nullable(text()),
                            "parameters": json_object,
                        },
                        description=None,
                        parameters={},
                    )
                ]
            )
        )
    ),
    [],
)

# What a response may override for itself.
OUTPUT_RULES: dict[str, Rule] = {
    "output_modalities": one_of(["audio"], ["text"]),
    "instructions": clearable(text(), DEFAULT_INSTRUCTIONS),
    "max_output_tokens": text_or(one_of("inf"), integer(1, 4096)),
    "tools": TOOLS,
    "tool_choice": text_or(
        one_of("auto", "none", "required"),
        variants(dict([variant("function", {"name": text(256)})])),
    ),
    "parallel_tool_calls": boolean,
    "reasoning": nullable(
        fields({"effort": one_of("minimal", "low", "medium", "high", "xhigh")}),
    ),
    "prompt": nullable(json_object),
}
SESSION = fields(
    {
        **OUTPUT_RULES,
        "type": _same,
        "model": _same,
        "include": clearable(array(one_of(LOGPROBS)), None),
        "truncation": text_or(
            one_of("auto", "disabled"),
            variants(
                dict(
                    [
                        variant(
                            "retention_ratio",
                            {"retention_ratio": number(0, 1), "token_limits": json_object},
                            token_limits={},
                        )
                    ]
                )
            ),
        ),
        "tracing": _tracing,
        "audio": fields(
            {
                "input": fields(
                    {
                        "format": FORMAT,
                        "transcription": nullable(TRANSCRIPTION),
                        "noise_reduction": nullable(NOISE_REDUCTION),
                        "turn_detection": nullable(TURN_DETECTION),
                    }
                ),
                "output": fields({"format": FORMAT, "voice": VOICE, "speed": number(0.25, 1.5)}),
            }
        ),
    },
    required=("type",),
)


def updated_session(
    current: dict[str, Any], wanted: Any, *, voice_is_fixed: bool
) -> dict[str, Any]:
    """The session after an update; *current* is left as it is.

    Raises:
        Refused: If any part of the update cannot be had.
    """
    session: dict[str, Any] = SESSION(wanted, "session", current)
    if (
        voice_is_fixed
        and session["audio"]["output"]["voice"] != current["audio"]["output"]["voice"]
    ):
        message = "Cannot update a conversation's voice if assistant audio is present."
        raise Refused("cannot_update_voice", message, "session.audio.output.voice")
    return session
