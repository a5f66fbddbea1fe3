"""Tests of tornado_app/admission/operator_keys.py."""

import pytest

from tornado_app.admission.operator_keys import OperatorKeys

KEYS = ["anna:" + "a" * 32, "bot.1:" + "b:" * 16]


def test_a_key_has_a_name():
    """A colon may stand in the key; a part of it, or its name with it, is none."""
    keys = OperatorKeys(KEYS)

    assert keys
    assert {"anna", "bot.1"} == keys.names
    assert "anna" == keys.name_of("a" * 32)
    assert "bot.1" == keys.name_of("b:" * 16)
    for wrong in ("", "a" * 31, "a" * 33, KEYS[0], "anna", "\udce9"):
        assert keys.name_of(wrong) is None
    assert not OperatorKeys([])


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (KEYS, None),
        (["A-b_c.1:" + "a" * 32], None),
        (["n" * 64 + ":" + "a" * 32], None),
        (["n" * 65 + ":" + "a" * 32], "name:key"),
        (["-_.:" + "a" * 32], "name:key"),
        (["änna:" + "a" * 32], "name:key"),
        (["a" * 40], "name:key"),
        ([":" + "a" * 32], "name:key"),
        (["an na:" + "a" * 32], "name:key"),
        (["anna:" + "a" * 31], "32 characters"),
        (["anna:" + "é" * 32], "32 characters"),
        (["anna:" + "a " * 16], "32 characters"),
        ([KEYS[0], "bob" + KEYS[0][4:]], "same key"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(keys, problem):
    """One sentence for all of them."""
    found = [*OperatorKeys.problems(iter(keys))]

    assert [problem is None, 0 if problem is None else 1] == [not found, len(found)]
    for sentence in found:
        assert problem in sentence
        assert not any(each.partition(":")[2] in sentence for each in keys if ":" in each)
