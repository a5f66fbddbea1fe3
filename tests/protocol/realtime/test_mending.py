"""Tests of tornado_app/protocol/realtime/mending.py."""

import msgspec
import pytest
from msgspec import Struct

from tornado_app.protocol.realtime.mending import mend


class Inner(Struct, frozen=True):
    name: str = ""
    size: float | None = None


class Outer(Struct, frozen=True):
    needed: str
    inner: Inner = Inner()
    perhaps: Inner | None = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"needed":"n"}', Outer("n")),
        ('{"needed":"n","inner":{"name":1,"size":2}}', Outer("n", Inner("", 2))),
        ('{"needed":"n","perhaps":{"name":"x","size":[]}}', Outer("n", perhaps=Inner("x"))),
        ('{"needed":"n","inner":7,"perhaps":7}', Outer("n")),
    ],
)
def test_what_can_be_read_is_read(text, value):
    """Field by field, also within a field."""
    assert value == mend(Outer, text)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"needed":null}', '{"needed":5}'])
def test_what_lacks_what_it_needs_is_refused(text):
    """There is nothing to make of it."""
    with pytest.raises(msgspec.DecodeError):
        mend(Outer, text)
