"""Tests of tornado_app/gateway.py; tests/calls has the rest over sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.calls.house import SECRET, house_settings
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.quotas import QuotaUse
from tornado_app.admission.tokens import TokenRules, issue
from tornado_app.commands.configuration import read_policy
from tornado_app.connection import Connection
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.guests import Guest, Knock
from tornado_app.protocol.close import GOING_AWAY, Close
from tornado_app.protocol.figures import LimitUse
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.upstream.endpoint import Endpoint

RULES = TokenRules(SECRET.encode(), ("HS256",), leeway_s=10.0, max_lifetime_s=86_400.0)
WAIT_S = 15.0


class SilentClient:
    """Takes everything, remembers how it was closed, and gives its place back then."""

    def __init__(self, gateway: Gateway, guest: Guest) -> None:
        self.closes: list[Close] = []
        self._leave = partial(gateway.access.reception.release, guest)

    is_full = False
    queued_bytes = 0

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None: ...

    def ping(self) -> None: ...

    def close(self, close: Close) -> None:
        self.closes.append(close)
        self._leave()


@asynccontextmanager
async def a_gateway(url: str = "ws://127.0.0.1:1/", **changes: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(
        (settings := house_settings(**changes)),
        RULES,
        lambda: Endpoint(url, "sk-key", "authorization"),
        read_policy(settings),
    )
    try:
        yield gateway
    finally:
        assert await gateway.stop(WAIT_S)


def knock(
    user: str = "alice", origin: str | None = None, token: str | None = None, **query: str
) -> Knock:
    token = issue(user, RULES, time.time(), 600) if token is None else token
    wanted = {name: [value] for name, value in query.items()}
    return Knock(VOICE_V1, origin, token, wanted, "10.0.0.1")


def connect(gateway: Gateway, guest: Guest) -> tuple[Connection, SilentClient]:
    client = SilentClient(gateway, guest)
    return gateway.connect(guest, client), client


def refusal(gateway: Gateway, request: Knock) -> str:
    with pytest.raises(Refused) as refused:
        gateway.access.reception.admit(request)
    return refused.value.code


@pytest.mark.gen_test
async def test_the_first_thing_that_is_wrong_is_said():
    """Draining, origin, token, parameters, places: in this order, and the last costs a place."""
    origins = ["https://talk.example.com"]
    production = {
        "server_environment": "production",
        "server_allowed_origins": origins,
        "upstream_url": "local",
    }
    async with a_gateway(limits_connections=1, **production) as gateway:
        guest = gateway.access.reception.admit(knock())
        worst = {"origin": "https://evil.net", "token": "rubbish", "input_rate": "1"}
        assert "origin_denied" == refusal(gateway, knock(**worst))
        del worst["origin"]
        assert "token_invalid" == refusal(gateway, knock(**worst))
        assert "token_missing" == refusal(gateway, knock(token="", input_rate="1"))
        del worst["token"]
        assert "invalid_message" == refusal(gateway, knock(**worst))
        assert "server_busy" == refusal(gateway, knock())
        gateway.access.reception.is_closed = True
        assert "going_away" == refusal(gateway, knock(origin="https://evil.net"))
        gateway.access.reception.release(guest)


@pytest.mark.gen_test
async def test_a_place_is_counted_and_given_back():
    """Of the server and of the user; refusals take none."""
    async with a_gateway(limits_connections=3, limits_connections_per_user=2) as gateway:
        guests = [gateway.access.reception.admit(knock()), gateway.access.reception.admit(knock())]
        assert "connection_limit" == refusal(gateway, knock())
        guests.append(gateway.access.reception.admit(knock("bob")))
        assert "server_busy" == refusal(gateway, knock("carol"))

        gateway.access.reception.release(guests.pop(0))
        guests.append(gateway.access.reception.admit(knock()))
        assert "alice" == guests[-1].caller.user_id
        for guest in guests:
            gateway.access.reception.release(guest)


@pytest.mark.gen_test
async def test_connections_are_kept_until_they_end():
    """They see the limits, and stopping ends them all with 1001 and closes their links."""
    async with FakeUpstream() as fake, a_gateway(fake.url, limits_connections=7) as gateway:
        assert frozenset() == gateway.connections
        calls = [
            connect(gateway, gateway.access.reception.admit(knock(user)))
            for user in ("alice", "bob")
        ]
        made = [connection for connection, _ in calls]
        assert frozenset(made) == gateway.connections
        expected = {"connections": LimitUse(2, 7), "connections_per_user": LimitUse(1, 10)}
        assert expected == gateway.limits_of(made[0])
        assert made[0].config.session_id != made[1].config.session_id
        assert not await gateway.clients_gone(0)
        await fake.connection(1)

        assert await gateway.stop(WAIT_S)
        assert [[GOING_AWAY]] * 2 == [client.closes for _, client in calls]
        assert frozenset() == gateway.connections
        assert await gateway.clients_gone(0)
        for link in fake.connections:
            await asyncio.wait_for(link.ended.wait(), WAIT_S)


@pytest.mark.gen_test
async def test_who_was_let_in_before_the_server_drains_begins_no_call_behind_that():
    """Nobody would tell it to go elsewhere, and it would be cut in the end."""
    async with FakeUpstream() as fake, a_gateway(fake.url) as gateway:
        guest = gateway.access.reception.admit(knock(resume="an old one"))
        gateway.drain(30.0)
        with pytest.raises(Refused) as refused:
            connect(gateway, guest)
        gateway.access.reception.release(guest)

        assert "going_away" == refused.value.code
        assert frozenset() == gateway.connections


@pytest.mark.gen_test
async def test_a_session_is_as_the_guest_and_the_settings_say():
    """What it asked for, within what there is."""
    async with FakeUpstream() as fake, a_gateway(fake.url, audio_hold_ms=1234) as gateway:
        guest = gateway.access.reception.admit(
            knock(input_format="pcmu", output_encoding="binary", voice="ash")
        )
        config = connect(gateway, guest)[0].config

        assert ("alice", "pcmu", 8000, True, False, 1234) == (
            config.user_id,
            config.source.encoding,
            config.source.rate_hz,
            config.binary_output,
            config.passes_through,
            config.uplink.hold_ms,
        )
        assert "ash" == config.model_session.voice


class Both:
    """Redis as it is asked for a place, and for what was used: either answers with the other."""

    shared = "Redis"

    def __init__(self, gateway: Gateway) -> None:
        self._asked = [asyncio.Event(), asyncio.Event()]
        self.lease = gateway.access.seating.lease
        self.exceeded = gateway.access.metering.exceeded
        self.given_back = 0

    async def learn(self, _quotas: object) -> None:
        await self._answer(0)

    async def reserve(self, _lease: object, *, takes_over: bool) -> None:
        assert not takes_over
        await self._answer(1)

    def give_back(self, _lease: object) -> None:
        self.given_back += 1

    here = 0

    async def _answer(self, number: int) -> None:
        self._asked[number].set()
        async with asyncio.timeout(WAIT_S):
            await self._asked[1 - number].wait()


@pytest.mark.gen_test
async def test_an_opening_asks_for_its_place_and_its_quotas_at_once():
    """Of a Redis that does not answer nobody waits twice; and what it says at last counts."""
    async with a_gateway(quotas_tokens_per_user_per_day=10) as gateway:
        access = gateway.access
        reception, seating, metering = access.reception, access.seating, access.metering
        reception.seating = reception.metering = both = Both(gateway)
        try:
            guest = await gateway.access.reception.coming_in(knock())
            gateway.access.reception.release(guest)
            assert 1 == both.given_back
            used_up = QuotaUse("tokens_per_user_per_day", 10, 10, 2_000_000_000)
            answers = iter([None, used_up])
            both.exceeded = lambda _quotas, _held: next(answers)
            with pytest.raises(Refused) as refused:
                await gateway.access.reception.coming_in(knock())
            assert ("quota_exceeded", 2) == (refused.value.code, both.given_back)
        finally:
            reception.seating, reception.metering = seating, metering
