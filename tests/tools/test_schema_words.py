"""What a model or an operator reads of a schema that is not fitted has no word of Python's."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from tornado_app.tools.arguments import BadArguments, Schema
from tornado_app.tools.schema_words import _PHRASES

DESCENDS = {
    "$ref", "$dynamicRef", "allOf", "dependentSchemas", "if", "patternProperties", "prefixItems",
    "properties", "propertyNames",
}  # fmt: skip
"""What the library says of these is of what stands in them."""
YES_OR_NONE = [True, None, {"b": "it's"}]


@pytest.mark.parametrize(
    ("wanted", "given", "sentence"),
    [
        ({"type": ["string", "null"]}, True, 'a: true is not of type "string" or "null".'),
        ({"type": "string"}, {"b": None}, 'a: {"b": null} is not of type "string".'),
        ({"enum": YES_OR_NONE}, False, 'a: false is not one of [true, null, {"b": "it\'s"}].'),
        ({"const": None}, "x", 'a: "x" is not null.'),
        ({"not": {"const": True}}, True, "a: true fits what it may not be."),
        ({"minimum": 3}, 2.5, "a: 2.5 is less than 3."),
        ({"exclusiveMaximum": 3}, 3, "a: 3 is not less than 3."),
        ({"multipleOf": 3}, 4, "a: 4 is not a multiple of 3."),
        ({"minItems": 2}, [None], "a: [null] has fewer items than 2."),
        ({"maxLength": 1}, "é'", 'a: "é\'" has more characters than 1.'),
        ({"pattern": "^x"}, "y", 'a: "y" does not match "^x".'),
        ({"required": ["b", "c"]}, {"b": 1}, 'a: {"b": 1} must have "b" and "c".'),
        (
            {"properties": {"b": {}}, "additionalProperties": False},
            {"b": True, "c": None},
            'a: {"b": true, "c": null} may have no other names than ["b"].',
        ),
        ({"properties": {"b": False}}, {"b": None}, "null may not be there."),
        ({"oneOf": [{}, True]}, None, "a: null fits several of what it may be, and must fit one."),
        (
            {"prefixItems": [{}], "items": False},
            [1, None],
            "a: [1, null] has more items than it may.",
        ),
        ({"contains": {"const": True}}, [None], "a: [null] has not as many items as it must"),
        ({"unevaluatedProperties": False}, {"b": None}, 'a: {"b": null} has names that may not be'),
        ({"propertyNames": {"maxLength": 1}}, {"bc": 1}, 'a: "bc" has more characters than 1.'),
        ({"type": "null"}, "x" * 900, 'xxx... is not of type "null".'),
    ],
)
def test_values_are_told_as_json(wanted, given, sentence):
    """And what is wanted, however long the value is."""
    schema = Schema({"type": "object", "properties": {"a": wanted}})
    with pytest.raises(BadArguments, match=re.escape(sentence)):
        schema.read(json.dumps({"a": given}))


def test_no_words_of_the_library_are_left():
    """Whatever it can find wrong is said here, or is said of what stands in it."""
    assert set() == Draft202012Validator.VALIDATORS.keys() - _PHRASES.keys() - DESCENDS


@pytest.mark.parametrize("depth", [200, 3000])
def test_a_schema_that_is_nested_too_deeply_is_none(depth):
    """And no fault of ours, with a trace for the operator."""
    inner = {"type": "string"}
    for _ in range(depth):
        inner = {"items": inner}

    with pytest.raises(ValueError, match="nested too deeply"):
        Schema({"type": "object", "properties": {"a": inner}})


def test_what_stands_in_no_word_of_a_schema_is_not_nested_too_deeply_either():
    """A server of MCP says what it likes there, and every call writes it for the model."""
    inner = []
    for _ in range(200):
        inner = [inner]

    with pytest.raises(ValueError, match="nested too deeply"):
        Schema({"type": "object", "x-shown": inner})
