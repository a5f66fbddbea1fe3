"""Whole calls that last as long as they may."""

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream


@pytest.mark.gen_test(timeout=60)
async def test_a_call_in_which_nobody_speaks_is_warned_and_ended():
    """A program that only pings keeps it no longer, and the link to the model goes with it."""
    changes = {"session_idle_timeout_s": 0.8, "session_idle_warning_s": 0.3}
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        client = await house.connected()
        await client.say("ping")
        warning = (await client.next("limit_warning"))["data"]
        assert ("idle_timeout_s", 0.8) == (warning["limit"], warning["allowed"])
        assert 0.5 <= warning["used"] < 0.8
        assert not (await client.error("conversation_idle"))["data"]["retryable"]
        assert (4408, "conversation_idle") == await client.closed()
        client.check_numbers()


@pytest.mark.gen_test(timeout=60)
async def test_a_token_makes_the_longest_call_shorter_and_never_longer():
    """By what its application says of the call."""
    changes = {"session_max_call_s": 60, "session_call_grace_s": 0}
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        client = await house.connected(token=house.token(parley_session={"max_call_s": 1}))
        warning = (await client.next("limit_warning"))["data"]
        assert ("max_call_s", 1) == (warning["limit"], warning["allowed"])
        await client.error("call_limit")
        assert (4411, "call_limit") == await client.closed()

        token = house.token(parley_session={"max_call_s": 61})
        status, body, _ = await house.refusal(token=token)
        assert (401, "token_invalid") == (status, body["data"]["code"])
