"""Tests of tornado_app/protocol/realtime/model_session.py."""

import json
from dataclasses import replace

import pytest

from tornado_app.protocol.realtime.model_session import ModelSession, session_body

WANTED = ModelSession(
    model="gpt-realtime-2.1",
    instructions="Be brief.",
    voice="marin",
    turn_detection="server_vad",
    vad_threshold=0.4,
    vad_prefix_padding_ms=200,
    vad_silence_ms=450,
    transcription_model="gpt-transcribe",
    max_output_tokens=1000,
)


def test_the_body_is_that_of_the_ga_dialect():
    """Every field where the API's reference of session.update has it; no model, no temperature."""
    pcm = {"type": "audio/pcm", "rate": 24_000}

    expected = {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "max_output_tokens": 1000,
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.4,
                    "prefix_padding_ms": 200,
                    "silence_duration_ms": 450,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": pcm, "voice": "marin"},
        },
    }
    assert expected == session_body(WANTED)
    assert expected == json.loads(json.dumps(session_body(WANTED)))


@pytest.mark.parametrize(
    ("turn_detection", "expected"),
    [
        ("none", None),
        (
            "semantic_vad",
            {"type": "semantic_vad", "create_response": True, "interrupt_response": True},
        ),
    ],
)
def test_who_decides_on_turns(turn_detection, expected):
    """Null turns detection off; semantic_vad takes no threshold."""
    body = session_body(replace(WANTED, turn_detection=turn_detection))

    assert expected == body["audio"]["input"]["turn_detection"]


def test_what_is_switched_off_is_said_so():
    """No transcription is null, no limit is "inf", and empty instructions are not sent: they would
    bring back the server's own.
    """
    body = session_body(replace(WANTED, transcription_model="", max_output_tokens=0))
    assert body["audio"]["input"]["transcription"] is None
    assert "inf" == body["max_output_tokens"]

    assert "instructions" not in session_body(replace(WANTED, instructions=""))
