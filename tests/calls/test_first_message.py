"""Clients that open without a token and show it in their first message."""

import asyncio
import gc
import json

import pytest

from tests.calls.house import WAIT_S, House, VoiceClient, until, whole_log
from tests.calls.test_admission import BAD_TOKENS, PRODUCTION, check_refusal
from tests.fakes.raw_websocket import TEXT, RawClient, client_frame
from tests.fakes.upstream import FakeUpstream
from tornado_app.client_side.strict_websocket import StrictWebSocketProtocol
from tornado_app.handlers.entrance import Entrance
from tornado_app.handlers.voice import VoiceHandler

CHUNK = bytes(960)


def a_house(fake: FakeUpstream, **changes: object) -> House:
    return House(fake.url, auth_allow_first_message=True, **changes)


async def stranger(house: House, query: str = "", **how: object) -> VoiceClient:
    return await house.call(query, token="", **how)


async def sent_away(client: VoiceClient, code: str) -> tuple[int | None, str | None]:
    """One error, and the close code."""
    check_refusal(await client.next("error"), code)
    ending = await client.closed()
    assert ["error"] == client.types
    return ending


@pytest.mark.gen_test
async def test_a_token_may_come_in_the_first_message():
    """The call is as any other, under the user of the token; nobody is dialled before."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        assert not fake.connections
        assert not house.gateway.connections

        await client.say("authenticate", token=house.token("bob"))
        await client.status("connected")
        await client.say("get_status")
        assert "bob" == (await client.next("status"))["data"]["user_id"]
        await client.audio(CHUNK)
        await client.next("audio_received")
        client.check_numbers()


@pytest.mark.gen_test
async def test_parameters_may_come_in_the_first_message():
    """For a client that has no query; they count before the same in the address."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house, "input_format=float32&output_encoding=binary")
        parameters = {"input_format": "pcmu", "voice": "ash"}
        await client.say("authenticate", token=house.token(), parameters=parameters)
        await client.status("connected")

        [connection] = house.gateway.connections
        assert "pcmu" == connection.config.source.encoding
        assert connection.config.binary_output
        assert "ash" == connection.config.model_session.voice


@pytest.mark.gen_test
async def test_what_comes_right_behind_the_first_message_is_heard():
    """A client need not wait for an answer, and may send as much as any other from then on."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        await client.say("authenticate", token=house.token())
        await client.audio(bytes(96_000))
        assert 96_000 == (await client.next("audio_received"))["data"]["size"]


@pytest.mark.gen_test
async def test_what_the_token_has_set_is_not_for_the_parameters_either():
    """The same refusal as in an opening request, with a close code."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        token = house.token(parley_session={"voice": "cedar"})
        await client.say("authenticate", token=token, parameters={"voice": "ash"})
        assert (4403, "forbidden") == await sent_away(client, "permission_denied")
        assert not fake.connections


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_a_bad_token_in_the_first_message_opens_nothing(kind):
    """The same code and close code as in the opening request, and no second try."""
    make, code, close_code = BAD_TOKENS[kind]
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        await client.say("authenticate", token=make())
        await client.say("authenticate", token=house.token())
        assert close_code == (await sent_away(client, code))[0]
        assert not fake.connections


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("first", "code", "ending"),
    [
        (CHUNK, "token_missing", (4401, "token_invalid")),
        ('{"type":"ping"}', "token_missing", (4401, "token_invalid")),
        ('{"type":"get_status","x":1}', "token_missing", (4401, "token_invalid")),
        ('{"type":"hello"}', "token_missing", (4401, "token_invalid")),
        ("{}", "token_missing", (4401, "token_invalid")),
        ('{"type":"authenticate"}', "invalid_message", (4400, "bad_request")),
        ('{"type":"authenticate","token":""}', "invalid_message", (4400, "bad_request")),
        ('{"type":"authenticate","token":7}', "invalid_message", (4400, "bad_request")),
        ("[]", "invalid_message", (4400, "bad_request")),
        ("token", "invalid_json", (4400, "bad_request")),
        ("", "invalid_json", (4400, "bad_request")),
        ("x" * 24_577, "message_too_large", (1009, "message_too_large")),
    ],
)
async def test_nothing_else_is_accepted_first(first, code, ending):
    """Whoever does not say who it is gets a sentence and a close code, and nobody is dialled."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        if isinstance(first, bytes):
            await client.audio(first)
        else:
            await client.text(first)
        assert ending == await sent_away(client, code)
        assert not fake.connections


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "fields",
    [
        {"type": "authenticate", "token": "rubbish"},
        {"type": "authenticate", "token": ""},
        {"type": "ping"},
        {"type": "hello"},
    ],
)
async def test_a_refusal_bears_the_id_of_the_first_message(fields):
    """As every answer bears that of what it answers."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        await client.text(json.dumps(fields | {"id": "first"}))
        assert "first" == (await client.next("error"))["data"]["ref"]
        await client.closed()


@pytest.mark.gen_test
@pytest.mark.parametrize("parameters", [{"input_rate": "1"}, {"voice": "nobody"}])
async def test_a_bad_parameter_of_a_first_message_is_named(parameters):
    """As one of the address."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        await client.say("authenticate", token=house.token(), parameters=parameters)
        error = await client.next("error")
        assert [error["data"]["field"]] == list(parameters)
        assert (4400, "bad_request") == await client.closed()


@pytest.mark.gen_test
async def test_silence_is_sent_away():
    """A ping is no word; the place is given back."""
    async with FakeUpstream() as fake, a_house(fake, auth_first_message_s=0.1) as house:
        client = await stranger(house)
        client.socket.ping(b"")
        assert (4401, "token_invalid") == await sent_away(client, "token_missing")
        second = await stranger(house)
        await second.say("authenticate", token=house.token())
        await second.status("connected")


@pytest.mark.gen_test
async def test_the_door_is_as_for_everybody():
    """Origin, parameters and limits are judged as with a token."""
    async with (
        FakeUpstream() as fake,
        a_house(fake, limits_connections_per_user=1, **PRODUCTION) as house,
    ):
        status, body, _ = await house.refusal(token="", headers={"Origin": "https://evil.net"})
        assert 403 == status
        check_refusal(body, "origin_denied")
        status, body, _ = await house.refusal("input_rate=1", token="")
        assert 400 == status
        check_refusal(body, "invalid_message")

        await house.connected()
        client = await stranger(house)
        await client.say("authenticate", token=house.token())
        assert (4429, "limit_reached") == await sent_away(client, "connection_limit")


@pytest.mark.gen_test
async def test_the_longest_waiting_gives_way():
    """Those who say nothing keep nobody out; those who are in have nothing to fear."""
    async with (
        FakeUpstream() as fake,
        a_house(fake, limits_unauthenticated=16, limits_unauthenticated_per_address=4) as house,
    ):
        inside = await stranger(house)
        await inside.say("authenticate", token=house.token())
        await inside.status("connected")
        silent = [await RawClient.connect(house.port, "/ws") for _ in range(4)]
        client = await stranger(house)
        assert b"" == await silent[0].received_to_the_end()
        await client.say("authenticate", token=house.token())
        await client.status("connected")
        await inside.say("ping")
        await inside.next("pong")
        for each in silent:
            await each.close()


@pytest.mark.gen_test
async def test_a_stranger_that_vanishes_is_forgotten():
    """Nobody waits for it in the end."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        gone = await RawClient.connect(house.port, "/ws")
        assert house.gateway.access.reception.expects
        await gone.close()
        await until(lambda: not house.gateway.access.reception.expects, "it is still expected")


@pytest.mark.gen_test
async def test_what_belonged_to_a_stranger_is_freed_without_the_collector():
    """Whether or not it has said who it is; cycles would keep a socket's buffers for long."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        gc.collect()
        before = parts_alive()  # of a test whose client did not listen to the end
        gc.disable()
        try:
            for says in (False, True):
                client = await RawClient.connect(house.port, "/ws")
                if says:
                    words = json.dumps({"type": "authenticate", "token": house.token()})
                    client.send(client_frame(TEXT, words.encode()))
                    await client.receive()
                await client.close()
            await until(lambda: parts_alive() <= before, "a part of a stranger is still there")
        finally:
            gc.enable()


def parts_alive() -> int:
    parts = {Entrance, VoiceHandler, StrictWebSocketProtocol}
    return sum(type(part) in parts for part in gc.get_objects())


@pytest.mark.gen_test
async def test_a_server_that_drains_sends_strangers_away_at_once():
    """They have nothing to finish."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        house.gateway.drain(60.0)
        assert (1001, "going_away") == await sent_away(client, "going_away")


@pytest.mark.gen_test
async def test_a_server_that_stops_leaves_no_stranger_behind():
    """They are told, as those who are in."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await stranger(house)
        stopping = asyncio.ensure_future(house.gateway.stop(WAIT_S))
        assert (1001, "going_away") == await sent_away(client, "going_away")
        assert await stopping


@pytest.mark.gen_test
async def test_in_a_call_it_is_too_late():
    """One error, and the call goes on under the user it began with."""
    async with FakeUpstream() as fake, a_house(fake) as house:
        client = await house.connected(user="alice")
        await client.say("authenticate", token=house.token("bob"))
        error = await client.error("invalid_message")
        assert "comes first" in error["error"]
        await client.say("get_status")
        assert "alice" == (await client.next("status"))["data"]["user_id"]


@pytest.mark.gen_test
async def test_it_has_to_be_allowed():
    """As the defaults are, a request without a token opens nothing."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        status, body, _ = await house.refusal(token="")
        assert 401 == status
        check_refusal(body, "token_missing")


@pytest.mark.gen_test
async def test_a_token_of_a_first_message_is_not_written_down():
    """Not in an error to the client, and not in a line of the log, whether good or bad."""
    with whole_log() as log:
        async with FakeUpstream() as fake, a_house(fake) as house:
            for token in (house.token(), house.token()[:-4] + "AAAA"):
                client = await stranger(house)
                await client.say("authenticate", token=token)
                await client.read()
                told = json.dumps(client.heard) + log.getvalue()
                assert not any(part in told for part in token.split("."))
    assert '"client_refused"' in log.getvalue()
