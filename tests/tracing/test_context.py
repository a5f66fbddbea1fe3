"""`traceparent`, as W3C Trace Context has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.tracing.context import TraceContext, is_chosen, new_id, read_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (GOOD, True),
        (f" {GOOD}\t", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-will-be", True),
    ],
)
def test_what_is_right_is_taken(text, is_sampled):
    """Of versions to come the four fields that are known."""
    assert TraceContext(TRACE, SPAN, is_sampled) == read_traceparent(text)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "00", "00-", GOOD[:-1], GOOD + "1", GOOD.upper(), GOOD.replace("-", "_")),
        *(f"ff-{TRACE}-{SPAN}-01", f"0-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-0x"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[:-1]}g-{SPAN}-01"),
        *(f"{GOOD}-more", f"{GOOD},{GOOD}", f"{GOOD}\n", f"cc-{TRACE}-{SPAN}-01more"),
        *(f"00-{TRACE}-{SPAN}-\u0660\u0661", f"cc-{TRACE}-{SPAN}-01-" + "x" * 1000),
    ],
)
def test_what_is_wrong_is_nothing(text):
    """And nobody is told."""
    assert read_traceparent(text) is None


@given(st.text(max_size=80))
def test_whatever_comes_is_no_fault(text):
    """A header is a stranger's word."""
    read_traceparent(text)


def test_what_is_written_can_be_read():
    """By us, and by whoever comes behind us."""
    context = TraceContext(new_id(16), new_id(8), True)
    child = context.child()

    assert context == read_traceparent(context.traceparent)
    assert (context.trace_id, True) == (child.trace_id, child.is_sampled)
    assert context.span_id != child.span_id


@given(st.integers(1, (1 << 128) - 1), st.floats(0, 1))
def test_the_same_calls_are_chosen_as_by_opentelemetry(number, part):
    """So that all parts of a system that go by the same share choose the same."""
    sampling = pytest.importorskip("opentelemetry.sdk.trace.sampling")

    theirs = sampling.TraceIdRatioBased(part).should_sample(None, number, "call").decision
    assert theirs.is_sampled() == is_chosen(f"{number:032x}", part)
