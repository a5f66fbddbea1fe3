"""Tests of tornado_app/settings/toml_text.py: as much as can be read."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.settings.toml_text import Tables, read_toml


def test_what_is_right_is_read_as_it_is():
    """Nothing is taken apart."""
    assert Tables({"a": {"b": "\n[c]\n"}}, [], set()) == read_toml('[a]\nb = """\n\n[c]\n"""')


def test_sections_that_are_right_are_read_beside_one_that_is_not():
    """With the line of the mistake in the whole text."""
    found = read_toml("[a]\nx = 1\n\n[b]\ny\n\n[c]  # why\nz = 3\n")

    assert {"a": {"x": 1}, "c": {"z": 3}} == found.tables
    assert {"b"} == found.unread
    assert 1 == len(found.problems)
    assert "(at line 5," in found.problems[0]


def test_it_is_not_known_what_a_mistake_outside_the_sections_may_hide():
    """Before the first header, in a header, or a section that stands twice."""
    for text in ("x\n[a]\ny = 1", "[a]\nx = 1\n[a]\ny = 2", "[a]\nx = 1\n[a]\ny"):
        found = read_toml(text)

        assert found.unread is None
        assert found.problems


@given(st.text(alphabet="[]ab=1\n\"' #", max_size=60))
def test_any_text(text):
    """Whatever it is, it is read or there is a problem, as tomllib says."""
    found = read_toml(text)
    try:
        expected = tomllib.loads(text)
    except ValueError:
        assert found.problems
    else:
        assert Tables(expected, [], set()) == found
