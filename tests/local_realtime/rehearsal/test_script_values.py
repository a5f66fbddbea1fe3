"""Patterns, and what is filled in."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_realtime.rehearsal.script_values import Unfilled, fill, generated, mismatch, placeholders

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
EVENT = {
    "type": "session.update",
    "session": {"type": "realtime", "tools": [{"name": "a", "strict": True}], "speed": 1},
    "event_id": "event_7",
    "note": None,
}

MATCHES = [
    {},
    {"type": "session.update"},
    {"type": "session.*"},
    {"type": "*.upd*e"},
    {"session": "*"},
    {"note": "*"},
    {"note": None},
    {"event_id": "event_*"},
    {"session": {"speed": 1.0}},
    {"session": {"tools": [{"name": "a"}]}},
    {"session": {"tools": ["*"]}},
]


@pytest.mark.parametrize("pattern", MATCHES, ids=str)
def test_only_what_is_asked_for_has_to_match(pattern):
    """Other keys may be there; a star is any text, or anything."""
    assert mismatch(pattern, EVENT) is None


MISMATCHES = {
    'type: expected "response.create", got "session.update"': {"type": "response.create"},
    'type: expected "session", got "session.update"': {"type": "session"},
    'audio: expected "*", and it is not there': {"audio": "*"},
    "session.speed: expected true, got 1": {"session": {"speed": True}},
    "session.speed: expected 2, got 1": {"session": {"speed": 2}},
    "session.tools: expected 0 entries, got 1": {"session": {"tools": []}},
    'session.tools[0].name: expected "b", got "a"': {"session": {"tools": [{"name": "b"}]}},
    'note: expected "x*", got null': {"note": "x*"},
    'event_id: expected {"a": 1}, got "event_7"': {"event_id": {"a": 1}},
}


@pytest.mark.parametrize(("sentence", "pattern"), MISMATCHES.items(), ids=MISMATCHES)
def test_a_mismatch_says_where_and_what(sentence, pattern):
    """The path, what was expected, what came."""
    assert mismatch(pattern, EVENT) == sentence


@given(JSON)
def test_everything_matches_itself(value):
    """Stars in it included."""
    assert mismatch(value, value) is None


@given(JSON, JSON)
def test_any_pattern_can_be_held_against_any_value(pattern, value):
    """The verdict is a short text, or none."""
    wrong = mismatch(pattern, value)

    assert wrong is None or isinstance(wrong, str)


NAMES = {"update": {"session": {"tools": [{"name": "a"}], "speed": 1.5}}, "connection": 2}
FILLED = {
    "${update.session.speed}": 1.5,
    "${update.session.tools.0}": {"name": "a"},
    "to ${update.session.tools.0.name} at ${update.session.speed}": "to a at 1.5",
    "$connection {connection}": "$connection {connection}",
    "${connection}": 2,
}


@pytest.mark.parametrize(("text", "value"), FILLED.items(), ids=FILLED)
def test_a_placeholder_becomes_its_value(text, value):
    """With its type where it stands alone, as text within text; at any depth."""
    assert fill(text, NAMES) == value
    assert fill({"a": [{"b": text}]}, NAMES) == {"a": [{"b": value}]}


@pytest.mark.parametrize("name", ["update.sesion", "update.session.tools.1", "connection.x"])
def test_a_placeholder_that_leads_nowhere(name):
    """It is named, and so is what there is."""
    with pytest.raises(Unfilled, match=re.escape(name)):
        fill(f"${{{name}}}", NAMES)


def test_ids_and_sound_are_made():
    """New each time; sound in the API's format."""
    assert re.fullmatch(r"item_[0-9A-Za-z]{21}", fill("${new.item}", {}))
    assert fill("${new.item}", {}) != fill("${new.item}", {})
    assert base64.b64decode(fill("${silence.20}", {})) == bytes(960)
    assert len(base64.b64decode(fill("${tone.20}", {}))) == 960


@pytest.mark.parametrize("name", ["new", "new.", "new.a_b", "silence.x", "tone.60001", "item"])
def test_nothing_else_is_made(name):
    """A mistake in a script is found when it is read."""
    assert generated(name) is None


def test_placeholders_are_found_at_any_depth():
    """In texts, not in keys."""
    value = {"${key}": ["${a}", {"b": "x ${b.c} y ${d}"}], "n": 1}

    assert list(placeholders(value)) == ["a", "b.c", "d"]
