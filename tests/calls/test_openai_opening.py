"""Who is let in at /v1/realtime, and how those are told who are not."""

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.house import WAIT_S, House, VoiceClient, whole_log
from tests.calls.test_openai_http import ask
from tests.fakes.raw_websocket import RawClient
from tests.fakes.upstream import FakeUpstream

NOBODY = "ws://127.0.0.1:9/"
PAGE = "https://talk.example.com"
PATHS = [
    "/v1/realtime",
    "/v1/realtime/",
    "/openai/v1/realtime",
    "/v1//realtime",
    "/openai/realtime",
]


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def in_subprotocol(token):
    offered = ["realtime", f"openai-insecure-api-key.{token}", "openai-agents-sdk.0.20.0"]
    return {"subprotocols": offered}


WAYS = {
    "bearer": bearer,
    "api-key": lambda token: {"headers": {"api-key": token}},
    "subprotocol": in_subprotocol,
    "query": lambda token: {"query": f"api-key={token}"},
}


async def dial(
    house, path=PATHS[0], query="model=gpt-realtime-2.1", subprotocols=None, headers=None
):
    address = f"ws://127.0.0.1:{house.port}{path}?{query}"
    request = HTTPRequest(address, headers=headers or {}, request_timeout=WAIT_S)
    client = VoiceClient(await websocket_connect(request, subprotocols=subprotocols))
    house._clients.append(client)
    return client


async def refused(house, **how):
    """The one error, and the close behind it."""
    client = await dial(house, **how)
    said = await client.read()
    ending = await client.closed()
    assert [said] == client.heard
    assert {"type", "event_id", "error"} == set(said)
    assert {"type", "code", "message", "param", "event_id"} == set(said["error"])
    return said["error"], ending


@pytest.mark.gen_test
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefix", ["", "ek_"])
async def test_a_key_may_come_in_four_ways(way, prefix):
    """A token, with or without what libraries for browsers want before it; it is not echoed."""
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url) as house:
            token = house.token()
            client = await dial(house, **WAYS[way](prefix + token))
            await client.next("session.created")
            selected = "realtime" if way == "subprotocol" else None
            assert selected == client.socket.selected_subprotocol
            assert token not in str(client.socket.headers)
            link = await fake.connection()
            assert token not in f"{link.path} {link.headers} {link.frames}"
    assert "session_opened" in log.getvalue()
    assert token not in log.getvalue()
    assert token.split(".")[2] not in log.getvalue()


@pytest.mark.gen_test
@pytest.mark.parametrize("path", PATHS)
async def test_the_address_is_that_of_openai_and_of_azure(path):
    """With a slash at the end, with two in the middle, and the model as a deployment."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        query = "api-version=2025-04-01-preview&deployment=gpt-realtime-2.1"
        client = await dial(house, path, query, **bearer(house.token()))
        await client.next("session.created")


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("how", "code", "param", "ending"),
    [
        ({}, "invalid_api_key", None, (3000, "invalid_request_error.invalid_api_key")),
        (
            bearer("sk-wrong"),
            "invalid_api_key",
            None,
            (3000, "invalid_request_error.invalid_api_key"),
        ),
        (
            in_subprotocol("ek_wrong"),
            "invalid_api_key",
            None,
            (3000, "invalid_request_error.invalid_api_key"),
        ),
        (
            {"query": "model=gpt-other", "good": True},
            "invalid_model",
            "model",
            (4000, "invalid_request_error.invalid_model"),
        ),
        (
            {"query": "intent=nothing", "good": True},
            "invalid_value",
            "intent",
            (4000, "invalid_request_error.invalid_value"),
        ),
        (
            {"query": "call_id=rtc_1", "good": True},
            "invalid_value",
            "call_id",
            (4000, "invalid_request_error.invalid_value"),
        ),
        (
            {"query": "input_rate=1", "good": True},
            "invalid_value",
            "input_rate",
            (4000, "invalid_request_error.invalid_value"),
        ),
        (
            {"headers": {"OpenAI-Beta": "realtime=v1"}, "good": True},
            "beta_api_shape_disabled",
            "OpenAI-Beta",
            (4000, "invalid_request_error.beta_api_shape_disabled"),
        ),
        (
            {"subprotocols": ["realtime", "openai-beta.realtime-v1"], "good": True},
            "beta_api_shape_disabled",
            "OpenAI-Beta",
            (4000, "invalid_request_error.beta_api_shape_disabled"),
        ),
        (
            {"headers": {"Origin": "https://elsewhere.example"}, "good": True},
            "origin_denied",
            None,
            (3003, "invalid_request_error.origin_denied"),
        ),
    ],
)
async def test_a_refusal_is_an_event_and_a_close(how, code, param, ending):
    """The upgrade, one error, a close whose reason is type and code: what its libraries read."""
    with whole_log("debug") as log:
        async with House(NOBODY, server_allowed_origins=[PAGE]) as house:
            if how.pop("good", False):
                how = {
                    **how,
                    "headers": {**how.get("headers", {}), **bearer(house.token())["headers"]},
                }
            error, close = await refused(house, **how)

    assert (code, param, ending) == (error["code"], error["param"], close)
    assert "client_refused" in log.getvalue()
    assert "wrong" not in error["message"] + log.getvalue()


@pytest.mark.gen_test
async def test_places_are_those_of_all_calls():
    """Beyond the limit of a user the close is one after which clients dial again, as with 1013."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections_per_user=1) as house:
        await (await dial(house, **bearer(house.token()))).next("session.created")
        error, close = await refused(house, **bearer(house.token()))
        assert ("rate_limit_exceeded", 1013) == (error["code"], close[0])
        other = await house.connected(user="bob")
        assert other.types
        status, body, _ = await house.refusal()
        assert (429, "connection_limit") == (status, body["data"]["code"])


@pytest.mark.gen_test
async def test_a_user_who_was_taken_back_is_not_let_in(tmp_path):
    """As at /ws."""
    (tmp_path / "revoked").write_text("user alice\n")
    async with House(NOBODY, auth_revoked_file=str(tmp_path / "revoked")) as house:
        error, close = await refused(house, **bearer(house.token("alice")))

    assert ("invalid_api_key", 3000) == (error["code"], close[0])


@pytest.mark.gen_test
async def test_who_does_not_upgrade_gets_http():
    """401 with a wrong key, and 426 with a good one, in JSON."""
    async with House(NOBODY) as house:
        status, body, headers = await ask(house, "/v1/realtime", key="sk-wrong")
        assert (401, "invalid_api_key") == (status, body["error"]["code"])
        assert "Bearer" == headers["WWW-Authenticate"]
        status, body, headers = await ask(house, "/v1/realtime", key=house.token())
        assert (426, "websocket") == (status, headers["Upgrade"])
        assert "WebSocket" in body["error"]["message"]
        status, body, _ = await ask(house, "/v1/realtime", {}, house.token())
        assert (405, "invalid_request_error") == (status, body["error"]["type"])


@pytest.mark.gen_test
async def test_a_server_that_goes_away_says_so():
    """With a close after which clients dial again, and find another."""
    async with House(NOBODY) as house:
        house.gateway.access.reception.is_closed = True
        error, close = await refused(house, **bearer(house.token()))

    assert ("going_away", (1012, "server_error.going_away")) == (error["code"], close)


@pytest.mark.gen_test
async def test_a_key_alone_is_no_choice_of_protocol():
    """A client that offers no more than its key gets none selected, and it is not echoed."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        offer = f"openai-insecure-api-key.{house.token()}"
        client = await RawClient.connect(
            house.port, "/v1/realtime", headers=f"Sec-WebSocket-Protocol: {offer}\r\n"
        )
        assert b"101" in client.response
        assert b"sec-websocket-protocol" not in client.response.lower()
        await client.close()


@pytest.mark.gen_test
async def test_the_model_that_a_token_has_fixed_may_be_named():
    """Libraries always name one; another than that is refused."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        token = house.token(parley_session={"model": "gpt-realtime-2.1"})
        await (await dial(house, **bearer(token))).next("session.created")
        error, _ = await refused(house, query="model=gpt-other", **bearer(token))
        assert "invalid_model" == error["code"]
