"""JSON of strangers: tornado_app/admission/json_object.py."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.json_object import read_object, read_part


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": {"b": [1, "\u00e9"]}}', {"a": {"b": [1, "\u00e9"]}}),
        ("{}", {}),
        ('{"a": 1, "a": 1}', None),
        ('{"a": {"b": 1, "b": 2}}', None),
        ('{"a": NaN}', None),
        ('{"a": -Infinity}', None),
        ("[1]", None),
        ("null", None),
        ("", None),
        ('{"a":' * 100_000, None),
    ],
)
def test_an_object_that_all_read_alike(text, found):
    """Each name once, numbers that JSON has, not too deep; as bytes or as a part of a token."""
    part = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    assert found == read_object(text.encode()) == read_part(part)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_another_encoding(encoding):
    """Which some readers guess."""
    assert read_object('{"a": "\u00e9"}'.encode(encoding)) is None


@given(st.text("AQgw+/-_z9=", max_size=12) | st.text(max_size=4))
def test_any_part(text):
    """It is an object or none; nothing is raised."""
    assert isinstance(read_part(text), dict | None)
