"""POST /sessions: an application's server asks for a token, over real sockets."""

import asyncio
import json

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.calls.house import WAIT_S, House, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.handlers.bodies import BODY_BYTES
from tornado_app.handlers.sessions import BURST

NOBODY = "ws://127.0.0.1:9/"
KEYS = ["zQ8v3kXw7Lr2Tn5Yb9Pd4Jm6Hc1Gf0As", "Rt5Yq2Wx8Zk1Vn4Lb7Mj3Hc6Pd9Gs0Fa"]
SEALING = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"
CANARY = "canary-s"
HOUSE = {"auth_application_keys": KEYS, "auth_sealing_key": SEALING}


async def ask(house, body=None, key=KEYS[0], method="POST", text=None, **headers):
    """Status, JSON and headers of the answer."""
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if method == "POST":
        text = json.dumps(body or {"user": "alice"}) if text is None else text
    request = HTTPRequest(house.http("/sessions"), method, headers, text, request_timeout=WAIT_S)
    answer = await AsyncHTTPClient().fetch(request, raise_error=False)
    return answer.code, json.loads(answer.body), answer.headers


@pytest.mark.gen_test
@pytest.mark.parametrize("key", KEYS)
async def test_an_application_gets_a_token_for_one_call(key):
    """Its client calls with it, and the model is told what the application has said."""
    session = {"instructions": f"{CANARY} for {{user_id}}", "voice": "cedar"}
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url, **HOUSE) as house:
            asked = {"user": "alice", "ttl_s": 60, "scopes": ["a"], "session": session}
            status, body, headers = await ask(house, asked, key)
            assert (201, "no-store") == (status, headers["Cache-Control"])
            assert {"token", "expires_at"} == set(body)
            assert body["expires_at"] > 1e12

            client = await house.call(token=body["token"])
            told = (await client.next("connection_status"))["data"]["negotiated"]
            update = (await fake.next_event("session.update"))["session"]
            assert ("cedar", f"{CANARY} for alice") == (told["voice"], update["instructions"])
    assert "token_issued" in log.getvalue()
    for secret in (CANARY, *KEYS, body["token"]):
        assert secret not in log.getvalue()


@pytest.mark.gen_test
async def test_without_keys_there_is_no_such_address():
    """404, as every address that is none."""
    async with House(NOBODY) as house:
        assert 404 == (await ask(house))[0]


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"key": ""}, 401, "token_missing"),
        ({"key": KEYS[0][:-1]}, 401, "token_invalid"),
        ({"Origin": "https://example.com"}, 403, "origin_denied"),
        ({"method": "GET"}, 405, "invalid_message"),
        ({"text": "x"}, 400, "invalid_json"),
        ({"text": "[]"}, 400, "invalid_json"),
        ({"text": '{"user": "a", "user": "b"}'}, 400, "invalid_json"),
        ({"text": "[" * BODY_BYTES}, 400, "invalid_json"),
        ({"text": "x" * (BODY_BYTES + 1)}, 413, "message_too_large"),
        ({"text": "x" * 3 * BODY_BYTES}, 413, "message_too_large"),
        ({"text": "x" * 3 * BODY_BYTES, "key": "no"}, 401, "token_invalid"),
        ({"body": {"user": "alice", "ttl_s": 1e9}}, 400, "invalid_message"),
        ({"body": {"user": "alice", "session": {"speed": CANARY}}}, 400, "invalid_message"),
        ({"body": {"user": "alice", "session": {"colour": "red"}}}, 403, "permission_denied"),
    ],
)
async def test_a_refusal_is_json_with_a_sentence(how, status, code):
    """Whatever was wrong, and nothing of what was sent is repeated or logged."""
    with whole_log("debug") as log:
        async with House(NOBODY, **HOUSE) as house:
            found, body, headers = await ask(house, **how)

    assert (status, code, "error") == (found, body["data"]["code"], body["type"])
    assert body["error"].endswith(".")
    if status == 401:
        assert "Bearer" == headers["WWW-Authenticate"]
    if status == 405:
        assert "POST" == headers["Allow"]
    for secret in (CANARY, *KEYS, KEYS[0][:-1]):
        assert secret not in json.dumps(body) + log.getvalue()


@pytest.mark.gen_test
async def test_more_than_a_rate_is_told_to_wait():
    """429 with Retry-After; strangers use none of it up."""
    async with House(NOBODY, **HOUSE) as house:
        handler_rate = next(
            rule.target_kwargs["rate"]
            for rule in house.server.request_callback.wildcard_router.rules
            if "rate" in rule.target_kwargs
        )
        assert 401 == (await ask(house, key="no"))[0]
        now = asyncio.get_running_loop().time()
        assert 0 == handler_rate._bucket.used(now)
        handler_rate._bucket.spend(now, 10 * BURST)
        status, body, headers = await ask(house)

    assert (429, "rate_limited") == (status, body["data"]["code"])
    assert int(headers["Retry-After"]) >= 1


@pytest.mark.gen_test
async def test_a_body_that_never_comes_is_not_waited_for():
    """Much of it is not even read: the connection ends."""
    async with House(NOBODY, **HOUSE) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"POST /sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()

    assert said.startswith(b"HTTP/1.1 400 ")
