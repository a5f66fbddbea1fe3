"""What can be set of a call that only transcribes."""

from dataclasses import replace

import pytest

from tests.policy.test_settling import FIRST
from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS, SOURCES
from tornado_app.policy.formats import FORMAT_FIELDS
from tornado_app.policy.grants import ALL, Policy
from tornado_app.policy.settling import apply, rules_of, settle

EVERYTHING = Policy({(name, source): ALL for name in FIELDS for source in SOURCES}, {})
SCRIBE = {"session": "transcription"}
SETTABLE = {
    "transcription_model": "large",
    "transcription_language": "de",
    "turn_detection": {"type": "server_vad", "threshold": 0.9},
    "metadata": {"plan": "gold"},
    "record": True,
    "idle_timeout_s": 60,
    "max_call_s": 600,
}
OF_ANSWERS = {
    "instructions": "Sing.",
    "voice": "ash",
    "model": "small",
    "output": "text",
    "speed": 1.5,
    "max_output_tokens": 5,
    "history": [{"role": "user", "text": "Hi."}],
    "tools": [{"name": "beep"}],
    "tool_choice": "none",
    "images": True,
}


FORMATS = ", ".join(name for name in FIELDS if name in FORMAT_FIELDS)


def rules(said=None):
    return rules_of(EVERYTHING, frozenset(), said or {})


def test_every_field_concerns_it_or_does_not():
    """A new field has to be thought about."""
    assert {*SETTABLE, *OF_ANSWERS, *FORMAT_FIELDS, "session"} == set(FIELDS)


@pytest.mark.parametrize("name", sorted(FORMAT_FIELDS))
def test_formats_are_nothing_that_the_model_is_asked(name):
    """A client may always say what it sends, and what it would play."""
    value = {"rate": 8_000, "channels": 1, "format": "pcm16", "encoding": "binary"}
    asked = SCRIBE | {name: value[name.split("_")[1]]}

    assert apply(FIRST, rules(), "query", SCRIBE) == apply(FIRST, rules(), "query", asked)


@pytest.mark.parametrize("name", SETTABLE)
def test_what_concerns_what_is_heard_can_be_set(name):
    """By the token here, as all can be there."""
    found = apply(FIRST, rules(), "token", SCRIBE | {name: SETTABLE[name]})

    assert found.only_transcribes
    assert found != apply(FIRST, rules(), "token", SCRIBE)


@pytest.mark.parametrize("name", OF_ANSWERS)
@pytest.mark.parametrize("source", SOURCES)
def test_what_concerns_answers_is_refused_by_name(name, source):
    """Whoever says it, and whether it comes with the session or after it."""
    scribe = replace(FIRST, session="transcription")
    may = {
        "token": (
            "transcription_model, transcription_language, turn_detection, metadata, record, "
            "idle_timeout_s, max_call_s, session"
        ),
        "query": f"transcription_language, turn_detection, session, {FORMATS}",
        "configure": f"transcription_language, turn_detection, {FORMATS}",
    }[source]
    for first, said in ((scribe, {}), (FIRST, SCRIBE)):
        if said and source == "configure":
            continue
        with pytest.raises(Refused) as refused:
            apply(first, rules(), source, said | {name: OF_ANSWERS[name]})
        assert ("invalid_message", name) == (refused.value.code, refused.value.field)
        sentence = f"{name} makes no sense in a call that only transcribes; what may be set of it"
        assert f"{sentence} is {may}." == refused.value.sentence


@pytest.mark.parametrize("part", ["create_response", "interrupt_response", "idle_timeout_ms"])
def test_parts_of_turn_detection_that_concern_answers_are_refused(part):
    """With their path."""
    value = {"type": "server_vad", part: 5000 if part == "idle_timeout_ms" else False}
    with pytest.raises(Refused) as refused:
        apply(FIRST, rules(), "token", SCRIBE | {"turn_detection": value})

    assert f"turn_detection.{part}" == refused.value.field
    assert apply(FIRST, rules(), "token", {"turn_detection": value})


def test_what_a_token_says_for_answers_does_not_reach_a_call_that_has_none():
    """The address chose it: nothing of the token's words to the model is left."""
    said = {name: OF_ANSWERS[name] for name in ("instructions", "voice", "history", "tools")}
    found = settle(FIRST, rules(said), said, SCRIBE)

    assert ((), (), "ash") == (found.history, found.tools, found.voice)


def test_a_call_that_the_token_made_so_stays_so():
    """A client cannot make a dearer one of it, unless the token leaves that open."""
    with pytest.raises(Refused, match="session is for the token to decide"):
        settle(FIRST, rules(SCRIBE), SCRIBE, {"session": "realtime"})
    open_to_all = SCRIBE | {"client_may": {"session": True}}

    found = settle(FIRST, rules(open_to_all), open_to_all, {"session": "realtime"})
    assert not found.only_transcribes


def test_without_a_model_that_transcribes_there_is_no_such_call():
    """Said before anybody is dialled."""
    with pytest.raises(Refused, match="has no model that transcribes") as refused:
        apply(replace(FIRST, transcription_model=""), rules(), "query", SCRIBE)

    assert ("invalid_message", "session") == (refused.value.code, refused.value.field)
