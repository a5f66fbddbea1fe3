"""The summary of many talks."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.commands.talk.result import Answered, Talked, figures, percentile, summary


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.integers(1, 100))
def test_a_percentile(values, share):
    """It is one of the values; so many of them are not above it, and no smaller one will do."""
    found = percentile(values, share)

    assert found in values
    assert 100 * sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert 100 * sum(value < found for value in values) < share * len(values)


def test_the_figures():
    """Talks that failed, answers of theirs included, and each reason with how often."""
    talks = [
        Talked([Answered({"model_ms": 100.0 * i, "gateway_ms": 1.0}, 500.0)]) for i in range(1, 11)
    ]
    talks += [Talked([], "No answer."), Talked([Answered()], "Gone."), Talked([], "No answer.")]
    told = figures(talks, 2.5)

    assert (13, 3, 11) == (told["talks"], told["failed"], told["answers"])
    assert {"p50": 501.0, "p90": 901.0, "p99": 1001.0, "max": 1001.0} == told["wait"]["total_ms"]
    assert "tools_ms" not in told["wait"]
    assert [("No answer.", 2), ("Gone.", 1)] == list(told["failures"].items())
    lines = summary(told)
    assert "13 talks in 2.5 s: 11 answers, 3 talks failed." == lines[0]
    assert "Answered after: p50 501 ms, p90 901 ms, p99 1001 ms, max 1001 ms" == lines[1]
    assert lines[-2:] == ["2 times: No answer.", "1 times: Gone."]


def test_nothing_but_failures():
    """There are no waits to tell of."""
    told = figures([Talked([], "No.")], 1.0)

    assert {} == told["wait"]
    assert 2 == len(summary(told))
