"""Tests of tornado_app/protocol/json_values.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol import json_values
from tornado_app.protocol.json_values import LEVELS, VALUES, has_too_many, is_too_deep

SCALARS = st.none() | st.booleans() | st.integers() | st.text(alphabet='a,[{"\\\N{GRINNING FACE}')
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=40,
)


def count(value) -> int:
    """All values within this one, which is not counted."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + count(each) for each in inner)


def openers(value) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + sum(map(openers, inner))


@given(JSON, st.booleans())
def test_what_stands_before_each_value_is_counted_and_nothing_within_texts(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii)
    found = json_values.separators_between_strings(text)

    assert count(value) <= found <= count(value) + openers(value)


@pytest.mark.parametrize("value", ["1", "{}", "[]", '""', '{"a":0}', "1e5"])
def test_more_values_than_a_message_may_have_are_too_many(value):
    assert has_too_many(f"[{','.join([value] * (VALUES + 1))}]")
    assert not has_too_many(f"[{','.join([value] * (VALUES // 3))}]")


@pytest.mark.parametrize("text", ["a, b, c; ", "[{,", '\\",', "\\\\", "\N{GRINNING FACE},"])
def test_a_long_text_is_one_value_whatever_stands_in_it(text):
    assert not has_too_many(json.dumps({"text": text * 50_000}, ensure_ascii=False))


@pytest.mark.parametrize("inside", [[], [0, 0], {}, {"a": 0}])
@pytest.mark.parametrize("around", [lambda value: [0, value], lambda value: {"a": value, "b": 0}])
def test_more_lists_and_objects_in_each_other_than_there_may_be_are_too_deep(inside, around):
    value = inside
    for _ in range(LEVELS - 1):
        value = around(value)

    assert not is_too_deep(value)
    assert is_too_deep(around(value))


@pytest.mark.parametrize("value", [0, None, "a", [[]] * VALUES])
def test_what_stands_side_by_side_is_not_deep(value):
    assert not is_too_deep(value)
