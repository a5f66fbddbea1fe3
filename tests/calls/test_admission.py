"""Who is let in, and how those are told who are not: by HTTP, or in words to a browser."""

import asyncio
import base64
import json
import socket
import struct
import time
from typing import Any

import jwt
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.calls.house import SECRET, WAIT_S, House, VoiceClient
from tests.fakes.raw_websocket import RawClient
from tests.fakes.upstream import FakeUpstream

PRODUCTION = {
    "server_environment": "production",
    "server_allowed_origins": ["https://talk.example.com", "https://*.apps.example.org:8443"],
    "upstream_api_key": "sk-of-the-house",
}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"sub": "alice", "iat": now, "exp": now + 600} | changes
    return {name: value for name, value in made.items() if value is not None}


def signed(key: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm)


def unsigned() -> str:
    """By hand: "alg": "none" and no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims())
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([part.rstrip("=") for part in encoded] + [""])


BAD_TOKENS = {
    "expired": (lambda: signed(exp=int(time.time()) - 60), "token_expired", 4410),
    "not_yet_valid": (lambda: signed(nbf=int(time.time()) + 60), "token_invalid", 4401),
    "from_the_future": (lambda: signed(iat=int(time.time()) + 60), "token_invalid", 4401),
    "other_key": (lambda: signed("another-key-another-key-another-1"), "token_invalid", 4401),
    "other_algorithm": (lambda: signed(SECRET * 2, "HS512"), "token_invalid", 4401),
    "no_algorithm": (unsigned, "token_invalid", 4401),
    "no_user": (lambda: signed(sub=None), "token_invalid", 4401),
    "no_end": (lambda: signed(exp=None), "token_invalid", 4401),
    "years": (lambda: signed(exp=int(time.time()) + 10**8), "token_invalid", 4401),
    "rubbish": (lambda: "rubbish", "token_invalid", 4401),
    "huge": (lambda: "x" * 9000, "token_invalid", 4401),
}


def check_refusal(body: dict[str, Any], code: str) -> dict[str, Any]:
    """An `error` message of the protocol, the only one there is."""
    assert {"type", "data", "error", "timestamp", "seq"} == set(body)
    assert ("error", code, 1) == (body["type"], body["data"]["code"], body["seq"])
    assert body["error"]
    return body["data"]


async def refused_in_words(
    house: House, code: str, query: str = "", **how: Any
) -> tuple[int | None, str | None]:
    """Open with voice.v1 offered; check the one error; the close code and reason."""
    how["subprotocols"] = ["voice.v1", *how.pop("subprotocols", [])]
    client = await house.call(query, **how)
    check_refusal(await client.next("error"), code)
    ending = await client.closed()
    assert ["error"] == client.types
    return ending


async def until(condition) -> None:
    """Until what a client did has reached the server; there is no event to wait for."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.gen_test
async def test_a_token_may_come_in_three_ways():
    """By header, by subprotocol, and in development by query; the first found wins."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        await house.connected()
        token = house.token("bob")
        by_protocol = await house.connected(token="", subprotocols=["voice.v1", f"bearer.{token}"])
        assert "voice.v1" == by_protocol.socket.selected_subprotocol
        assert token not in str(by_protocol.socket.headers)

        backwards = await house.connected(token="", subprotocols=[f"bearer.{token}", "voice.v1"])
        assert "voice.v1" == backwards.socket.selected_subprotocol
        by_query = await house.connected(f"token={token}", token="")
        assert by_query.socket.selected_subprotocol is None

        both = await house.connected("token=rubbish", user="carol")
        await both.say("get_status")
        assert "carol" == (await both.next("status"))["data"]["user_id"]
        lower = await house.connected(token="", headers={"Authorization": f"bearer {token}"})
        await lower.say("get_status")
        assert "bob" == (await lower.next("status"))["data"]["user_id"]


@pytest.mark.gen_test
async def test_a_token_without_voice_v1_is_no_choice_of_protocol():
    """A client that offers only its token gets none selected, and the token is not echoed."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        offer = f"bearer.{house.token()}"
        client = await RawClient.connect(
            house.port, "/ws", headers=f"Sec-WebSocket-Protocol: {offer}\r\n"
        )

        assert b"bearer." not in client.response
        assert b"sec-websocket-protocol" not in client.response.lower()
        await client.close()


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_a_bad_token_opens_nothing(kind):
    """401 and an error for a program, a close code for a browser; no place is lost."""
    make, code, close_code = BAD_TOKENS[kind]
    async with FakeUpstream() as fake, House(fake.url, limits_connections=1) as house:
        token = make()
        status, body, response = await house.refusal(token=token)
        assert 401 == status
        assert not check_refusal(body, code)["retryable"]
        assert "Bearer" == response.headers["WWW-Authenticate"]
        assert response.headers["Content-Type"].startswith("application/json")
        assert token not in response.body.decode()

        reason = "token_expired" if close_code == 4410 else "token_invalid"
        offer = [] if kind == "huge" else [f"bearer.{token}"]
        header = {"token": token} if kind == "huge" else {"token": ""}
        ending = await refused_in_words(house, code, subprotocols=offer, **header)
        assert (close_code, reason) == ending

        await house.connected()
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
async def test_no_token_is_said_so():
    """Also an empty one, and one of another scheme."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        for query, headers in [
            ("", {}),
            ("token=", {}),
            ("", {"Authorization": "Bearer "}),
            ("", {"Authorization": "Basic YTpi"}),
        ]:
            status, body, _ = await house.refusal(query, token="", headers=headers)
            assert 401 == status
            check_refusal(body, "token_missing")
        ending = await refused_in_words(house, "token_missing", token="")
        assert (4401, "token_invalid") == ending


@pytest.mark.gen_test
async def test_production_takes_no_token_from_the_address():
    """Addresses end up in logs."""
    async with FakeUpstream() as fake, House(fake.url, **PRODUCTION) as house:
        status, body, _ = await house.refusal(f"token={house.token()}", token="")
        assert 401 == status
        check_refusal(body, "token_missing")
        await house.connected()


@pytest.mark.gen_test
async def test_production_lets_in_the_pages_it_knows():
    """By exact origin and by pattern, with look-alikes outside; programs have no origin."""
    async with FakeUpstream() as fake, House(fake.url, **PRODUCTION) as house:
        for origin in [
            "https://talk.example.com",
            "https://a.apps.example.org:8443",
            "https://a.b.apps.example.org:8443",
            None,
        ]:
            client = await house.connected(headers={"Origin": origin} if origin else {})
            client.socket.close()
        for origin in [
            "http://talk.example.com",
            "https://talk.example.com:444",
            "https://talk.example.com.evil.net",
            "https://eviltalk.example.com",
            "https://example.com",
            "https://apps.example.org:8443",
            "https://evilapps.example.org:8443",
            "https://a.apps.example.org",
            "https://talk.example.com@evil.net",
            "null",
            "",
        ]:
            status, body, _ = await house.refusal(headers={"Origin": origin})
            assert 403 == status, origin
            check_refusal(body, "origin_denied")
        ending = await refused_in_words(
            house, "origin_denied", headers={"Origin": "https://evil.net"}
        )
        assert (4403, "forbidden") == ending


@pytest.mark.gen_test
async def test_development_lets_in_every_page():
    """Whoever writes a page opens it from somewhere."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        for origin in ("http://localhost:3000", "https://evil.net", "null"):
            await house.connected(headers={"Origin": origin})


@pytest.mark.gen_test
async def test_all_places_may_be_taken():
    """503 with a time to wait, and a place that is left can be taken again."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections=2) as house:
        first = await house.connected(user="alice")
        await house.connected(user="bob")
        status, body, response = await house.refusal(user="carol")
        assert 503 == status
        data = check_refusal(body, "server_busy")
        assert data["retryable"]
        assert str(data["retry_after_ms"] // 1000) == response.headers["Retry-After"]
        ending = await refused_in_words(house, "server_busy", user="carol")
        assert (1013, "server_busy") == ending

        first.socket.close(1000)
        await first.closed()
        await until(lambda: len(house.gateway.connections) < 2)
        third = await house.connected(user="carol")
        await third.say("get_status")
        limits = (await third.next("status"))["data"]["limits"]
        assert {"used": 2, "limit": 2} == limits["connections"]


@pytest.mark.gen_test
async def test_one_user_may_have_so_many():
    """429, while others still get in."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections_per_user=1) as house:
        await house.connected(user="alice")
        status, body, response = await house.refusal(user="alice")
        assert 429 == status
        assert check_refusal(body, "connection_limit")["retry_after_ms"] > 0
        assert int(response.headers["Retry-After"]) > 0
        ending = await refused_in_words(house, "connection_limit", user="alice")
        assert (4429, "limit_reached") == ending
        await house.connected(user="bob")


@pytest.mark.gen_test
async def test_a_client_that_vanishes_gives_its_place_back():
    """By a reset without a word: the place is free, and the model is told goodbye."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections=1) as house:
        client = await RawClient.connect(
            house.port, "/ws", headers=f"Authorization: Bearer {house.token()}\r\n"
        )
        link = await fake.connection()
        while b'"status":"connected"' not in (await client.receive()).payload:
            pass
        raw = client.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()

        await asyncio.wait_for(link.ended.wait(), WAIT_S)
        assert 1000 == link.close_code
        await until(lambda: not house.gateway.connections)
        await house.connected()


UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (UPGRADE + "Sec-WebSocket-Version: 13\r\n", b"400"),
        (UPGRADE + KEY, b"426"),
        (UPGRADE + KEY + "Sec-WebSocket-Version: 8\r\n", b"426"),
        ("Upgrade: websocket\r\n" + KEY + "Sec-WebSocket-Version: 13\r\n", b"400"),
        ("Upgrade: h2c\r\n" + KEY + "Sec-WebSocket-Version: 13\r\n", b"426"),
    ],
    ids=["no_key", "no_version", "old_version", "no_connection", "other_upgrade"],
)
async def test_an_upgrade_that_fails_gives_its_place_back(headers, status):
    """A good token with a handshake that cannot be: the place is free afterwards."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections=1) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.token()}\r\n"
            f"{headers}\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
        assert status == answer.split()[1]
        writer.close()

        await house.connected()
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("input_format=mp3", "input_format"),
        ("input_rate=4000", "input_rate"),
        ("input_rate=fast", "input_rate"),
        ("input_channels=9", "input_channels"),
        ("output_format=m4a", "output_format"),
        ("output_rate=1e5", "output_rate"),
        ("output_encoding=hex", "output_encoding"),
        ("voice=nobody", "voice"),
        ("model=gpt-5", "model"),
        ("turn_detection=", "turn_detection"),
    ],
)
async def test_a_bad_parameter_is_named(query, field):
    """Before the upgrade and after it, with what it may be."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections=1) as house:
        status, body, _ = await house.refusal(query)
        assert 400 == status
        assert field == check_refusal(body, "invalid_message")["field"]
        assert body["error"].startswith(f"{field} must be ")

        ending = await refused_in_words(house, "invalid_message", query)
        assert (4400, "bad_request") == ending
        await house.connected()
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
async def test_too_many_parameters_are_a_bad_request():
    """Nobody needs so many; whoever sends them gets an answer that says so."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        query = "&".join(f"p{number}=1" for number in range(100))
        status, body, _ = await house.refusal(query)
        assert 400 == status
        check_refusal(body, "invalid_message")
        ending = await refused_in_words(house, "invalid_message", query)
        assert (4400, "bad_request") == ending


@pytest.mark.gen_test
async def test_a_server_that_drains_sends_clients_elsewhere():
    """Those inside are told when, those outside to try again."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        inside = await house.connected()
        house.gateway.drain(60.0)
        going = await inside.next("going_away")
        assert "draining" == going["data"]["reason"]
        assert 59_000 < going["data"]["deadline"] - going["timestamp"] <= 60_000

        status, body, response = await house.refusal()
        assert 503 == status
        assert check_refusal(body, "going_away")["retryable"]
        assert "1" == response.headers["Retry-After"]
        assert (1001, "going_away") == await refused_in_words(house, "going_away")

        # The call goes on until then.
        await inside.say("ping")
        await inside.next("pong")
        ready = await AsyncHTTPClient().fetch(house.http("/readyz"), raise_error=False)
        assert 503 == ready.code


@pytest.mark.gen_test
async def test_a_drained_call_ends_at_the_deadline():
    """1001, so that the client connects again elsewhere."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        house.gateway.drain(0.05)
        assert (1001, "going_away") == await client.closed()
        assert await house.gateway.clients_gone(WAIT_S)


async def fetched(url: str, **how: Any) -> HTTPResponse:
    return await AsyncHTTPClient().fetch(url, raise_error=False, **how)


@pytest.mark.gen_test
async def test_a_browser_that_opens_the_address_is_told_what_it_speaks():
    """426 and JSON, with or without a token."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        response = await fetched(house.http("/ws"))
        assert 426 == response.code
        assert "websocket" == response.headers["Upgrade"]
        check_refusal(json.loads(response.body), "invalid_message")

        health = await fetched(house.http("/healthz"))
        assert 0 == json.loads(health.body)["connections"]


@pytest.mark.gen_test
async def test_refused_clients_hold_no_session():
    """What such a client says afterwards is not answered, and it is gone when it has closed."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client: VoiceClient = await house.call(token="", subprotocols=["voice.v1"])
        await client.say("get_status")
        assert (4401, "token_invalid") == await client.closed()
        assert ["error"] == client.types
        assert not house.gateway.connections
        assert not fake.connections
