"""Whole calls that go on with another token than the one they began with."""

import time

import pytest

from tests.calls.house import House, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.tokens import TokenRules, issue

OTHER_SECRET = TokenRules(b"x" * 40, ("HS256",), leeway_s=10.0, max_lifetime_s=86_400.0)


def bad_tokens(house: House) -> dict[str, str]:
    """Each is wrong in one way."""
    now = time.time()
    return {
        "The token is not a JSON Web Token.": "rubbish",
        "The token is longer than": "x" * 20_000,
        "The token was made with another secret": issue(
            "alice", OTHER_SECRET, now, 600, ("speak",)
        ),
        "This token has expired, too.": issue("alice", house.rules, now - 700, 600, ("speak",)),
        "The token is of another user (sub).": house.token("bob", scopes=("speak",)),
        "The token lacks a scope that this call has.": house.token("alice", scopes=("sing",)),
        "What the token says of the call is not as this server allows": house.token(
            scopes=("speak",), parley_session={"speed": 9}
        ),
    }


@pytest.mark.gen_test
async def test_a_call_outlives_its_first_token():
    """The same session goes on beyond the first token's end, and ends with the second."""
    changes = {"auth_leeway_s": 0}
    async with FakeUpstream() as fake, House(fake.url, **changes) as house:
        first = house.token(ttl_s=3, scopes=("speak",))
        client = await house.connected(token=first)
        if "token_expiring" not in client.types:
            await client.next("token_expiring")
        another = house.token(ttl_s=5, scopes=("speak", "sing"))
        await client.say("refresh_token", token=another, id="more")
        told = (await client.next("token_refreshed"))["data"]
        assert "more" == told["ref"]
        ends_at = told["expires_at"]
        assert (await client.error("token_expired"))["timestamp"] >= ends_at
        assert (4410, "token_expired") == await client.closed()
        assert 1 == client.types.count("token_refreshed")
        client.check_numbers()
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
async def test_a_token_that_opens_nothing_refreshes_nothing():
    """Whatever would be refused at the door, another user's and a smaller one; no log has it."""
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url) as house:
            tokens = bad_tokens(house)
            for sentence, token in tokens.items():
                client = await house.connected(token=house.token(scopes=("speak",)))
                before = await status(client)
                await client.say("refresh_token", token=token, id="t")
                error = await client.next("error")
                assert error["error"].startswith(sentence)
                assert error["error"].endswith("The one before goes on.")
                assert ("token_invalid", "t", "token") == tuple(
                    error["data"][name] for name in ("code", "ref", "field")
                )
                assert before["token_expires_at"] == (await status(client))["token_expires_at"]
                client.socket.close()
    assert not [token for token in tokens.values() if token in log.getvalue()]


async def status(client):
    await client.say("get_status")
    return (await client.next("status"))["data"]
