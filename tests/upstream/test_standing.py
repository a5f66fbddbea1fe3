"""Tests of tornado_app/upstream/standing.py."""

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.calls.house import until, whole_log
from tornado_app.protocol.close import UPSTREAM_FAILED
from tornado_app.protocol.endings import Ending
from tornado_app.upstream.standing import Standing

WRONG_KEY = Ending("upstream_rejected", "No.", False, UPSTREAM_FAILED, "http_401")
NOBODY = Ending("upstream_unavailable", "No.", True, UPSTREAM_FAILED, "refused")


class Model:
    """Answers each trial with the next verdict, the last one for ever."""

    def __init__(self, *verdicts: Ending | Exception | None) -> None:
        self.verdicts = list(verdicts)
        self.trials = 0
        self.before_each: Callable[[], object] = lambda: None

    async def __call__(self) -> Ending | None:
        self.trials += 1
        self.before_each()
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def tried(self, times: int) -> None:
        await until(lambda: self.trials >= times, f"it was tried {self.trials} times")


def lines(log) -> list[tuple[str, str, str | None]]:
    said = map(json.loads, log.getvalue().splitlines())
    return [(line["event"], line["level"], line.get("cause")) for line in said]


@pytest.mark.gen_test
async def test_a_model_that_refuses_is_tried_until_it_does_not():
    """One line when it begins and one when it is over, whatever lies between."""
    model = Model(WRONG_KEY, WRONG_KEY, WRONG_KEY, None)
    standing, seen = Standing(model, "gpt-realtime", rest_s=0), []
    with whole_log() as log:
        model.before_each = lambda: seen.append(standing.rejected)
        standing.start()
        await until(lambda: "model_accepts" in log.getvalue(), "it is refused for ever")
        await standing.stop()

    assert [False, True, True, True] == seen
    assert not standing.rejected
    assert [("model_rejects", "error", "http_401"), ("model_accepts", "info", None)] == lines(log)
    assert "upstream.api_key" in log.getvalue()
    assert "gpt-realtime" == json.loads(log.getvalue().splitlines()[0])["model"]


@pytest.mark.gen_test
async def test_a_model_that_is_not_there_is_no_reason_to_send_clients_away():
    """Another gateway would find the same."""
    model = Model(NOBODY)
    standing = Standing(model, "gpt-realtime", rest_s=0)
    with whole_log() as log:
        standing.start()
        await model.tried(3)
        await standing.stop()

    assert not standing.rejected
    assert [("model_unreachable", "warning", "refused")] == lines(log)


@pytest.mark.gen_test
async def test_a_refused_call_causes_a_trial_and_decides_nothing():
    """Its client may have asked for what this key cannot have."""
    model = Model(None)
    standing = Standing(model, "gpt-realtime", rest_s=0)
    standing.start()
    await model.tried(1)
    for _ in range(100):
        await asyncio.sleep(0)
    quiet = model.trials
    standing.on_call(accepted=False)
    await model.tried(2)
    await standing.stop()

    assert 1 == quiet
    assert not standing.rejected


@pytest.mark.gen_test
async def test_a_connected_call_is_proof_enough():
    """It need not wait for the next trial."""
    model = Model(WRONG_KEY)
    standing = Standing(model, "gpt-realtime")
    standing.start()
    await model.tried(1)
    await until(lambda: standing.rejected, "the verdict does not come")
    standing.on_call(accepted=True)
    await standing.stop()

    assert not standing.rejected


@pytest.mark.gen_test
async def test_nothing_is_tried_that_was_not_asked_for():
    """Calls change nothing before the start."""
    model = Model(WRONG_KEY)
    standing = Standing(model, "gpt-realtime", rest_s=0)
    standing.on_call(accepted=False)
    await asyncio.sleep(0)
    await standing.stop()

    assert (0, False) == (model.trials, standing.rejected)


@pytest.mark.gen_test
async def test_a_fault_of_ours_refuses_nobody():
    """It is logged, and the watch goes on."""
    model = Model(RuntimeError("ours"), WRONG_KEY)
    standing = Standing(model, "gpt-realtime", rest_s=0)
    with whole_log() as log:
        standing.start()
        await until(log.getvalue, "the fault is not logged")
        standing.on_call(accepted=False)
        await until(lambda: standing.rejected, "the watch has ended")
        await standing.stop()

    assert ("trial_failed", "error", None) == lines(log)[0]
