"""The rules of a session's input audio, and of the formats on both sides."""

from typing import Any

from local_realtime.session.value_rules import (
    Rule,
    array,
    boolean,
    clearable,
    fields,
    integer,
    nullable,
    number,
    one_of,
    text,
    variant,
    variants,
)

PCM = {"type": "audio/pcm", "rate": 24_000}
FORMAT = clearable(
    variants(
        dict(
            (
                variant("audio/pcm", {"rate": one_of(24_000)}, rate=24_000),
                variant("audio/pcmu", {}),
                variant("audio/pcma", {}),
            )
        )
    ),
    PCM,
)
DETECTION_RULES: dict[str, Rule] = {
    "threshold": number(0, 1),
    "prefix_padding_ms": integer(0, 5000),
    "silence_duration_ms": integer(20, 10_000),
}
EAGERNESS = one_of("auto", "low", "medium", "high")
ANSWERING_RULES: dict[str, Rule] = {"create_response": boolean, "interrupt_response": boolean}
ANSWERING_START = {"create_response": True, "interrupt_response": True}
TRANSCRIPTION = clearable(
    fields(
        {
            "model": nullable(text(256)),
            "language": nullable(text(64)),
            "prompt": nullable(text()),
            "delay": nullable(one_of("minimal", "low", "medium", "high", "xhigh")),
            "keywords": nullable(array(text(256))),
            "languages": nullable(array(text(64))),
        },
        start={"model": None, "language": None, "prompt": None},
    ),
    None,
)
NOISE_REDUCTION = clearable(
    fields(
        {"type": one_of("near_field", "far_field"), "strength": number(0, 10)},
        start={"type": "near_field", "strength": 1},
    ),
    None,
)
LOGPROBS = "item.input_audio_transcription.logprobs"
INCLUDE = clearable(array(one_of(LOGPROBS)), None)


def server_vad(silence_duration_ms: int) -> dict[str, Any]:
    """The turn detection that a transcription session begins with."""
    return {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": silence_duration_ms,
    }


def answering_vad(silence_duration_ms: int) -> dict[str, Any]:
    """The turn detection that a realtime session begins with."""
    return {**server_vad(silence_duration_ms), "idle_timeout_ms": None, **ANSWERING_START}


def turn_detection(default: dict[str, Any], *, answers: bool) -> Rule:
    """The rule whose server VAD begins as *default*; null turns detection off."""
    server_rules = dict(DETECTION_RULES)
    if answers:
        server_rules["idle_timeout_ms"] = nullable(integer(5000, 30_000))
    answering = ANSWERING_RULES if answers else {}
    start = ANSWERING_START if answers else {}
    defaults = {key: value for key, value in default.items() if key != "type"}
    kinds = (
        variant("server_vad", {**server_rules, **answering}, **defaults),
        variant("semantic_vad", {"eagerness": EAGERNESS, **answering}, eagerness="auto", **start),
    )
    return clearable(variants(dict(kinds)), None)


def audio_input(detection: Rule) -> Rule:
    return fields(
        {
            "format": FORMAT,
            "transcription": TRANSCRIPTION,
            "noise_reduction": NOISE_REDUCTION,
            "turn_detection": detection,
        }
    )
