"""Tests of tornado_app/policy/template.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.policy.template import ALWAYS, NAMES_MAX, VALUE_CHARACTERS, check, fill
from tornado_app.policy.wrong import Wrong


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("no braces", "no braces"),
        ("{user_id}, {user_id}", "alice, alice"),
        ("{{user_id}}", "{user_id}"),
        ("{{{user_id}}}", "{alice}"),
        ("{date}", ""),
        ("{metadata.a-b}", "c"),
    ],
)
def test_what_is_filled_in(text, filled):
    """Names by their values, two braces by one, what has no value by nothing."""
    check(text, ALWAYS)

    assert filled == fill(text, {"user_id": "alice", "metadata.a-b": "c"})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Say {nmae}", 5),
        ("{", 1),
        ("a}", 2),
        ("{}", 1),
        ("{user_id!r}", 1),
        ("{user_id.__class__}", 1),
        ("{user_id[0]}", 1),
        ("{metadata.}", 1),
        ("{ user_id }", 1),
        ("{user_id:>9}", 1),
        ("{date}" * NAMES_MAX + " {date}", 6 * NAMES_MAX + 2),
    ],
)
def test_what_is_no_name_is_found_by_its_place(text, place):
    """And what there is, is said."""
    with pytest.raises(Wrong) as wrong:
        check(text, ALWAYS)

    assert "instructions" == wrong.value.name
    assert wrong.value.may_be == (
        f"a text with at most {NAMES_MAX} names in braces, of {{user_id}}, {{date}}, {{language}}, "
        f"{{metadata.NAME}}, and {{{{ or }}}} for a brace; character {place} is none of these"
    )


@given(st.text(), st.text())
def test_no_text_and_no_value_can_do_more(text, value):
    """It is filled in one pass; a value is a short line, and braces in it are only that."""
    try:
        check(text, ALWAYS)
    except Wrong:
        return
    filled = fill("{user_id}" + text.replace("{", "").replace("}", ""), {"user_id": value})
    assert len(filled) <= VALUE_CHARACTERS + len(text)
    assert fill("{user_id}", {"user_id": value}).isprintable()


def test_a_value_is_cut():
    """It is a name, and no second set of instructions."""
    assert "x" * VALUE_CHARACTERS == fill("{user_id}", {"user_id": "x" * 9999})
    assert VALUE_CHARACTERS == len(fill("{user_id}", {"user_id": "\u202e" + "x y" * 999}))
