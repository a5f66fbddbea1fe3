"""What the facts of calls mean for the metrics."""

import re

import pytest

from tests.test_documented import ROOT, log_calls, section, table
from tornado_app.log_levels import LEVELS
from tornado_app.metrics import definitions as d
from tornado_app.metrics import translation, vocabulary
from tornado_app.metrics.tally import Tally
from tornado_app.metrics.translation import hear

ANY = {
    "duration_s": 1.0,
    "duration_ms": 1.0,
    "connect_ms": 1.0,
    "lost_ms": 1.0,
    "model_ms": 1.0,
    "gateway_ms": 1.0,
    "tools_ms": None,
    "reconnects": 0,
    "retry": True,
    "stage": "open",
    "tokens_by_type": {"audio_input": 3},
}


class Anything(dict):
    """Fields of a fact, which note what was asked for."""

    def __init__(self, fields):
        super().__init__(fields)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return self.get(name, "word")

    def __contains__(self, name):
        return True


@pytest.fixture(scope="module")
def facts():
    return log_calls()


@pytest.mark.parametrize("event", sorted(translation._EVENTS))
def test_a_fact_that_counts_has_the_fields_that_are_counted(event, facts):
    """A field that was renamed would be a fault in a call."""
    fields = Anything(ANY)

    hear(Tally(), event, fields)

    assert event in LEVELS
    assert fields.asked <= facts[event][0], event


def test_a_fact_that_does_not_count_is_no_fault():
    """The log has more than the metrics."""
    hear(Tally(), "picture_taken", {})
    hear(Tally(), "made_up", {})


def test_an_answer_that_was_refused_is_no_lost_link():
    """The event is the same; the link goes on."""
    tally = Tally()

    hear(tally, "upstream_rejected", {"cause": "insufficient_quota"})

    assert not tally.counts(d.LINKS_LOST)


def test_tokens_are_those_of_all_that_models_count():
    """As in usage, quotas and the end of a call: what writes turns down counts for itself."""
    tally = Tally()

    hear(tally, "response_done", {"status": "completed", "tokens_by_type": {"audio_input": 3}})
    hear(tally, "transcribed", {"tokens_by_type": {"audio_input": 4, "text_output": 2}})

    assert {("audio_input",): 7, ("text_output",): 2} == tally.counts(d.TOKENS)


def test_causes_of_the_operators_page_are_told_apart():
    """None of them is "other"."""
    text = section("docs/operations.md", "## Logs").partition("`cause` of `session_closed`")[2]
    causes = {word for cell in table(text) for word in re.findall(r"\b[a-z_]+[a-z]\b", cell)}
    causes -= {"cause", "any_other", "upstream_lost", "upstream_rejected", "other", "such"}
    named = {word for word in causes if "_" in word}

    assert len(named) > 10
    assert named <= set(vocabulary.CALL_CAUSES)


def test_causes_of_the_code_are_told_apart():
    """What a session ends with, in its own words."""
    text = "".join(path.read_text() for path in (ROOT / "tornado_app/session").rglob("*.py"))
    causes = set(re.findall(r'_way_out\.end\([^()]*"(\w+)"', text))
    way_out = (ROOT / "tornado_app/session/way_out.py").read_text()
    causes |= set(re.findall(r'\bend(?:_over)?\([^()]*"(\w+)"', way_out))
    causes |= set(re.findall(r'Ending\("[^()]*"(\w+)"\)', text))

    assert {"fault", "drained", "server_stopped", "token_expired", "client_silent"} <= causes
    assert causes - {"client_gone"} <= set(vocabulary.CALL_CAUSES)


def test_what_a_model_may_be_late_with_is_told_apart():
    """Each word that the code waits for has a series."""
    text = "".join(path.read_text() for path in (ROOT / "tornado_app/session").rglob("*.py"))
    words = re.findall(r'(?:waited_for=|log_late\()"([\w.]+)"', text)

    assert len(words) > 4
    assert set(words) <= set(d.MODEL_LATE.labels[0].values)
