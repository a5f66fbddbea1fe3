"""Tests of tornado_app/protocol/realtime/model_session.py."""

import json
from dataclasses import replace

import pytest
from openai.types.realtime import (
    ConversationItemCreateEvent,
    RealtimeSessionCreateRequest,
    SessionUpdateEvent,
)

from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import (
    ModelSession,
    OneFunction,
    Turn,
    change_body,
    session_body,
)
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import CreateItem, UpdateSession
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.telling import item_of

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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"output": "text"}, ("output_modalities", ["text"])),
        ({"speed": 1.25}, ("audio.output.speed", 1.25)),
        ({"transcription_language": "de"}, ("audio.input.transcription.language", "de")),
        ({"vad_idle_timeout_ms": 6000}, ("audio.input.turn_detection.idle_timeout_ms", 6000)),
        ({"create_response": False}, ("audio.input.turn_detection.create_response", False)),
        ({"interrupt_response": False}, ("audio.input.turn_detection.interrupt_response", False)),
        (
            {"turn_detection": "semantic_vad", "vad_eagerness": "low"},
            ("audio.input.turn_detection.eagerness", "low"),
        ),
        ({"turn_detection": "semantic_vad"}, ("audio.input.turn_detection.type", "semantic_vad")),
        ({"turn_detection": "none"}, ("audio.input.turn_detection", None)),
        ({"history": (Turn("user", "x"),), "metadata": {"a": "b"}}, ("instructions", "Be brief.")),
    ],
)
def test_what_is_asked_for_is_told_as_the_api_types_have_it(changes, expected):
    """Each where the reference has it, and the whole as OpenAI's own client would send it."""
    order = UpdateSession(session=session_body(replace(WANTED, **changes)), event_id="e")
    sent = json.loads(encode_order(order))
    path, value = expected
    found = sent["session"]
    for part in path.split("."):
        found = found[part]
    assert value == found

    event = SessionUpdateEvent.model_validate(sent)
    assert isinstance(event.session, RealtimeSessionCreateRequest)
    assert sent == event.model_dump(exclude_unset=True)
    assert not event.session.model_extra


FIELDS = (
    "voice",
    "instructions",
    "turn_detection",
    "output",
    "speed",
    "max_output_tokens",
    "transcription_language",
    "tools",
    "tool_choice",
)
SHOWS = Function("show", "Show it.", {"type": "object"})
SEARCHES = Function("search", "Search.", {"type": "object"}, 5.0)


@pytest.mark.parametrize("name", FIELDS)
def test_a_change_says_what_it_is_about_and_nothing_else(name):
    """Valid by the API's types; the parts of all changes are the whole but for the formats."""
    wanted = replace(WANTED, speed=1.5, transcription_language="de", tools=(SHOWS,))
    body = change_body(wanted, [name], (SEARCHES,))
    sent = json.loads(encode_order(UpdateSession(session=body, event_id="e")))
    event = SessionUpdateEvent.model_validate(sent)

    assert sent == event.model_dump(exclude_unset=True)
    assert not event.session.model_extra
    assert 2 == len(body)
    assert all(1 == len(part) for part in body.get("audio", {}).values())
    whole = session_body(wanted, (SEARCHES,))
    for part in whole["audio"].values():
        del part["format"]
    whole["audio"]["input"]["turn_detection"]["idle_timeout_ms"] = None  # what it was is over
    assert whole == change_body(wanted, FIELDS, (SEARCHES,))
    assert ["search", "show"] == [tool["name"] for tool in whole["tools"]]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"turn_detection": "none"}, None),
        (
            {"turn_detection": "semantic_vad", "vad_idle_timeout_ms": 6000},
            {"type": "semantic_vad", "create_response": True, "interrupt_response": True},
        ),
        (
            {"session": "transcription", "vad_idle_timeout_ms": 6000},
            {
                "type": "server_vad",
                "threshold": 0.4,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 450,
            },
        ),
    ],
    ids=["none", "semantic", "transcription"],
)
def test_a_change_of_turn_detection_takes_nothing_along_that_is_not_of_its_kind(changes, fields):
    """A model refuses what it does not know there."""
    body = change_body(replace(WANTED, **changes), ["turn_detection"])

    assert {"turn_detection": fields} == body["audio"]["input"]


def test_one_function_can_be_chosen():
    """By its name, as the API spells it; without tools there is no choice."""
    wanted = replace(WANTED, tools=(SHOWS,), tool_choice=OneFunction("show"))

    assert {"type": "function", "name": "show"} == session_body(wanted)["tool_choice"]
    assert "tool_choice" not in session_body(replace(wanted, tools=()))


@pytest.mark.parametrize(("role", "kind"), [("user", "input_text"), ("assistant", "output_text")])
def test_history_is_told_in_the_shapes_of_the_api(role, kind):
    """What a user has said is input, what the model has said is output, and only text."""
    [entry] = Ledger.of((Turn(role, "Hello."),), ["item_1"])
    item = item_of(entry)
    assert [{"type": kind, "text": "Hello."}] == item["content"]

    sent = json.loads(encode_order(CreateItem(item, "e")))
    assert sent == ConversationItemCreateEvent.model_validate(sent).model_dump(exclude_unset=True)


@pytest.mark.parametrize(
    ("session", "model"), [("realtime", "gpt-realtime-2.1"), ("transcription", "gpt-transcribe")]
)
def test_the_model_that_is_asked_is_the_one_that_answers_or_writes_down(session, model):
    """An address of an upstream without a model gets this one."""
    assert model == replace(WANTED, session=session).asked_model


def test_what_is_hidden_is_not_in_a_repr():
    """No trace of a fault shows it."""
    turns = (Turn("user", "canary"),)
    hidden = replace(WANTED, instructions="canary", history=turns, metadata={"a": "canary"})

    assert "canary" not in repr(hidden)
    assert "canary" not in repr(turns)
