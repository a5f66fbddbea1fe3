"""Tokens and users that are taken back while their calls are open."""

import asyncio

import jwt
import pytest

from tests.calls.house import House, VoiceClient, until
from tests.calls.test_admission import check_refusal, refused_in_words
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.counting import Seat
from tornado_app.admission.revocations import Revocations


@pytest.fixture
def revoked(tmp_path):
    path = tmp_path / "revoked"
    path.write_text("# nobody yet\n")
    return path


def say(path, text: str) -> None:
    """Whole, under another name, and renamed."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


async def ended(client: VoiceClient) -> tuple[int | None, str | None]:
    error = await client.error("token_revoked")
    assert not error["data"]["retryable"]
    return await client.closed()


@pytest.mark.gen_test
async def test_a_call_ends_when_its_token_is_taken_back(revoked):
    """By the token's number or by its user; nobody else notices."""
    async with FakeUpstream() as fake, House(fake.url, auth_revoked_file=str(revoked)) as house:
        stolen = house.token("alice")
        [by_token, other] = [await house.connected(token=stolen), await house.connected()]
        by_user = await house.connected(user="bob")
        say(revoked, f"jti {_number(stolen)}\nuser bob\n")
        assert [(4401, "token_revoked")] * 2 == await asyncio.gather(
            ended(by_token), ended(by_user)
        )
        await other.say("ping")
        await other.next("pong")
        await until(lambda: len(house.gateway.connections) == 1, "a call is still there")
        assert house.gateway.access.seating.used(Seat("connections_per_user", "bob", 9)) == 0


def _number(token: str) -> str:
    return jwt.decode(token, options={"verify_signature": False})["jti"]


@pytest.mark.gen_test
async def test_who_is_taken_back_does_not_come_in(revoked):
    """In words and by HTTP, with the first message, and from the first moment on."""
    revoked.write_text("user alice\n")
    how = {"auth_revoked_file": str(revoked), "auth_allow_first_message": True}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        assert (4401, "token_revoked") == await refused_in_words(house, "token_revoked")
        status, body, _ = await house.refusal()
        assert 401 == status
        check_refusal(body, "token_revoked")
        first = await house.call(token="")
        await first.say("authenticate", token=house.token())
        assert (4401, "token_revoked") == await ended(first)
        assert not fake.connections
        await house.connected(user="bob")

        say(revoked, "")
        await until(
            lambda: not house.gateway.access.trust.taken_back.has("alice", None), "not read"
        )
        await house.connected()


@pytest.mark.gen_test
async def test_whoever_was_let_in_a_moment_before_does_not_stay(revoked):
    """Between the judgement and the open socket there is a moment."""
    async with FakeUpstream() as fake, House(fake.url, auth_revoked_file=str(revoked)) as house:
        admit = house.gateway.access.reception.admit

        def admit_late(knock):
            guest = admit(knock)
            house.gateway.access.trust.taken_back._on_revocations(Revocations(frozenset({"alice"})))
            return guest

        house.gateway.access.reception.admit = admit_late
        client = await house.call()
        assert (4401, "token_revoked") == await ended(client)


@pytest.mark.gen_test
async def test_a_file_that_is_gone_changes_nothing(revoked):
    """Who was taken back stays out, and everybody else goes on."""
    revoked.write_text("user bob\n")
    async with FakeUpstream() as fake, House(fake.url, auth_revoked_file=str(revoked)) as house:
        client = await house.connected()
        revoked.unlink()
        assert (4401, "token_revoked") == await refused_in_words(
            house, "token_revoked", token=house.token("bob")
        )
        say(revoked, "user bob\nuser alice\n")
        assert (4401, "token_revoked") == await ended(client)
