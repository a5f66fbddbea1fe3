"""The names, values and moments of faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_realtime.rehearsal.faults import (
    KINDS,
    REFUSALS,
    Fault,
    InvalidFault,
    Number,
    parse_faults,
)
from local_realtime.session.event_types import EVENT_TYPES


def only(text):
    (fault,) = parse_faults(text).values()
    return fault


@pytest.mark.parametrize("name", KINDS)
def test_a_name_is_enough(name):
    """Every fault has defaults, within its own bounds."""
    fault, kind = only(name), KINDS[name]

    assert fault == Fault(name, kind.value.default if kind.value else None, kind.when)
    if isinstance(kind.value, Number):
        assert kind.value.low <= kind.value.default <= kind.value.high


TAKEN = {
    "stall": Fault("stall", None, 2),
    "stall@0": Fault("stall", None, 0),
    "reset@response.created": Fault("reset", "between-frames", "response.created"),
    "reset=mid-frame@7": Fault("reset", "mid-frame", 7),
    "close=4321": Fault("close", 4321, 2),
    "session-expiry=0.5": Fault("session-expiry", 0.5, None),
    " no-pongs ": Fault("no-pongs", None, None),
}


@pytest.mark.parametrize(("text", "fault"), TAKEN.items(), ids=TAKEN)
def test_value_and_moment_are_read(text, fault):
    """The value stands after the =, the moment after the @."""
    assert only(text) == fault


def test_a_list_is_read_from_left_to_right():
    """The later one of two with the same name counts."""
    faults = parse_faults("stall@3, slow-answers=10,,slow-answers=20")

    assert {name: fault.value for name, fault in faults.items()} == {
        "stall": None,
        "slow-answers": 20,
    }


def test_a_group_stands_for_its_faults():
    """One of them may be named beside it, with another value."""
    faults = parse_faults("as-recorded, late-transcripts=5")

    assert {"commentary", "no-rate-limits", "no-predecessor"} < set(faults)
    assert (faults["first-delta-delay"].value, faults["late-transcripts"].value) == (300, 5)


REFUSED = {
    "boom": "There is no fault 'boom'; there are http-status,",
    "=5": "There is no fault ''; there are",
    "bad-key=yes": "The fault bad-key takes no value, not 'yes'.",
    "bad-key@3": "The fault bad-key takes no moment, not '@3'.",
    "http-status=200": "http-status must be an integer from 400 to 599 (HTTP status), not '200'.",
    "close=1011.5": "close must be an integer from 1000 to 4999 (close code), not '1011.5'.",
    "session-expiry=0": "session-expiry must be a number from 0.1 to 3600 (s), not '0'.",
    "session-expiry=nan": "must be a number from 0.1 to 3600 (s), not 'nan'.",
    "slow-reader=": "slow-reader must be an integer from 0 to 10000000 (bytes/s), not ''.",
    "reset=hard": "reset must be one of between-frames, mid-frame, not 'hard'.",
    "stall@-1": "After the @ of stall stands how many events have been sent, 0 to 1000000,",
    "stall@": "not ''.",
    "stall@response.cancelled": "or the type of a server event, not 'response.cancelled'.",
    "stall@1000001": "0 to 1000000",
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=REFUSED)
def test_anything_else_is_refused_in_a_sentence(text, sentence):
    """It names what was wrong and what is allowed, on one line."""
    with pytest.raises(InvalidFault) as refused:
        parse_faults(text)

    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def outcome(text):
    try:
        return parse_faults(text)
    except InvalidFault as refused:
        return str(refused)


@given(st.text() | st.from_regex(r"(stall|close|reset|slow-events)[=@]?[\w.-]*@?[\w.]*"))
def test_any_text_is_read_or_refused(text):
    """Nothing else happens, and what is quoted of it is short."""
    read = outcome(text)

    assert len(read) < 1000 if isinstance(read, str) else set(read) <= set(KINDS)


def test_a_default_moment_can_be_written():
    """What is the default may be said as well."""
    for name, kind in KINDS.items():
        if kind.when is not None:
            assert only(f"{name}@{kind.when}") == only(name)


def test_refusals_are_faults_without_value_or_moment():
    """The opening can be refused for one reason only."""
    assert all(KINDS[name].value is KINDS[name].when is None for name in REFUSALS)


def test_event_types_are_those_that_this_server_sends():
    """Each type that can be waited for is sent, and each that is sent can be waited for."""
    wire_types = pytest.importorskip("tests.local_realtime.wire_types")

    assert wire_types.MODELS.keys() - wire_types.NEVER_SENT.keys() == EVENT_TYPES
