"""Tests of tornado_app/admission/application_keys.py."""

import pytest

from tornado_app.admission.application_keys import ApplicationKeys

KEYS = ("k" * 32, "l" * 40)


@pytest.mark.parametrize("key", KEYS)
def test_each_of_them_opens(key):
    """So that they can be changed one after the other."""
    assert ApplicationKeys(KEYS).have(key)


@pytest.mark.parametrize("key", ["", "k" * 31, "k" * 33, "K" * 32, "é", "\ud800", "k" * 32 + "\0"])
def test_nothing_else_does(key):
    """Whatever a stranger sends."""
    assert not ApplicationKeys(KEYS).have(key)


def test_without_keys_nobody_comes_in():
    """Not even who sends nothing."""
    assert ApplicationKeys(KEYS)
    assert not ApplicationKeys(())
    assert not ApplicationKeys(()).have("")
