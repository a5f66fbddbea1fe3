"""What is asked by plain HTTP, over real sockets."""

import asyncio
import json

import pytest
from tornado.httpclient import AsyncHTTPClient

from local_realtime.server import ServerConfig

LOCKED = ServerConfig(api_key="right", pace=0)
TRANSCRIPTION = {
    "session": {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
    }
}


async def ask(connect, path, body=None, method="POST", **headers):
    """The status and the JSON of an answer."""
    if isinstance(body, dict):
        body = json.dumps(body)
    response = await AsyncHTTPClient().fetch(
        connect.http_url + path,
        method=method,
        body=body,
        headers={"Authorization": "Bearer right", **headers},
        allow_nonstandard_methods=True,
        raise_error=False,
    )
    return response.code, json.loads(response.body)


@pytest.mark.gen_test
async def test_a_client_secret_opens_its_session(serving):
    """As often as wanted, by the header or by the browser's subprotocol, and can be changed."""
    session = {"type": "realtime", "model": "m", "instructions": "Sing."}
    async with serving(LOCKED) as (_, connect):
        status, minted = await ask(connect, "/v1/realtime/client_secrets", {"session": session})
        key = minted["value"]
        by_header = await connect("", Authorization=f"Bearer {key}")
        by_protocol = await connect("", subprotocols=["realtime", f"openai-insecure-api-key.{key}"])
        seen = [(await client.read())["session"] for client in (by_header, by_protocol)]
        await by_protocol.send(
            "session.update", session={"type": "realtime", "instructions": "Hum."}
        )
        changed = (await by_protocol.read())["session"]
        selected = by_protocol.socket.selected_subprotocol

    assert status == 200
    assert [one["instructions"] for one in seen] == ["Sing.", "Sing."]
    assert len({minted["session"]["id"], *(one["id"] for one in seen)}) == 3
    assert selected == "realtime"
    assert changed["instructions"] == "Hum."


@pytest.mark.gen_test
async def test_a_slash_at_the_end_of_a_path_does_no_harm(serving):
    """Of any path, below Azure's as well."""
    paths = ["/v1/realtime/client_secrets/", "/openai/v1//realtime/client_secrets"]
    async with serving(LOCKED) as (_, connect):
        statuses = [(await ask(connect, path, {}))[0] for path in paths]
        beta, _ = await ask(connect, "/v1/realtime/sessions/", {})
        opened = await connect("/?model=m", Authorization="Bearer right")
        created = await opened.read()

    assert (statuses, beta) == ([200, 200], 400)
    assert created["type"] == "session.created"


@pytest.mark.gen_test
async def test_a_client_secret_may_be_for_a_transcription(serving, speech, silence):
    """Then the handshake names neither intent nor model."""
    async with serving(LOCKED) as (_, connect):
        _, minted = await ask(connect, "/v1/realtime/client_secrets", TRANSCRIPTION)
        client = await connect("", Authorization=f"Bearer {minted['value']}")
        created = await client.read()
        await client.append(speech("amiable") + silence(600))
        kind = "conversation.item.input_audio_transcription.completed"
        completed = (await client.until(kind))[-1]

    assert created["session"]["type"] == "transcription"
    assert completed["usage"]["type"] == "tokens"


@pytest.mark.gen_test
async def test_two_callers_have_their_own_secrets(serving):
    """Minted at once."""
    async with serving(LOCKED) as (_, connect):
        path = "/v1/realtime/client_secrets"
        answers = await asyncio.gather(*(ask(connect, path, {}) for _ in range(2)))

    assert len({minted["value"] for _, minted in answers}) == 2


@pytest.mark.gen_test
async def test_a_wrong_method_is_told_the_right_ones(serving):
    """On the address of sessions, too, and who asks it for no upgrade is told to."""
    async with serving(LOCKED) as (_, connect):
        posted = await AsyncHTTPClient().fetch(
            connect.http_url + "/v1/realtime", method="POST", body="", raise_error=False
        )
        plain = await ask(connect, "/v1/realtime/?model=m", method="GET")
        probed = [
            await AsyncHTTPClient().fetch(connect.http_url + "/healthz/", method=method)
            for method in ("GET", "HEAD", "OPTIONS")
        ]

    assert (posted.code, posted.headers["Allow"]) == (405, "GET")
    assert json.loads(posted.body)["error"]["code"] == "method_not_allowed"
    assert (plain[0], plain[1]["error"]["code"]) == (426, "upgrade_required")
    assert [response.body for response in probed] == [b"ok\n", b"", b"ok\n"]


MINTED = "/v1/realtime/client_secrets"
REFUSED = {
    "no json": (MINTED, "{", 400, "invalid_json"),
    "too deep": (MINTED, "[" * 100_000, 400, "invalid_json"),
    "too long": (MINTED, " " * (1024 * 1024 + 1), 413, "request_too_large"),
    "bad session": (MINTED, {"session": {"type": "x"}}, 400, "invalid_value"),
    "beta": ("/v1/realtime/sessions", {}, 400, "beta_api_shape_disabled"),
    "beta transcription": (
        "/v1/realtime/transcription_sessions",
        {},
        400,
        "beta_api_shape_disabled",
    ),
    "calls": ("/v1/realtime/calls", "", 404, None),
    "elsewhere": ("/v1/chat/completions", {}, 404, None),
}


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_bad_request_is_refused_in_the_shape_of_the_api(serving, path, body, status, code):
    """A status, and an error with a type, a code, a message and a parameter."""
    async with serving(LOCKED) as (_, connect):
        answered, refused = await ask(connect, path, body)

    assert answered == status
    assert refused["error"].keys() == {"type", "code", "message", "param"}
    assert refused["error"]["code"] == code
    assert refused["error"]["message"]


@pytest.mark.gen_test
@pytest.mark.parametrize("key", ["Bearer wrong", "Bearer", ""])
async def test_only_the_key_mints(serving, key):
    """Not even a client secret does."""
    async with serving(LOCKED) as (_, connect):
        _, minted = await ask(connect, MINTED, {})
        refused = [
            await ask(connect, MINTED, {}, Authorization=authorization)
            for authorization in (key, f"Bearer {minted['value']}")
        ]

    assert [(status, body["error"]["code"]) for status, body in refused] == [
        (401, "invalid_api_key")
    ] * 2


@pytest.mark.gen_test
async def test_secrets_are_not_to_be_got(serving):
    """There is one method."""
    async with serving(LOCKED) as (_, connect):
        status, refused = await ask(connect, MINTED, method="GET")

    assert (status, refused["error"]["code"]) == (405, "method_not_allowed")
