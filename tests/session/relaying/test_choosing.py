"""A client that names its model with the first that it says, as the address names none."""

import pytest

from tests.session.relaying.call import EVERYTHING, Call
from tests.session.relaying.test_relaying import written
from tests.session.story import model_session
from tests.session.test_log_lines import lines
from tornado_app.policy.grants import Grant, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.session import commands

MINI = {"type": "realtime", "model": "mini", "truncation": "auto"}
GRANTS = {**EVERYTHING.policy.everybody, ("model", "query"): Grant(values=("mini",))}
RULES = CallRules(Policy(GRANTS, {}), frozenset())
FIXED = CallRules(Policy(GRANTS, {}), frozenset(), fixed=frozenset({"model"}))


def call(rules=RULES, **changes):
    return Call(rules, **{"model_is_open": True, **changes})


def dialled(call):
    return [each.model for each in call.all if isinstance(each, commands.DialUpstream)]


def test_before_the_model_is_there_another_one_is_dialled():
    told = call().opened().asks("session.update", session=MINI, event_id="mine")

    assert [None, "mini"] == dialled(told)
    told.finds_model()
    assert ["session.created"] == told.kinds
    (update,) = [each for each in told.sent if "mine" == each.get("event_id")]
    assert "model" not in update["session"]
    told.says("session.updated", session={"model": "mini"})
    assert ["session.updated"] == told.kinds


def test_one_that_is_there_already_is_left_and_the_next_told_the_same():
    begun = model_session(history=(Turn("user", "Good day."),))
    told = call(model_session=begun).begun().asks("session.update", session=MINI)

    assert [None, "mini"] == dialled(told)
    assert any(isinstance(each, commands.CloseUpstream) for each in told.fresh)
    told.finds_model()
    assert [] == told.shown
    kinds = [each["type"] for each in told.sent]
    assert ["session.update", "conversation.item.create", "session.update"] == kinds
    assert "Good day." == told.sent[1]["item"]["content"][0]["text"]


def test_one_that_is_chosen_while_another_would_be_dialled_again_is_dialled_once():
    """The wait for the one that was lost is over with it."""
    told = call().begun().lost()
    again_at = told.session.timers.earliest
    told.asks("session.update", session=MINI)
    assert [None, "mini"] == dialled(told)
    told.tick(again_at + 1.0)

    assert [None, "mini"] == dialled(told)


@pytest.mark.parametrize(
    ("rules", "changes", "name"),
    [
        (RULES, {"model_is_open": False}, "mini"),
        (RULES, {"model_session": model_session(session="transcription")}, "mini"),
        (RULES, {}, "large"),
        (RULES, {}, "gpt-realtime-2.1"),
        (RULES, {}, 5),
        (RULES, {}, None),
        (FIXED, {}, "mini"),
        (EVERYTHING, {}, "mini"),
    ],
)
def test_one_that_may_not_be_chosen_is_left_out(rules, changes, name):
    told = call(rules, **changes).begun()
    kind = told.config.model_session.session
    told.asks("session.update", session={"type": kind, "model": name})

    assert [None] == dialled(told)
    assert [] == told.shown
    assert [{"type": kind}] == [each["session"] for each in told.sent]
    assert [{"fields": ["model"]}] == lines(told, "update_narrowed")


@pytest.mark.parametrize(
    "first",
    [
        {"kind": "session.update", "session": {"type": "realtime"}},
        {"kind": "conversation.item.create", "item": written("hello")},
        {"kind": "input_audio_buffer.append", "audio": "QUJD"},
    ],
)
def test_nothing_is_chosen_behind_the_first_that_a_client_says(first):
    told = call().begun().asks(**first).asks("session.update", session=MINI)

    assert [None] == dialled(told)


def test_an_update_that_is_refused_chooses_nothing():
    told = call().begun().asks("session.update", session={**MINI, "temperature": 1})

    assert "unknown_parameter" == told.error["code"]
    assert [None] == dialled(told)
