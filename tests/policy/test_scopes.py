"""Every field, for every source, as each scope of a token has it, with the whole sentence."""

import pytest

from tests.policy.test_settling import FIRST
from tests.policy.test_widening import VALUES
from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS, SOURCES
from tornado_app.policy.formats import FORMAT_FIELDS
from tornado_app.policy.grants import ALL, Policy
from tornado_app.policy.reading import PolicyReader
from tornado_app.policy.settling import apply, rules_of

# What narrows each field, what it lets through, what it does not, and how that ends "must be".
NARROW = {
    "instructions": ({"characters": 5}, "Sing.", "Sing!!", "at most 5 characters"),
    "voice": (["ash", "sage"], "sage", "marin", "one of ash, sage"),
    "model": (["small"], "small", "huge", "one of small"),
    "transcription_model": (["ears"], "ears", "large", "one of ears"),
    "transcription_language": (["de"], "de", "en", "one of de"),
    "turn_detection": (["none"], "none", "server_vad", "one of none"),
    "output": (["text"], "text", "audio", "one of text"),
    "speed": ({"min": 0.5, "max": 1}, 1, 1.01, "a number from 0.5 to 1"),
    "max_output_tokens": ({"min": 2, "max": 9}, 9, 10, "an integer from 2 to 9"),
    "idle_timeout_s": ({"min": 60, "max": 90}, 90, 91, "an integer from 60 to 90"),
    "max_call_s": ({"min": 60, "max": 600}, 60, 59, "an integer from 60 to 600"),
    "metadata": ({"characters": 2}, {"a": "b"}, {"a": "bc"}, "at most 2 characters"),
    "history": (
        {"characters": 3},
        [{"role": "user", "text": "Hi."}],
        [{"role": "user", "text": "Hi!?"}],
        "at most 3 characters",
    ),
    "tools": (
        {"characters": 40},
        [{"name": "beep"}],
        [{"name": "b" * 60}],
        "at most 40 characters",
    ),
    "tool_choice": (["none"], "none", "required", "one of none"),
    "session": (["transcription"], "transcription", "realtime", "one of transcription"),
    "input_format": (["pcmu"], "pcmu", "pcma", "one of pcmu"),
    "input_rate": ({"min": 8000, "max": 16000}, 16000, 16001, "an integer from 8000 to 16000"),
    "input_channels": ({"min": 1, "max": 2}, 2, 3, "an integer from 1 to 2"),
    "output_format": (["pcma"], "pcma", "pcmu", "one of pcma"),
    "output_rate": ({"min": 8000, "max": 24000}, 24000, 48000, "an integer from 8000 to 24000"),
    "output_encoding": (["binary"], "binary", "base64", "one of binary"),
}
PLACES = {
    "token": "a token",
    "query": "the address",
    "configure": "the client while the call runs",
}
ROWS = [(name, source) for name in FIELDS for source in SOURCES]
SPELLED = [
    (name, source)
    for name, source in ROWS
    if source in FIELDS[name].sources and not (FIELDS[name].is_done and source == "configure")
]
NARROWED = [(name, source) for name, source in SPELLED if name in NARROW]
UNSPELLED = sorted({*ROWS} - {*SPELLED})


def policy_of(name, source, everybody, **scopes):
    """A policy that says something of this one field and source, and nothing else is allowed."""
    reader = PolicyReader({})
    policy = reader.read(
        {
            "fields": {name: {source: everybody}},
            "scopes": {scope: {name: {source: word}} for scope, word in scopes.items()},
        }
    )
    assert not reader.problems
    return policy


def asked(policy, held, name, source, value):
    """The session then, or code, field and sentence."""
    try:
        return apply(FIRST, rules_of(policy, frozenset(held), {}), source, {name: value})
    except Refused as refused:
        return refused.code, refused.field, refused.sentence


def is_set(found, name, value):
    if isinstance(found, tuple):
        return False
    if name in FORMAT_FIELDS:
        return True  # they are no part of what the model is asked
    if name == "turn_detection":
        return found.turn_detection == value
    return getattr(found, name) == FIELDS[name].check(name, value)


def denied(name, source, may="nothing"):
    sentence = f"{name} may not be set by {PLACES[source]}; what may be set is {may}."
    return "permission_denied", name, sentence


@pytest.mark.parametrize(("name", "source"), SPELLED)
def test_a_scope_says_who_may_at_all(name, source):
    """In place of what holds for everybody; of several, one that allows is enough."""
    value = VALUES[name][-1]
    shut = policy_of(name, source, everybody=False, opens=True, shuts=False)
    wide = policy_of(name, source, everybody=True, opens=True, shuts=False)
    for policy, held, may in (
        (shut, (), False),
        (shut, ("opens",), True),
        (shut, ("shuts",), False),
        (shut, ("opens", "shuts"), True),
        (shut, ("unknown",), False),
        (wide, (), True),
        (wide, ("opens",), True),
        (wide, ("shuts",), False),
        (wide, ("opens", "shuts"), True),
        (wide, ("unknown", "shuts"), False),
        (wide, ("unknown",), True),
    ):
        found = asked(policy, held, name, source, value)
        if may:
            assert is_set(found, name, value), (held, found)
        else:
            assert denied(name, source) == found, held


def test_all_that_can_be_narrowed_is():
    """Whether pictures may be shown, or a call is recorded, has no half."""
    assert FIELDS.keys() - {"images", "record"} == NARROW.keys()


@pytest.mark.parametrize(("name", "source"), NARROWED)
def test_a_scope_says_to_what(name, source):
    """Narrower than for everybody, or wider; and two scopes allow what either does."""
    word, good, bad, must_be = NARROW[name]
    narrow = policy_of(name, source, everybody=True, narrows=word, opens=True)
    wide = policy_of(name, source, everybody=word, opens=True)
    refused = ("invalid_message", name, f"{name} must be {must_be}.")

    assert is_set(asked(narrow, (), name, source, bad), name, bad)
    assert is_set(asked(narrow, ("narrows",), name, source, good), name, good)
    assert refused == asked(narrow, ("narrows",), name, source, bad)
    assert is_set(asked(narrow, ("narrows", "opens"), name, source, bad), name, bad)
    assert is_set(asked(wide, (), name, source, good), name, good)
    assert refused == asked(wide, (), name, source, bad)
    assert is_set(asked(wide, ("opens",), name, source, bad), name, bad)


@pytest.mark.parametrize(("name", "source"), UNSPELLED)
def test_what_a_source_cannot_spell_no_scope_gives_it(name, source):
    """Nor would a policy that said so be taken."""
    policy = Policy({}, {"all": {(name, source): ALL}})

    assert denied(name, source) == asked(policy, ("all",), name, source, VALUES[name][-1])
    reader = PolicyReader({})
    reader.read({"scopes": {"all": {name: {source: True}}}})
    assert reader.problems or source in FIELDS[name].sources
