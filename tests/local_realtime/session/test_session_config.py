"""What an update makes of the session, and what it is refused for."""

import copy

import pytest

from local_realtime.errors import Refused
from local_realtime.session.session_config import (
    DEFAULT_INSTRUCTIONS,
    default_session,
    require_unfixed,
    updated_session,
)


@pytest.fixture
def session():
    return default_session("m")


def update(session, **wanted):
    return updated_session(session, {"type": "realtime", **wanted})


def audio_input(**fields):
    return {"audio": {"input": fields}}


def test_absent_fields_stay(session):
    """A sparse update changes one leaf."""
    after = update(session, **audio_input(turn_detection={"threshold": 0.7}))

    assert after["audio"]["input"]["turn_detection"] == {
        **session["audio"]["input"]["turn_detection"],
        "threshold": 0.7,
    }
    assert after["audio"]["output"] == session["audio"]["output"]


def test_the_current_session_is_never_changed(session):
    """An update builds a new one, so that a refused update leaves nothing behind."""
    before = copy.deepcopy(session)
    update(session, instructions="x", **audio_input(turn_detection=None))

    assert session == before


def test_null_turns_detection_off_and_a_type_turns_it_on(session):
    """What was off begins with its defaults."""
    off = update(session, **audio_input(turn_detection=None))
    after = update(off, **audio_input(turn_detection={"type": "server_vad"}))

    assert off["audio"]["input"]["turn_detection"] is None
    assert after == session


def test_another_type_starts_afresh(session):
    """Nothing of server_vad is left in semantic_vad."""
    after = update(session, **audio_input(turn_detection={"type": "semantic_vad"}))

    assert after["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize("empty", [None, "", []], ids=["null", "text", "list"])
def test_empty_instructions_restore_the_default(session, empty):
    """As the API does."""
    after = update(update(session, instructions="x"), instructions=empty)

    assert after["instructions"] == DEFAULT_INSTRUCTIONS


def test_transcription_is_echoed_with_its_empty_fields(session):
    """Clients read `language` and `prompt` whether they set them or not."""
    after = update(session, **audio_input(transcription={"model": "local"}))

    assert after["audio"]["input"]["transcription"] == {
        "model": "local",
        "language": None,
        "prompt": None,
    }


def test_what_the_agents_sdk_sends_first_is_accepted(session):
    """The first two updates of agents-py."""
    first = update(
        session,
        model="m",
        instructions="Help.",
        output_modalities=["audio"],
        tools=[],
        audio={
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"voice": "ash", "speed": 1},
        },
    )
    second = update(first, tracing="auto")

    assert second["tracing"] == "auto"
    assert second["audio"]["output"]["voice"] == "ash"


REFUSED = {
    "no object": ("x", "invalid_type", "session"),
    "no type": ({}, "missing_required_parameter", "session.type"),
    "other type": ({"type": "transcription"}, "invalid_parameter", "session.type"),
    "no such type": ({"type": "translation"}, "invalid_value", "session.type"),
    "prompt": ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "session.prompt"),
    "custom voice": (
        {"audio": {"output": {"voice": {"id": "voice_1"}}}},
        "invalid_value",
        "session.audio.output.voice.id",
    ),
    "include": ({"include": ["item.everything"]}, "invalid_value", "session.include[0]"),
    "tracing": ({"tracing": {"name": "x"}}, "unknown_parameter", "session.tracing.name"),
    "retention": (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 2}},
        "invalid_value",
        "session.truncation.retention_ratio",
    ),
    "tool choice of mcp": (
        {"tool_choice": {"type": "mcp", "server_label": "x"}},
        "invalid_value",
        "session.tool_choice",
    ),
    "temperature": ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
    "model": ({"model": "other"}, "invalid_value", "session.model"),
    "both modalities": (
        {"output_modalities": ["text", "audio"]},
        "invalid_value",
        "session.output_modalities",
    ),
    "unknown voice": (
        {"audio": {"output": {"voice": "bob"}}},
        "invalid_value",
        "session.audio.output.voice",
    ),
    "voice without id": (
        {"audio": {"output": {"voice": {}}}},
        "missing_required_parameter",
        "session.audio.output.voice.id",
    ),
    "low rate": (
        audio_input(format={"type": "audio/pcm", "rate": 16000}),
        "invalid_value",
        "session.audio.input.format.rate",
    ),
    "rate of a law": (
        audio_input(format={"type": "audio/pcmu", "rate": 8000}),
        "unknown_parameter",
        "session.audio.input.format.rate",
    ),
    "threshold": (
        audio_input(turn_detection={"threshold": 1.5}),
        "invalid_value",
        "session.audio.input.turn_detection.threshold",
    ),
    "true is no number": (
        audio_input(turn_detection={"threshold": True}),
        "invalid_type",
        "session.audio.input.turn_detection.threshold",
    ),
    "idle timeout": (
        audio_input(turn_detection={"idle_timeout_ms": 1}),
        "invalid_value",
        "session.audio.input.turn_detection.idle_timeout_ms",
    ),
    "idle timeout of semantic_vad": (
        audio_input(turn_detection={"type": "semantic_vad", "idle_timeout_ms": 5000}),
        "unknown_parameter",
        "session.audio.input.turn_detection.idle_timeout_ms",
    ),
    "tokens": ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
    "tool type": ({"tools": [{"type": "web"}]}, "invalid_value", "session.tools[0].type"),
    "mcp tool": (
        {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://x"}]},
        "invalid_value",
        "session.tools[0]",
    ),
    "tool without name": (
        {"tools": [{"type": "function"}]},
        "missing_required_parameter",
        "session.tools[0].name",
    ),
    "tool choice": ({"tool_choice": {}}, "missing_required_parameter", "session.tool_choice.type"),
}


@pytest.mark.parametrize(("wanted", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_a_bad_update_is_refused(session, wanted, code, param):
    """With the code and the path of the field."""
    if isinstance(wanted, dict) and param != "session.type":
        wanted = {"type": "realtime", **wanted}
    with pytest.raises(Refused) as refused:
        updated_session(session, wanted)

    assert (refused.value.code, refused.value.param) == (code, param)


def test_tracing_cannot_be_changed_once_on(session):
    """The same value may be sent again."""
    on = update(session, tracing="auto")

    assert update(on, tracing="auto") == on
    with pytest.raises(Refused):
        update(on, tracing=None)


def test_the_voice_is_fixed_after_audio(session):
    """The same voice may be sent again."""
    same = update(session, audio={"output": {"voice": "marin"}})
    other = update(session, audio={"output": {"voice": "ash"}})

    require_unfixed(session, same, voice_is_fixed=True, is_answering=True)
    with pytest.raises(Refused, match="voice") as refused:
        require_unfixed(session, other, voice_is_fixed=True, is_answering=False)
    assert refused.value.code == "cannot_update_voice"


def test_the_speed_of_an_answer_in_progress_stays(session):
    """Between answers it may change."""
    faster = update(session, audio={"output": {"speed": 1.5}})

    require_unfixed(session, faster, voice_is_fixed=True, is_answering=False)
    with pytest.raises(Refused) as refused:
        require_unfixed(session, faster, voice_is_fixed=True, is_answering=True)
    assert refused.value.param == "session.audio.output.speed"


CLEARED = {
    "output_modalities": (["text"], ["audio"]),
    "tools": ([{"type": "function", "name": "f"}], []),
    "tool_choice": ("none", "auto"),
    "max_output_tokens": (5, "inf"),
    "truncation": ("disabled", "auto"),
    "include": (["item.input_audio_transcription.logprobs"], None),
    "parallel_tool_calls": (False, None),
    "reasoning": ({"effort": "high"}, None),
}


@pytest.mark.parametrize(("field", "values"), CLEARED.items(), ids=CLEARED)
def test_null_restores_the_default(session, field, values):
    """Of every field of the session, as `[]` and "" do where they are no values themselves."""
    value, default = values
    changed = update(session, **{field: value})

    assert changed[field] != default
    assert update(changed, **{field: None})[field] == default


AUDIO_CLEARED = {
    "format": ("input", {"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 24000}),
    "transcription": ("input", {"model": "whisper-1"}, None),
    "noise_reduction": ("input", {"type": "far_field"}, None),
    "turn_detection": ("input", {"type": "semantic_vad"}, None),
    "voice": ("output", "ash", "marin"),
    "speed": ("output", 1.5, 1.0),
}


@pytest.mark.parametrize("empty", [None, "", []], ids=["null", "text", "list"])
@pytest.mark.parametrize(("field", "row"), AUDIO_CLEARED.items(), ids=AUDIO_CLEARED)
def test_empty_clears_audio_fields(session, field, row, empty):
    """What is off by default is off again; the rest has its default again."""
    side, value, default = row
    changed = update(session, audio={side: {field: value}})
    cleared = update(changed, audio={side: {field: empty}})

    assert changed["audio"][side][field] != default
    assert cleared["audio"][side][field] == default


def test_the_strength_of_noise_reduction_is_kept(session):
    """It begins as 1, and an update without it leaves it as it is."""
    on = update(session, **audio_input(noise_reduction={"type": "near_field"}))
    strong = update(on, **audio_input(noise_reduction={"strength": 3}))
    far = update(strong, **audio_input(noise_reduction={"type": "far_field"}))

    assert on["audio"]["input"]["noise_reduction"]["strength"] == 1
    assert far["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 3}


def test_a_model_has_its_own_defaults():
    """Those that the API's models were seen to have; an unknown name has the newest's."""
    seen = {
        model: (
            default_session(model)["audio"]["output"]["voice"],
            default_session(model)["audio"]["input"]["turn_detection"]["silence_duration_ms"],
        )
        for model in ("gpt-realtime", "gpt-realtime-mini", "gpt-realtime-2.1-mini", "any")
    }

    assert seen == {
        "gpt-realtime": ("alloy", 200),
        "gpt-realtime-mini": ("alloy", 200),
        "gpt-realtime-2.1-mini": ("marin", 500),
        "any": ("marin", 500),
    }


@pytest.mark.parametrize("wanted", [{"parallel_tool_calls": True}, {"reasoning": {}}], ids=str)
def test_only_reasoning_models_reason(wanted):
    """The older ones refuse what is for the newer."""
    assert update(default_session("gpt-realtime-2"), **wanted)
    with pytest.raises(Refused, match="reasoning models") as refused:
        update(default_session("gpt-realtime"), **wanted)
    assert refused.value.code == "invalid_value"
