"""Whole calls that last as long as they may."""

import base64

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream


@pytest.mark.gen_test
async def test_a_call_in_which_nobody_speaks_is_warned():
    """When half of its time is over, at the latest."""
    changes = {"session_idle_timeout_s": 4, "session_idle_warning_s": 3.5}
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        client = await house.connected()
        warning = (await client.next("limit_warning"))["data"]
        assert ("idle_timeout_s", 4) == (warning["limit"], warning["allowed"])
        assert 1.9 <= warning["used"] < 4


@pytest.mark.gen_test
async def test_a_call_in_which_nobody_speaks_is_ended():
    """A program that only pings keeps it no longer, and the link to the model goes with it."""
    changes = {"session_idle_timeout_s": 0.5, "session_idle_warning_s": 0.3}
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        client = await house.connected()
        await client.say("ping")
        assert not (await client.error("conversation_idle"))["data"]["retryable"]
        assert (4408, "conversation_idle") == await client.closed()
        client.check_numbers()


@pytest.mark.gen_test
async def test_a_token_makes_the_longest_call_shorter_and_never_longer():
    """By what its application says of the call."""
    changes = {"session_max_call_s": 60, "session_call_grace_s": 0}
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        client = await house.connected(token=house.token(parley_session={"max_call_s": 1}))
        # Its warning is left out where both are due at once, as on a computer that stood still.
        await client.error("call_limit")
        assert (4411, "call_limit") == await client.closed()

        token = house.token(parley_session={"max_call_s": 61})
        status, body, _ = await house.refusal(token=token)
        assert (401, "token_invalid") == (status, body["data"]["code"])


@pytest.mark.gen_test
async def test_the_model_says_goodbye_and_the_call_ends_behind_it():
    """All of it has come to the client before it is closed."""
    changes = {
        "session_max_call_s": 0.5,
        "session_call_grace_s": 20,
        "session_goodbye": "Our time is up.",
    }
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        client = await house.connected()
        asked = await fake.next_event("response.create")
        assert "Our time is up." in asked["response"]["instructions"]
        await fake.send({"type": "response.created", "response": {"id": "resp_1"}})
        names = {"item_id": "item_a", "response_id": "resp_1"}
        delta = base64.b64encode(bytes(4800)).decode()
        await fake.send({"type": "response.output_audio.delta", "delta": delta, **names})
        ended = {"id": "resp_1", "status": "completed"}
        await fake.send({"type": "response.done", "response": ended})
        await client.next("audio")
        await client.next("response_done")
        await client.error("call_limit")
        assert (4411, "call_limit") == await client.closed()


@pytest.mark.gen_test
async def test_an_answer_of_which_nothing_comes_is_ended_and_the_next_one_is_heard():
    """The client is told, and the model that it need not go on."""
    async with FakeUpstream() as fake, House(fake.url, session_first_audio_timeout_s=0.5) as house:
        client = await house.connected()
        await client.say("text", text="hello", id="t1")
        await fake.next_event("response.create")
        await fake.send({"type": "response.created", "response": {"id": "resp_1"}})
        assert "failed" == (await client.next("response_done"))["data"]["status"]
        assert "t1" == (await client.error("upstream_timeout"))["data"]["ref"]
        assert "resp_1" == (await fake.next_event("response.cancel"))["response_id"]
        ended = {"id": "resp_1", "status": "cancelled"}
        await fake.send({"type": "response.done", "response": ended})
        await client.say("text", text="hello?")
        await fake.next_event("response.create")
        await fake.send({"type": "response.created", "response": {"id": "resp_2"}})
        names = {"item_id": "item_b", "response_id": "resp_2"}
        delta = base64.b64encode(bytes(4800)).decode()
        await fake.send({"type": "response.output_audio.delta", "delta": delta, **names})
        assert "item_b" == (await client.next("audio"))["data"]["item_id"]
