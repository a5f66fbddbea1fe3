"""Tests of tornado_app/protocol/waits.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.waits import named_wait_s, retry_after_s

SOON = "Mon, 26 Oct 2026 09:00:10 GMT"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "soon"}, 7.0),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": SOON}, None),
        ({"retry-after": SOON, "date": "Mon, 26 Oct 2026 09:00:00 GMT"}, 10.0),
        ({"retry-after": SOON, "date": "Mon, 26 Oct 2026 09:00:00 -0000"}, 10.0),
        ({"retry-after": SOON, "date": "Mon, 26 Oct 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": SOON, "date": "Mon, 26 Oct 2026 10:00:00 +0100"}, 10.0),
        ({"retry-after": SOON, "date": "today"}, None),
    ],
)
def test_what_a_refusal_says(headers, wait_s):
    """Seconds, milliseconds, or a date of a server whose clock is not ours."""
    assert wait_s == retry_after_s(headers)


@pytest.mark.parametrize(
    ("sentence", "wait_s"),
    [
        ("", None),
        ("Please try again later.", None),
        ("Please try again in a while.", None),
        ("Rate limit reached for org-x. Please try again in 1.2s. Visit example.com.", 1.2),
        ("Please try again in 6ms.", 0.006),
        ("Please try again in 20s.", 20.0),
        ("Please try again in 1m30s.", 90.0),
        ("Please try again in 7m12.5s.", 432.5),
        ("Please try again in 1h2m.", 3720.0),
        ("Please try again in 2h0m3s.", 7203.0),
        ("Requests have exceeded your call rate limit. Please retry after 3 seconds. Go", 3.0),
        ("Rate limit is exceeded. Try again in 60 seconds.", 60.0),
        ("Please retry after 86400 seconds.", 86_400.0),
        ("Please retry after 1 minute 30 seconds.", 90.0),
        ("Please try again in 2 hours.", 7200.0),
        ("Please retry after 500 milliseconds.", 0.5),
        ("Please try again in 1 day.", 86_400.0),
        ("Please try again in 5 dozen.", None),
    ],
)
def test_what_the_sentence_of_a_rate_limit_names(sentence, wait_s):
    """It is the only place where an event of the model says it."""
    assert wait_s == named_wait_s(sentence)


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text()))
def test_no_header_breaks_a_dial(headers):
    """Whatever it holds."""
    wait_s = retry_after_s(headers)

    assert wait_s is None or wait_s >= 0


@given(st.text() | st.from_regex(r"(try again in|retry after)[0-9hms.]*"))
def test_no_sentence_breaks_a_session(sentence):
    """Nor does any sentence."""
    wait_s = named_wait_s(sentence)

    assert wait_s is None or wait_s >= 0
