"""The order of an examination, and what becomes of steps that need another."""

import asyncio
import dataclasses

import pytest

from tornado_app.commands.doctor.finding import Skipped, Step, Trouble, examine
from tornado_app.commands.talk.failure import Failed
from tornado_app.errors import Refused
from tornado_app.settings.reading import InvalidSettings


def step(name, outcome, *needs, **values):
    """A step that says *outcome*, or raises it."""

    async def work():
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Step(name, work, needs, **values)


async def examined(*steps):
    return [finding async for finding in examine(steps)]


@pytest.mark.gen_test
async def test_what_needs_a_failed_step_is_skipped_and_says_so():
    """Also by way of another that was skipped; what needs neither is tried."""
    begun = []
    steps = [
        step("settings", "right"),
        step("key", Trouble("refused", "another one"), "settings"),
        step("model", "there", "key"),
        step("turn", "answered", "model"),
        step("address", "free", "settings"),
        step("tools", Skipped("none here"), "settings"),
    ]
    found = [finding async for finding in examine(steps, begun.append)]

    assert [
        ("settings", "ok", "right", ""),
        ("key", "failed", "refused", "another one"),
        ("model", "skipped", "It needs the step before: key.", ""),
        ("turn", "skipped", "It needs the step before: model.", ""),
        ("address", "ok", "free", ""),
        ("tools", "skipped", "none here", ""),
    ] == [dataclasses.astuple(finding)[:4] for finding in found]
    assert ["settings", "key", "address", "tools"] == begun
    assert [None, None, None] == [f.took_ms for f in found if f.status == "skipped"]
    assert all(f.took_ms >= 0 for f in found if f.status != "skipped")


@pytest.mark.parametrize(
    ("error", "says", "advice"),
    [
        (Trouble("wrong"), "wrong", "the step's own"),
        (Refused("invalid_message", "No token."), "No token.", "the step's own"),
        (Failed("no gateway"), "no gateway", "the step's own"),
        (InvalidSettings(["a is wrong", "b too"]), "a is wrong. b too.", "the step's own"),
        (OSError(13, "Permission denied"), "Permission denied.", "the step's own"),
        (KeyError("x"), "doctor itself came to no end (KeyError).", "Please report it."),
    ],
)
@pytest.mark.gen_test
async def test_whatever_goes_wrong_is_a_finding(error, says, advice):
    """With advice: the trouble's own, or the step's; and the examination goes on."""
    found = await examined(step("a", error, advice="the step's own"), step("b", "fine"))

    assert [("failed", says, advice), ("ok", "fine", "")] == [
        (finding.status, finding.says, finding.advice) for finding in found
    ]


@pytest.mark.gen_test
async def test_every_step_has_a_deadline():
    """One that hangs is a finding as well."""
    never = Step("hangs", asyncio.Event().wait, advice="wait no more", deadline_s=0.01)
    [found] = await examined(never)

    assert ("failed", "It took longer than 0.01 s.", "wait no more") == (
        found.status,
        found.says,
        found.advice,
    )
