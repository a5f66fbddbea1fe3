"""What is too old to be kept of a conversation is summed up before it goes."""

import pytest

from tests.session.test_rolling_over import (
    begun,
    has,
    looks,
    prepare,
    statuses,
    told_ahead,
    turn,
    until,
    uses,
)
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.session import events
from tornado_app.session.commands import Log, StopSummingUp, SumUp
from tornado_app.session.ledger.entries import ModelSaid, Summed, UserSaid
from tornado_app.session.summing_up import AGAIN_S, SUMMARY_LETTERS

TEXT = "The user is called Anna."


def long_call(stage, turns=4, **changes):
    """One whose ledger is three quarters full with three turns, and was looked at."""
    call = begun(stage(**({"summary_timeout_s": 20.0, "ledger_entries": 8} | changes)))
    for number in range(turns):
        turn(call, number, f"This is {number}.", f"That was {number}.")
    return call.feed(events.Look(0))


def asked(commands):
    return [each for each in commands if isinstance(each, SumUp)]


def lines(call, event):
    return [each.fields for each in call.all if isinstance(each, Log) and each.event == event]


def texts(call):
    return [entry.text for entry in call.session.ledger.entries]


def test_the_oldest_half_is_summed_up_while_there_is_room(stage):
    """And what was summed up is told in its place, at the head."""
    call = long_call(stage, turns=3)
    [command] = asked(call.fresh)
    said = [entry.text for entry in command.entries]
    assert ["This is 0.", "That was 0."] == said
    assert [UserSaid, ModelSaid] == [type(entry) for entry in command.entries]
    assert 6 == len(call.session.ledger.entries)

    call.feed(events.SummedUp(f" {TEXT} "))
    assert [TEXT, "This is 1.", "That was 1.", "This is 2.", "That was 2."] == texts(call)
    assert [{"items": 2, "duration_ms": 0}] == lines(call, "summed_up")
    call.lost().tick(at=call.now + 1)
    call.model_ready()
    [first, *rest] = [each.item for each in call.orders if isinstance(each, CreateItem)]
    assert "system" == first["role"]
    assert f"What was said before, summed up: {TEXT}" == first["content"][0]["text"]
    assert 4 == len(rest)


def test_the_next_summary_has_the_one_before(stage):
    """It would go with what it stands for, else."""
    call = long_call(stage, turns=3).feed(events.SummedUp(TEXT))
    until(call, call.now + AGAIN_S)
    turn(call, 3, "This is 3.", "That was 3.").feed(events.Look(0))
    [command] = asked(call.fresh)

    assert Summed("parley_summary_1", TEXT) == command.entries[0]
    assert "This is 1." == command.entries[1].text
    call.feed(events.SummedUp("Once more."))
    assert 1 == sum(isinstance(entry, Summed) for entry in call.session.ledger.entries)
    assert "Once more." == texts(call)[0]


def test_a_summary_is_the_last_to_go(stage):
    """Turns behind it do, when nobody sums up in time."""
    call = long_call(stage, turns=3).feed(events.SummedUp(TEXT))
    for number in range(3, 8):
        turn(call, number, f"This is {number}.", f"That was {number}.")

    assert TEXT == texts(call)[0]
    assert "This is 7." in texts(call)
    assert "This is 1." not in texts(call)
    assert len(texts(call)) <= 8


@pytest.mark.parametrize("result", [events.SummedUp("", "ValueError"), events.SummedUp(" \n")])
def test_without_a_summary_the_oldest_go_as_ever(stage, result):
    """One line says so, and the function is left alone for a while."""
    call = long_call(stage).feed(result)
    [line] = lines(call, "summary_failed")
    assert ("failed", result.detail or "empty") == (line["outcome"], line["detail"])
    for number in range(4, 7):
        turn(call, number, f"This is {number}.", f"That was {number}.").feed(events.Look(0))

    assert 1 == len(asked(call.all))
    assert "This is 6." in texts(call)
    assert "This is 0." not in texts(call)


def test_one_that_is_late_is_not_waited_for(stage):
    """Nor put in when it comes after all."""
    call = long_call(stage, turns=3)
    until(call, call.now + 19.0).feed(events.Look(0))
    assert not has(call.fresh, StopSummingUp)
    until(call, call.now + 1.0).feed(events.Look(0))
    assert has(call.fresh, StopSummingUp)
    assert [{"outcome": "late", "detail": ""}] == lines(call, "summary_failed")

    before = texts(call)
    call.feed(events.SummedUp(TEXT))
    assert before == texts(call)


def test_a_long_one_is_cut_at_a_word(stage):
    """Each model that follows is told of it."""
    call = long_call(stage, turns=3).feed(events.SummedUp("word " * SUMMARY_LETTERS))

    assert SUMMARY_LETTERS - 5 <= len(texts(call)[0]) <= SUMMARY_LETTERS
    assert texts(call)[0].endswith("word")


def test_nobody_is_asked_where_there_is_no_function(stage):
    """The oldest are left out."""
    call = long_call(stage, turns=6, summary_timeout_s=0.0)

    assert not has(call.all, SumUp)


def small_context(stage):
    """One whose next model is to know 2000 bytes, and that has come to its 1000 tokens."""
    call = begun(stage(summary_timeout_s=20.0, context_tokens=1000))
    for number in range(4):
        turn(call, number, f"This is {number}.", f"That was {number}.")
    uses(call, 10, 4)
    uses(call, 1200, 5)
    return call


def test_a_change_for_the_context_waits_for_its_summary(stage):
    """The next model is told of it, and of what was not too much."""
    call = small_context(stage)
    looks(call)
    prepare(call)
    assert not told_ahead(looks(call, 3.0))
    [command] = asked(call.all)
    assert "This is 0." == command.entries[0].text

    call.feed(events.SummedUp(TEXT))
    commands = looks(call, 3.0)
    assert ("connected", "rebuilt", "context_limit") in statuses(commands)
    [first, *_] = told_ahead(commands)
    assert first.item["content"][0]["text"].endswith(TEXT)


def test_such_a_change_waits_no_longer_than_the_function_may_take(stage):
    """The oldest are left out then."""
    call = small_context(stage)
    looks(call)
    prepare(call)
    commands = looks(call, 22.0)

    assert ("connected", "rebuilt", "context_limit") in statuses(commands)
    assert has(commands, StopSummingUp)
    assert "This is 0." not in texts(call)
