"""What is counted: by labels that are bounded, whatever comes."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.metrics import definitions as d
from tornado_app.metrics.definitions import METRICS
from tornado_app.metrics.distribution import Distribution
from tornado_app.metrics.kinds import MOST_VALUES, OTHER, Label, Metric
from tornado_app.metrics.tally import Tally


def test_counts_add_up_by_labels():
    """Each pair of labels is a series of its own."""
    tally = Tally()

    tally.add(d.LINKS_LOST, "http_401", "no")
    tally.add(d.LINKS_LOST, "reset", "yes", by=2)
    tally.add(d.LINKS_LOST, "reset", "yes")

    assert {("http_401", "no"): 1, ("reset", "yes"): 3} == tally.counts(d.LINKS_LOST)


def test_a_word_that_is_not_known_is_another():
    """A model may say anything; its series are one."""
    tally = Tally()

    for word in ("made_up", "made_up_too", "", "sk-secret"):
        tally.add(d.ANSWERS_FAILED, word)

    assert {(OTHER,): 4} == tally.counts(d.ANSWERS_FAILED)


def test_names_of_the_operator_are_told_apart_up_to_a_number():
    """An MCP server that renames its tools each minute does not fill the scraper's disk."""
    tally = Tally()

    for number in range(3 * MOST_VALUES):
        tally.add(d.TOOL_CALLS, f"tool_{number}", "done")
        tally.add(d.TOOL_CALLS, f"tool_{number}", "failed")

    counts = tally.counts(d.TOOL_CALLS)
    assert MOST_VALUES + 1 == len({tool for tool, _ in counts})
    assert 2 * MOST_VALUES == counts[OTHER, "done"]
    assert 6 * MOST_VALUES == sum(counts.values())


def test_a_value_at_the_end_of_a_bucket_belongs_to_it():
    """As Prometheus has it: `le` is less or equal."""
    spread = Distribution((1.0, 2.0))

    for value in (0.0, 1.0, 1.5, 2.0, 2.1, 99.0):
        spread.observe(value)

    assert [2, 2, 2] == spread.counts
    assert 105.6 == spread.total


words = st.one_of(st.text(max_size=20), st.sampled_from(["done", "http_500", "reset", "yes"]))


@given(st.data())
def test_no_names_make_more_series_than_the_definitions_allow(data):
    """Whatever is said, a metric has no more series than its labels have values."""
    tally = Tally()
    metric = data.draw(st.sampled_from([m for m in METRICS if m.labels]))
    said = data.draw(st.lists(st.tuples(*[words for _ in metric.labels]), min_size=1, max_size=300))

    for labels in said:
        if metric.kind == "histogram":
            tally.observe(metric, 0.5, *labels)
        else:
            tally.add(metric, *labels)

    found = set(tally.counts(metric)) | set(tally.spreads(metric))
    for place, label in enumerate(metric.labels):
        values = {labels[place] for labels in found}
        assert len(values) <= (len(label.values) or MOST_VALUES) + 1
        if label.values:
            assert values <= {*label.values, OTHER}


def test_a_metric_is_known_by_itself():
    """Two of one name would be two, so the definitions have each name once."""
    names = [metric.name for metric in METRICS]

    assert len(set(names)) == len(names)
    assert Metric("counter", "a", "") != Metric("counter", "a", "")
    assert "x" == Label("l", ("x",)).fold("x", ())
