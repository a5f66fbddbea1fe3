"""Tests of tornado_app/upstream/trial.py, with real sockets."""

import asyncio
import threading

import pytest

from tests.calls.house import house_settings, until
from tests.fakes.upstream import FakeUpstream
from tornado_app.house_terms import first_session
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.realtime.functions import Function
from tornado_app.upstream.endpoint import Endpoint, trial_dial
from tornado_app.upstream.trial import TRIAL_ID, Trial

WAIT_S = 15.0
NOBODY = "ws://127.0.0.1:9/v1/realtime"


def trial(url: str, functions: tuple[Function, ...] = ()) -> Trial:
    settings = house_settings()
    dial = trial_dial(settings, Endpoint(url, "sk-key", "authorization"), "gpt-realtime-2.1")
    return Trial(dial, first_session(settings), Mailbox(asyncio.get_running_loop()), functions)


def trial_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "up-trial"]


@pytest.mark.gen_test
async def test_a_model_that_takes_us():
    """It is asked for what a call would ask for, and left politely."""
    async with FakeUpstream() as fake:
        verdict = await trial(fake.url).run(WAIT_S)
        peer = await fake.connection()
        await asyncio.wait_for(peer.ended.wait(), WAIT_S)

    assert verdict is None
    assert ["session.update"] == [event["type"] for event in peer.events]
    assert 1000 == peer.close_code
    assert "Bearer sk-key" == peer.headers["authorization"]
    assert [] == trial_threads()


@pytest.mark.gen_test
async def test_tools_are_tried_with_the_rest():
    """A schema that the model does not take would end every call."""
    clock = Function("get_time", "What time it is.", {"type": "object"}, 1.0)
    async with FakeUpstream() as fake:
        assert await trial(fake.url, (clock,)).run(WAIT_S) is None
        update = await (await fake.connection()).next_event("session.update")

    assert ["get_time"] == [tool["name"] for tool in update["session"]["tools"]]


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.gen_test
async def test_a_key_that_is_wrong(status):
    """The verdict is that of a call."""
    async with FakeUpstream(handshake=status) as fake:
        verdict = await trial(fake.url).run(WAIT_S)

    assert ("upstream_rejected", f"http_{status}") == (verdict.code, verdict.cause)


@pytest.mark.gen_test
async def test_settings_that_the_model_refuses():
    """A voice that it does not have is found out, too."""
    error = {"type": "invalid_request_error", "code": "invalid_value", "event_id": TRIAL_ID}
    async with FakeUpstream() as fake:
        fake.answers["session.update"] = lambda _: [{"type": "error", "error": error}]
        verdict = await trial(fake.url).run(WAIT_S)

    assert ("upstream_rejected", "invalid_value") == (verdict.code, verdict.cause)


@pytest.mark.parametrize("handshake", ["silent", "hang_up"])
@pytest.mark.gen_test
async def test_a_model_that_does_not_answer(handshake):
    """Nothing is known of it; nothing waits for longer than it may."""
    async with FakeUpstream(handshake=handshake) as fake:
        verdict = await trial(fake.url).run(0.2)
        await until(lambda: not trial_threads(), "the thread is still there")

    assert verdict.retry


@pytest.mark.gen_test
async def test_nobody_there():
    """The word for the log is the link's."""
    verdict = await trial(NOBODY).run(WAIT_S)

    assert ("upstream_unavailable", "refused") == (verdict.code, verdict.cause)


@pytest.mark.gen_test
async def test_a_trial_that_is_stopped():
    """The server may end while it goes on."""
    async with FakeUpstream(handshake="silent") as fake:
        going_on = asyncio.ensure_future(trial(fake.url).run(60.0))
        await until(trial_threads, "the trial does not begin")
        going_on.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going_on
        await until(lambda: not trial_threads(), "the thread is still there")
