"""Tests of tornado_app/protocol/endings.py: how the API refuses and ends sessions."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.close import SESSION_EXPIRED, UPSTREAM_FAILED
from tornado_app.protocol.endings import (
    Failure,
    FailureKind,
    classify,
    needs_a_person,
    safe_word,
    unfulfilled,
)
from tornado_app.protocol.realtime.events import ErrorFacts

CAP = "Your session hit the maximum duration of 60 minutes"
CREDIT = "insufficient_quota.credit_balance_exhausted"


def closed(code: int | None, reason: str = "") -> Failure:
    return Failure("open", "closed", close_code=code, close_reason=reason)


@pytest.mark.parametrize(
    ("failure", "error", "code", "retry"),
    [
        # 6.2, in its order
        (closed(1000), None, "upstream_unavailable", True),
        (closed(1005), None, "upstream_unavailable", True),
        (closed(1001, CAP), None, "session_expired", True),
        (closed(1001, CAP), ErrorFacts(code="session_expired"), "session_expired", True),
        (closed(1001), ErrorFacts(code="session_expired"), "session_expired", True),
        (closed(1001), None, "upstream_unavailable", True),
        (closed(None), None, "upstream_unavailable", True),
        (Failure("open", "reset"), None, "upstream_unavailable", True),
        (closed(1011, "server_error"), None, "upstream_unavailable", True),
        (closed(1012), None, "upstream_unavailable", True),
        (closed(1009), None, "upstream_unavailable", True),
        (closed(1013, CREDIT), None, "upstream_rejected", False),
        (closed(1013), ErrorFacts("insufficient_quota"), "upstream_rejected", False),
        (closed(1013), None, "upstream_unavailable", True),
        (
            closed(3000, "invalid_request_error.invalid_api_key"),
            None,
            "upstream_rejected",
            False,
        ),
        (closed(3000), None, "upstream_rejected", False),
        (closed(4000, "invalid_request_error.missing_model"), None, "upstream_rejected", False),
        (closed(4000, "invalid_request_error.invalid_model"), None, "upstream_rejected", False),
        (
            closed(4000, "invalid_request_error.beta_api_shape_disabled"),
            None,
            "upstream_rejected",
            False,
        ),
        (closed(4004, "invalid_request_error.model_not_found"), None, "upstream_rejected", False),
        # 1.3: refused before the upgrade
        (Failure("dial", "handshake", http_status=401), None, "upstream_rejected", False),
        (Failure("dial", "handshake", http_status=404), None, "upstream_rejected", False),
        (Failure("dial", "handshake", http_status=400), None, "upstream_rejected", False),
        (Failure("dial", "handshake", http_status=302), None, "upstream_rejected", False),
        (Failure("dial", "handshake", http_status=499), None, "upstream_rejected", False),
        (Failure("dial", "handshake", http_status=408), None, "upstream_unavailable", True),
        (Failure("dial", "handshake", http_status=429), None, "upstream_unavailable", True),
        (Failure("dial", "handshake", http_status=500), None, "upstream_unavailable", True),
        (Failure("dial", "handshake", http_status=503), None, "upstream_unavailable", True),
        (Failure("dial", "handshake"), None, "upstream_unavailable", True),
        # what no close frame says
        (Failure("dial", "refused"), None, "upstream_unavailable", True),
        (Failure("dial", "timeout"), None, "upstream_timeout", True),
        (Failure("open", "stalled"), None, "upstream_timeout", True),
        (Failure("open", "outbox_full"), None, "upstream_timeout", True),
        (Failure("open", "protocol"), None, "upstream_unavailable", True),
        (Failure("open", "ended"), None, "upstream_unavailable", True),
    ],
    ids=str,
)
def test_each_way_to_end_has_its_verdict(failure, error, code, retry):
    """The reason and the error before it decide; the number only where they say nothing."""
    ending = classify(failure, error)

    assert (code, retry) == (ending.code, ending.retry)
    assert (SESSION_EXPIRED if code == "session_expired" else UPSTREAM_FAILED) == ending.close


@pytest.mark.parametrize(
    ("failure", "error", "cause"),
    [
        (closed(4000, "invalid_request_error.missing_model"), None, "missing_model"),
        (closed(4000, "no such model"), ErrorFacts(code="model_not_found"), "model_not_found"),
        (closed(4000), ErrorFacts(code="no such model"), "refused"),
        (closed(4000), None, "refused"),
        (Failure("dial", "handshake", http_status=401), None, "http_401"),
        (Failure("open", "stalled"), None, "stalled"),
    ],
    ids=str,
)
def test_an_operator_is_told_the_cause_in_a_word(failure, error, cause):
    """The model's own if that is a plain word: it says what to mend."""
    assert cause == classify(failure, error).cause


@given(
    st.builds(
        Failure,
        st.sampled_from(["dial", "open"]),
        st.sampled_from(typing.get_args(FailureKind)),
        st.none() | st.integers(100, 599),
        st.none() | st.integers(0, 65535),
        st.text(max_size=123),
        st.text(max_size=20),
    ),
    st.none() | st.builds(ErrorFacts, *[st.none() | st.text(max_size=20)] * 5),
)
def test_nothing_of_the_peers_text_is_in_the_sentence(failure, error):
    """Whatever it says: a verdict, one of four sentences, and one plain word for the log."""
    ending = classify(failure, error)

    assert ending.sentence == classify(Failure("open", failure.kind), None).sentence or any(
        words in ending.sentence for words in ("refused this session", "maximum duration")
    )
    assert safe_word(ending.cause) == ending.cause != ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("invalid_api_key", "invalid_api_key"),
        ("a-b", "a-b"),
        ("", ""),
        ("Incorrect API key provided: sk-12", ""),
        ("sk-" + "a" * 62, ""),
        ("größe", ""),
        ("x\n", ""),
    ],
)
def test_only_a_plain_word_is_safe(text, word):
    """Free text may hold a key."""
    assert word == safe_word(text)


def named(detail: str, retry_after_s: float | None = None) -> Failure:
    return Failure("dial", "rejected", detail=detail, retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("failure", "cause", "code", "retry", "wait_ms"),
    [
        (named("too_many_tools"), "too_many_tools", "upstream_rejected", False, None),
        (named("it holds sk-12"), "refused", "upstream_rejected", False, None),
        (named("all_out", 2.0), "all_out", "upstream_unavailable", True, 2000),
        (named("all_out", 0.0), "all_out", "upstream_unavailable", True, 0),
    ],
)
def test_what_we_have_rejected_ourselves_is_for_good_unless_it_has_a_time(
    failure, cause, code, retry, wait_ms
):
    """The reason is our own word, for whoever runs the server."""
    ending = classify(failure, None)

    assert (cause, code, retry) == (ending.cause, ending.code, ending.retry)
    assert (code, wait_ms) == (ending.refused.code, ending.refused.retry_after_ms)


RATE = "rate_limit_exceeded"
SOON = "Please try again in 1.2345s."


@pytest.mark.parametrize(
    ("failure", "error", "wait_ms"),
    [
        (closed(1013), None, None),
        (closed(1013), ErrorFacts(code=RATE, message=SOON), 1235),
        (closed(1013), ErrorFacts(type=RATE, message=SOON), 1235),
        (closed(1013), ErrorFacts(code=RATE), None),
        (closed(1013), ErrorFacts(code="429", message=SOON), 1235),
        (closed(1011), ErrorFacts(type="server_error", message=SOON), None),
        (Failure("dial", "handshake", http_status=429, retry_after_s=7.0), None, 7000),
        (
            Failure("dial", "handshake", http_status=429, retry_after_s=7.0),
            ErrorFacts(code=RATE, message=SOON),
            7000,
        ),
    ],
    ids=str,
)
def test_a_client_waits_as_long_as_the_model_asks(failure, error, wait_ms):
    """By its header, or by the sentence of a rate limit; never shorter."""
    refused = classify(failure, error).refused

    assert ("upstream_unavailable", wait_ms) == (refused.code, refused.retry_after_ms)
    assert "The model could not be reached." == refused.sentence


@pytest.mark.parametrize(
    ("error", "code", "wait_ms"),
    [
        (ErrorFacts(type=RATE, message=SOON), "rate_limited", 1235),
        (ErrorFacts(code=RATE, message=SOON), "rate_limited", 1235),
        (ErrorFacts(code=RATE), "rate_limited", None),
        (ErrorFacts(code="429", message="Please retry after 3 seconds."), "rate_limited", 3000),
        (ErrorFacts(type="server_error", message=SOON), "upstream_unavailable", None),
        (ErrorFacts(type="invalid_request_error", code="x"), "upstream_rejected", None),
        (ErrorFacts(), "upstream_rejected", None),
    ],
)
def test_one_request_that_is_not_fulfilled_has_our_words(error, code, wait_ms):
    """A client learns whether to try again, and when; of the model's own sentence nothing."""
    refused = unfulfilled(error, "The answer failed.")

    assert (code, "The answer failed.", wait_ms) == (
        refused.code,
        refused.sentence,
        refused.retry_after_ms,
    )


@pytest.mark.parametrize(
    ("kind", "code", "is_needed"),
    [
        ("insufficient_quota", "", True),
        ("invalid_request_error", "model_not_found", True),
        ("server_error", "", False),
        ("", "", False),
    ],
)
def test_what_only_a_person_can_mend(kind, code, is_needed):
    """By type or by code."""
    assert is_needed == needs_a_person(kind, code)
