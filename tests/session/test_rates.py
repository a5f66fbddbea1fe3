"""Tests of tornado_app/session/rates.py: how much a client may say."""

import pytest

from tests.session.story import config
from tornado_app.session.rates import Rates


@pytest.mark.parametrize(
    ("one_more", "burst", "sentence", "retry_after_ms"),
    [
        (Rates.message, 4, "More than 2 messages a second; this one was dropped.", 501),
        (Rates.ping, 4, "More than 2 pings a second.", 1000),
        (Rates.fragment, 40, "More than 20 fragments of messages a second.", 1000),
        (Rates.format_change, 3, "The formats of a call may change 3 times a minute.", 20_001),
        (Rates.wrong_message, 6, "More than 6 refused messages in a minute.", 60_000),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_is_too_much_is_told_with_the_bound_and_the_time(
    one_more, burst, sentence, retry_after_ms
):
    """Whoever waits as long as told may go on."""
    bounds = {"messages_per_s": 2.0, "message_burst": 4.0, "errors_per_minute": 6.0}
    rates = Rates(config(**bounds, format_changes_per_minute=3.0).rates)
    assert [None] * burst == [one_more(rates, 9.0) for _ in range(burst)]

    refused = one_more(rates, 9.0)
    assert ("rate_limited", sentence) == (refused.code, refused.sentence)
    assert (None, retry_after_ms) == (refused.field, refused.retry_after_ms)
    assert one_more(rates, 9.0 + retry_after_ms / 1000) is None


def test_each_kind_is_counted_by_itself():
    """A client that pings much may still speak, and its status counts its messages alone."""
    rates = Rates(config(messages_per_s=2.0, message_burst=4.0).rates)
    for _ in range(5):
        rates.ping(0.0)
        rates.fragment(0.0)
        rates.wrong_message(0.0)
    assert 0.0 == rates.used(0.0)

    assert rates.message(0.0) is None
    assert [1.0, 0.5] == [rates.used(0.0), rates.used(0.25)]
