"""What can be read of a text that stands for an object."""

import pytest

from tornado_app.session.relaying.reading import object_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", {}),
        ('"a"', {}),
        ("null", {}),
        ("", {}),
        ('{"a":', {}),
        ("[" * 100_000, {}),
    ],
)
def test_whatever_is_no_object_has_nothing_in_it(text, found):
    assert found == object_of(text)
