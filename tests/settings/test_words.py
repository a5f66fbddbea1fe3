"""What a value may be, said to whoever gave another."""

from datetime import date
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from tornado_app.settings.words import explain


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["user", "token"]
    name: Annotated[str, Meta(max_length=9, description="text in one line")] = ""
    user: str | None = None
    since: date = date(2026, 12, 1)
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    after: Annotated[int, Meta(ge=0)] | None = None
    for_s: Annotated[float, Meta(gt=0, lt=5)] = 1.0
    levels: bool = False
    rate: Annotated[float, Meta(gt=0, le=300.0)] = 1.0


NAMES = ", ".join(Asked.__struct_fields__)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, 'kind is missing; it must be one of "token", "user".'),
        ({"kind": "x"}, 'kind must be one of "token", "user".'),
        ({"name": "x" * 10}, "name must be text in one line."),
        ({"user": 7}, "user must be text."),
        ({"since": "week"}, "since must be a day such as 2026-12-01."),
        ({"limit": 501}, "limit must be an integer from 1 to 500."),
        ({"after": -1}, "after must be an integer of at least 0."),
        ({"for_s": 5}, "for_s must be a number above 0 and below 5."),
        ({"levels": "x"}, "levels must be true or false."),
        ({"rate": 0}, "rate must be a number above 0 and at most 300."),
        ({"usr": 1}, f'"usr" is not known here; there may be {NAMES}.'),
    ],
)
def test_a_sentence_names_the_field_and_what_it_may_be(values, sentence):
    """Whatever is right is not spoken of."""
    if values:
        values = {"kind": "user", "since": "2026-12-02", **values}

    assert sentence == explain(values, Asked, strict=True)


def test_what_came_as_text_is_read_as_text():
    """Numbers of an address are right in quotes, and those of a body are not."""
    values = {"kind": "user", "limit": "5", "levels": "x"}

    assert "levels must be true or false." == explain(values, Asked, strict=False)
    assert "limit must be an integer from 1 to 500." == explain(values, Asked, strict=True)
