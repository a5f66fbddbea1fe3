"""Whole calls of users who may have so much in a day."""

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream
from tornado_app.commands.configuration import read_policy

SECOND = bytes(48_000)


@pytest.mark.gen_test(timeout=60)
async def test_a_user_is_warned_and_then_ended():
    """By this call and the one before; who comes then is refused until tomorrow."""
    how = {"quotas_audio_s_per_user_per_day": 10, "session_call_grace_s": 0}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        before = await house.connected()
        for _ in range(3):
            await before.audio(SECOND)
            await before.next("audio_received")
        before.socket.close()
        client = await house.connected()
        for _ in range(6):
            await client.audio(SECOND)
        warning = (await client.next("limit_warning"))["data"]
        assert ("audio_s_per_user_per_day", 10) == (warning["limit"], warning["allowed"])
        assert 8 <= warning["used"] <= 9
        await client.audio(SECOND)
        error = (await client.error("quota_exceeded"))["data"]
        assert 0 < error["retry_after_ms"] <= 86_400_000
        assert (4429, "quota_exceeded") == await client.closed()
        assert 1 == client.types.count("error")
        status, body, response = await house.refusal()
        assert (429, "quota_exceeded") == (status, body["data"]["code"])
        assert int(response.headers["Retry-After"]) <= 86_400
        await house.connected(user="bob")
        scrape = await house.scrape()
        assert 1 == scrape("calls_ended_total", cause="quota_exceeded")


@pytest.mark.gen_test
async def test_money_is_used_up_like_the_rest():
    """By the prices, with what the call before has cost and another answer may; nothing has to be
    written down for it.
    """
    how = {
        "quotas_money_per_user_per_day": 0.5,
        "session_call_grace_s": 0,
        "session_max_output_tokens": 100,
        "usage_show_cost": True,
    }
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        for tokens, told in ((16_000, "limit_warning"), (4800, "error")):  # 24.00 a million
            client = await house.connected()
            await client.say("text", text="Hello.")
            await fake.next_event("response.create")
            await fake.send({"type": "response.created", "response": {"id": "r1"}})
            counted = {"total_tokens": tokens, "output_token_details": {"text_tokens": tokens}}
            done = {"id": "r1", "status": "completed", "usage": counted, "output": []}
            await fake.send({"type": "response.done", "response": done})
            data = (await client.next(told))["data"]
            if told == "limit_warning":
                assert ("money_per_user_per_day", 0.4544, 0.5) == (
                    data["limit"],
                    data["used"],
                    data["allowed"],
                )
                await client.say("get_status")
                cost = (await client.next("status"))["data"]["cost"]
                assert {"amount": "0.384", "currency": "USD", "unpriced": 0} == cost
                client.socket.close(1000, "bye")
        assert "quota_exceeded" == data["code"]
        assert (4429, "quota_exceeded") == await client.closed()
        status, body, _ = await house.refusal()
        assert (429, "quota_exceeded") == (status, body["data"]["code"])
        assert "money_per_user_per_day, which is 0.5, is not enough" in body["error"]


@pytest.mark.gen_test
async def test_a_plan_has_limits_of_its_own():
    """A shorter call, and one place; whoever has no plan has what everybody has."""
    how = {"limits_plans_file": "conf/plans.toml", "limits_plan_claim": ["plan"]}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        token = house.token(plan="free")
        client = await house.connected(token=token)
        await client.say("get_status")
        limits = (await client.next("status"))["data"]["limits"]
        assert (1, 400) == (limits["connections_per_user"]["limit"], limits["connections"]["limit"])
        status, body, _ = await house.refusal(token=token)
        assert (429, "connection_limit") == (status, body["data"]["code"])
        await house.connected()
        status, body, _ = await house.refusal(token=house.token(plan="gold"))
        assert (401, "token_invalid") == (status, body["data"]["code"])


@pytest.mark.gen_test
async def test_another_plan_counts_with_the_next_call(tmp_path):
    """And a file that has gone meanwhile gives nobody more."""
    plans = tmp_path / "plans.toml"
    plans.write_text("[free]\nlimits.connections_per_user = 1\n")
    how = {"limits_plans_file": str(plans), "limits_plan_claim": ["plan"]}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        token = house.token(plan="free")
        await house.connected(token=token)
        assert 429 == (await house.refusal(token=token))[0]

        async def read_again() -> None:
            policy = read_policy(house.settings)
            await house.gateway.go_by(house.settings, house.rules, policy, None)

        plans.write_text("[free]\nlimits.connections_per_user = 2\n")
        await read_again()
        await house.connected(token=token)
        assert 429 == (await house.refusal(token=token))[0]
        plans.unlink()
        await read_again()
        assert 401 == (await house.refusal(token=token))[0]


@pytest.mark.gen_test
async def test_a_call_keeps_its_plan_whatever_token_it_goes_on_with(tmp_path):
    """Another that is shown while it runs, and one with which its client comes back."""
    plans = tmp_path / "plans.toml"
    plans.write_text("[free]\nquotas.audio_s_per_user_per_day = 2\n")
    how = {
        "limits_plans_file": str(plans),
        "limits_plan_claim": ["plan"],
        "session_resume_window_s": 20,
        "session_call_grace_s": 0,
    }
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        client = await house.connected(token=house.token(plan="free"))
        await client.say("refresh_token", token=house.token())
        await client.next("token_refreshed")
        client.socket.protocol.stream.close()
        resume_token = client.heard[0]["data"]["resume_token"]
        again = await house.call(f"resume={resume_token}&last_seq=2", token=house.token())
        assert (await again.status("connected"))["data"]["resumed"]
        for _ in range(3):
            await again.audio(SECOND)
        await again.error("quota_exceeded")
        assert (4429, "quota_exceeded") == await again.closed()
