"""Schemas that come with a call: which are taken, and what fits them."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tornado_app.policy.schemas import BadSchema, check_schema, fault_of


def objects(**properties):
    return {"type": "object", "properties": properties}


SELF = {
    "type": "object",
    "properties": {"next": {"$ref": "#"}, "a~b/c": True, "of": {"$ref": "#/properties/a~0b~1c"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        SELF,
        objects(a={"anyOf": [{"type": ["string", "null"]}, {"$ref": "#/$defs/b"}]})
        | {"$defs": {"b": {"type": "integer"}}},
        objects(pattern={"type": "string", "pattern": "(a+)+$"}),
        {"type": "object", "title": "x", "$schema": "https://json-schema.org/draft/2020-12/schema"},
    ],
)
def test_schemas_that_are_taken(schema):
    """What libraries make of types; words that are not looked at are no fault."""
    check_schema(schema)
    Draft202012Validator.check_schema(schema)


def deep(levels):
    schema = {}
    for _ in range(levels):
        schema = {"items": schema}
    return objects(a=schema)


def nested(levels):
    """What is in no word that is looked at, and is written for the model all the same."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {},
        {"type": "array"},
        objects(a=7),
        objects(a={"type": "text"}),
        objects(a={"type": [[]]}),
        objects(a={"type": {}}),
        objects(a={"enum": 7}),
        objects(a={"enum": []}),
        objects(a={"type": []}),
        objects(a={"required": "a"}),
        objects(a={"required": [7]}),
        objects(a={"minimum": "x"}),
        objects(a={"maxLength": True}),
        objects(a={"anyOf": []}),
        objects(a={"allOf": {}}),
        objects(a={"$ref": 7}),
        objects(a={"$ref": "https://example.com/x"}),
        objects(a={"$ref": "#/nowhere"}),
        objects(a={"$ref": "#/properties"}),
        objects(a={"$ref": "#/x/1", "x": [{}]}),
        {"type": "object", "properties": []},
        {"type": "object", "additionalProperties": 7},
        deep(60),
        deep(5000),
        objects(a={"default": nested(200)}),
    ],
)
def test_schemas_that_are_not_taken(schema):
    """Nothing that is looked at later has another shape than it must have."""
    with pytest.raises(BadSchema) as bad:
        check_schema(schema)
    assert str(bad.value).startswith("a JSON Schema")


CASES = objects(
    text={"type": "string", "minLength": 2, "maxLength": 4},
    whole={"type": "integer", "minimum": 1, "maximum": 5},
    part={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    flag={"type": "boolean"},
    one={"enum": ["a", 1, None]},
    same={"const": 0},
    some={"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    either={"oneOf": [{"type": "integer"}, {"minimum": 3}]},
    any={"anyOf": [{"type": "string"}, {"type": "null"}]},
    all={"allOf": [{"type": "integer"}, {"minimum": 3}]},
    ref={"$ref": "#/$defs/pair"},
    never=False,
) | {
    "required": ["text"],
    "additionalProperties": {"type": "string"},
    "$defs": {"pair": objects(a={"type": "integer"}) | {"required": ["a"]}},
}
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 3, 6, 0.5, 2.0, "", "a", "abc", "abcdef"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("a"), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*CASES["properties"], "other"]), VALUES))
@settings(max_examples=300, deadline=None)
def test_what_fits_is_what_a_whole_library_finds_fitting(arguments):
    """In the words that are looked at, there is no difference."""
    is_valid = Draft202012Validator(CASES).is_valid(arguments)

    assert is_valid == (fault_of(CASES, arguments) is None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "text is missing"),
        ({"text": 7}, "text must be of type string."),
        ({"text": "abc", "one": "x"}, 'one must be one of "a", 1, null.'),
        ({"text": "abc", "some": [1, "x"]}, "some[1] must be of type integer."),
        ({"text": "abc", "whole": 9}, "whole is too small or too large."),
        ({"text": "abcdef"}, "text is too short or too long."),
        ({"text": "abc", "never": 1}, "never may not be there."),
    ],
)
def test_the_model_is_told_what_does_not_fit(arguments, words):
    """In a sentence that names the place."""
    assert words in fault_of(CASES, arguments)


def bomb():
    """Each level refers to the next twice: 2 to the power of 40 ways."""
    levels = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(40)
    }
    return objects(a={"$ref": "#/$defs/l0"}) | {"$defs": levels | {"l40": True}}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (bomb(), {"a": 1}),
        (objects(a={"$ref": "#/properties/a"}), {"a": 1}),
        (objects(a={"type": "array", "items": {"enum": list(range(999))}}), {"a": [998] * 4000}),
        (objects(a={"items": {"enum": [list(range(999))]}}), {"a": [list(range(999))] * 9}),
        (objects(a={"anyOf": [{"const": {"b": [0] * 999}}] * 9}), {"a": {"b": [0] * 998}}),
        (objects(a={"items": {"type": ["null"] * 99 + ["integer"]}}), {"a": [1] * 99}),
    ],
)
def test_no_schema_takes_more_than_its_time(schema, arguments):
    """Ways without number, a circle, a large product: the model is told to be brief."""
    check_schema(schema)

    assert "too long" in fault_of(schema, arguments)


def test_a_reference_is_followed_at_every_step_and_read_once():
    """One of 20 kB, at each item of a list, once stopped every call for seconds."""
    key = "x" * 700
    schema = objects(a={"items": {"$ref": "#/$defs/" + "%78" * 700}}) | {"$defs": {key: {}}}
    check_schema(schema)
    lines = 0

    def trace(_frame, event, _):
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        found = fault_of(schema, {"a": [0] * 500})
    finally:
        sys.settrace(before)

    assert found is None
    assert lines < 100_000


def test_a_pattern_is_not_tried():
    """It could take for ever."""
    schema = objects(a={"type": "string", "pattern": "(a+)+$"}) | {
        "patternProperties": {"(b+)+$": False},
        "additionalProperties": False,
    }
    check_schema(schema)

    assert fault_of(schema, {"a": "a" * 30 + "!", "b" * 30 + "!": 1}) is None


ONE_OF = objects(a={"oneOf": [{"type": "number"}, {"minimum": 3}]})


@pytest.mark.parametrize(
    ("schema", "value", "fault"),
    [
        (objects(a={"type": ["null"] * 9}), {"a": 3}, "a must be of type null."),
        (objects(a={"minimum": 3}), {"a": 3}, None),
        (objects(a={"minimum": 3}), {"a": 2}, "a is too small or too large."),
        (objects(a={"maximum": 3}), {"a": 3}, None),
        (objects(a={"maximum": 3}), {"a": 4}, "a is too small or too large."),
        (objects(a={"exclusiveMinimum": 3}), {"a": 3}, "a is too small or too large."),
        (objects(a={"exclusiveMinimum": 3}), {"a": 3.1}, None),
        (objects(a={"exclusiveMaximum": 3}), {"a": 3}, "a is too small or too large."),
        (objects(a={"exclusiveMaximum": 3}), {"a": 2.9}, None),
        (objects(a={"minLength": 2}), {"a": "x"}, "a is too short or too long."),
        (objects(a={"minLength": 2}), {"a": "xy"}, None),
        (objects(a={"maxItems": 1}), {"a": [1, 2]}, "a is too short or too long."),
        (objects(a={"maxItems": 1}), {"a": [1]}, None),
        (objects(a={"type": "integer"}), {"a": 2.0}, None),
        (ONE_OF, {"a": 4}, "a fits several of what it may be, and must fit one."),
        (ONE_OF, {"a": 2}, None),
        (objects(a={"$ref": "#/x/1"}) | {"x": [{}, {"minimum": 3}]}, {"a": 3}, None),
    ],
)
def test_what_fits_and_what_does_not(schema, value, fault):
    """To the border, and in which words."""
    assert fault == fault_of(schema, value)
