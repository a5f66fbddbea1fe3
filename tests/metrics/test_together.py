"""The pages of several processes as one."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.calls.house import Scrape
from tornado_app.metrics import definitions as d
from tornado_app.metrics.page import Page, PageOfFamilies
from tornado_app.metrics.tally import Tally
from tornado_app.metrics.together import Together, parse


def page(counted: int = 0, open_calls: int = 0):
    """Of a process that has counted so much."""
    tally = Tally()
    tally.add(d.AUDIO, "from_client", by=counted)
    tally.add(d.TOOL_CALLS, f"tool_{counted}", "done", by=counted)
    for _ in range(counted):
        tally.observe(d.ANSWER_WAIT, 0.4, "model")
    text, _ = Page(tally, {d.CALLS_OPEN: {("connected",): open_calls}}, {}).render("")
    return parse(text.decode())


def scrape(together, answering=(0, 1)):
    text, _ = PageOfFamilies(together.families(answering)).render("")
    return Scrape(text.decode())


def test_what_is_counted_is_added_up_and_what_is_read_is_told_apart():
    together = Together()
    together.heard(0, page(3, 1))
    together.heard(1, page(4, 2))

    told = scrape(together)
    assert 7 == told("audio_seconds_total", direction="from_client")
    assert 7 == told("answer_wait_seconds_count", by="model")
    assert 7 == told("answer_wait_seconds_bucket", by="model", le="0.5")
    assert 0 == told("answer_wait_seconds_bucket", by="model", le="0.3")
    assert 3 == told("tool_calls_total", tool="tool_3", outcome="done")
    assert 4 == told("tool_calls_total", tool="tool_4", outcome="done")
    assert 1 == told("calls_open", state="connected", process="0")
    assert 2 == told("calls_open", state="connected", process="1")
    assert ("process_open_fds", ("process", "1")) in told.samples


def test_what_a_process_had_counted_stays_when_it_dies():
    """And the next in its place begins with nothing."""
    together = Together()
    together.heard(0, page(3, 1))
    together.heard(1, page(4, 2))
    together.died(0)
    together.died(0)
    assert 7 == scrape(together)("audio_seconds_total", direction="from_client")
    assert 3 == scrape(together)("tool_calls_total", tool="tool_3", outcome="done")
    assert 0 == scrape(together)("calls_open", state="connected", process="0")

    together.heard(0, page(2, 5))
    told = scrape(together)
    assert 9 == told("audio_seconds_total", direction="from_client")
    assert 9 == told("answer_wait_seconds_bucket", by="model", le="+Inf")
    assert 5 == told("calls_open", state="connected", process="0")


def test_one_that_does_not_answer_has_counted_what_it_had_and_is_not_read():
    together = Together()
    together.heard(0, page(3, 1))
    together.heard(1, page(4, 2))

    told = scrape(together, answering={1})
    assert 7 == told("audio_seconds_total", direction="from_client")
    assert 0 == told("calls_open", state="connected", process="0")
    assert 2 == told("calls_open", state="connected", process="1")


def counted(so_far):
    return parse(f"# TYPE parley_turns_total counter\nparley_turns_total {so_far}\n")


@given(
    st.lists(st.tuples(st.sampled_from(["counts", "dies"]), st.integers(0, 2), st.integers(0, 4)))
)
def test_no_counter_ever_falls(happened):
    """Whoever counts, is asked or dies: it is all that those have told who were asked."""
    together, counts, told = Together(), [0, 0, 0], 0
    together.heard(3, counted(0))
    for kind, process, more in happened:
        if kind == "counts":
            told += more
            counts[process] += more
            together.heard(process, counted(counts[process]))
        else:
            together.died(process)
            counts[process] = 0
        (turns,) = together.families({3})
        assert [told] == [sample.value for sample in turns.samples]


def test_the_page_can_be_read_again():
    """Each family stands once, with all of its series."""
    together = Together()
    together.heard(0, page(3))
    together.heard(1, page(4))
    text, _ = PageOfFamilies(together.families({0, 1})).render("")

    names = [family.name for family in text_string_to_metric_families(text.decode())]
    assert len(names) == len(set(names))
    assert {d.AUDIO.name, d.ANSWER_WAIT.name, d.CALLS_OPEN.name, d.POOL_RUN.name} <= set(names)
