"""The addresses of the OpenAI API beside the call itself: client secrets, models, and refusals."""

import asyncio
import json
import time

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.calls.house import WAIT_S, House, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.tokens import verify
from tornado_app.handlers.bodies import BODY_BYTES
from tornado_app.handlers.openai.client_secrets import BURST

NOBODY = "ws://127.0.0.1:9/"
KEY = "zQ8v3kXw7Lr2Tn5Yb9Pd4Jm6Hc1Gf0As"
SEALING = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"
CANARY = "canary-o"
PAGE = "https://talk.example.com"
REALTIME = {"type": "realtime"}
SECRETS = "/v1/realtime/client_secrets"


async def ask(house, path, body=None, key=None, *, method=None, text=None, **headers):
    """Status, JSON (or None) and headers of the answer."""
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if body is not None:
        text = json.dumps(body)
    method = method or ("GET" if text is None else "POST")
    if method == "POST" and text is None:
        text = ""
    request = HTTPRequest(
        house.http(path),
        method,
        headers,
        text,
        request_timeout=WAIT_S,
        allow_nonstandard_methods=True,
    )
    answer = await AsyncHTTPClient().fetch(request, raise_error=False)
    return answer.code, json.loads(answer.body) if answer.body else None, answer.headers


async def minted(house, session, key, **how):
    """The answer to a request for a secret that has to be given."""
    status, body, headers = await ask(house, SECRETS, {"session": session, **how}, key)
    assert (200, "no-store") == (status, headers["Cache-Control"]), body
    assert body["value"].startswith("ek_")
    return body


def caller_of(house, body):
    """What a secret says, as the gateway reads it."""
    return verify(body["value"].removeprefix("ek_"), house.rules, time.time())


@pytest.mark.gen_test
async def test_a_secret_is_as_wide_as_its_token_at_most():
    """User, scopes, number, end and session are the token's, and what it fixes stays fixed."""
    async with House(NOBODY, auth_sealing_key=SEALING) as house:
        token = house.token("alice", 300, ("a", "b"), parley_session={"voice": "cedar"})
        lender = verify(token, house.rules, time.time())
        asked = {**REALTIME, "audio": {"output": {"speed": 1.25}}}
        body = await minted(house, asked, token)
        lent = caller_of(house, body)

        assert (lender.user_id, lender.scopes, lender.token_id) == (
            lent.user_id,
            lent.scopes,
            lent.token_id,
        )
        assert lent.expires_at <= lender.expires_at == lent.call_ends_at
        output = body["session"]["audio"]["output"]
        assert ("cedar", 1.25) == (output["voice"], output["speed"])

        refused = {**REALTIME, "audio": {"output": {"voice": "ash"}}}
        status, said, _ = await ask(house, SECRETS, {"session": refused}, token)
        assert (403, "session.audio.output.voice") == (status, said["error"]["param"])
        again = await minted(
            house, {**REALTIME, "audio": {"output": {"speed": 1.5}}}, body["value"]
        )
        assert caller_of(house, again).call_ends_at == lender.expires_at


@pytest.mark.gen_test
async def test_the_applications_key_makes_a_secret_for_anybody():
    """It may say what a token may, the call outlives the secret, and nothing hidden is read."""
    house = House(NOBODY, auth_application_keys=[KEY], auth_sealing_key=SEALING)
    session = {**REALTIME, "instructions": CANARY, "audio": {"output": {"voice": "cedar"}}}
    with whole_log("debug") as log:
        async with house:
            how = {"expires_after": {"anchor": "created_at", "seconds": 60}}
            status, body, _ = await ask(
                house,
                SECRETS,
                {"session": session, **how},
                KEY,
                **{"OpenAI-Safety-Identifier": "u-7"},
            )
            lent = caller_of(house, body)
            unnamed = caller_of(house, await minted(house, REALTIME, KEY))

    assert 200 == status
    assert ("u-7", "application") == (lent.user_id, unnamed.user_id)
    assert lent.expires_at <= time.time() + 60 < lent.call_ends_at
    assert CANARY == body["session"]["instructions"]
    assert CANARY not in str(lent.claims)
    assert "token_issued" in log.getvalue()
    for secret in (CANARY, KEY, body["value"], body["value"].removeprefix("ek_")):
        assert secret not in log.getvalue()


@pytest.mark.gen_test
async def test_a_secret_opens_the_call_that_it_was_made_for():
    """At /ws as well: it is a token; and its client may change what its policy lets it."""
    async with FakeUpstream() as fake:
        house = House(fake.url, auth_application_keys=[KEY], auth_sealing_key=SEALING)
        async with house:
            session = {**REALTIME, "instructions": CANARY, "audio": {"output": {"voice": "cedar"}}}
            body = await minted(house, session, KEY)
            client = await house.call("speed=1.1", token=body["value"].removeprefix("ek_"))
            told = (await client.next("connection_status"))["data"]["negotiated"]
            update = (await fake.next_event("session.update"))["session"]

    assert ("cedar", 1.1, CANARY) == (told["voice"], told["speed"], update["instructions"])


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("how", "status", "code", "param"),
    [
        ({"key": ""}, 401, "invalid_api_key", None),
        ({"key": "sk-wrong"}, 401, "invalid_api_key", None),
        ({"Origin": "https://elsewhere.example"}, 403, "origin_denied", None),
        ({"text": "x"}, 400, "invalid_json", None),
        ({"text": '{"session": {}, "session": {}}'}, 400, "invalid_json", None),
        ({"text": "x" * (BODY_BYTES + 1)}, 413, "request_too_large", None),
        ({"body": {"sessions": {}}}, 400, "unknown_parameter", "sessions"),
        ({"body": {"expires_after": {"s": 9}}}, 400, "unknown_parameter", "expires_after.s"),
        (
            {"body": {"expires_after": {"seconds": "60"}}},
            400,
            "invalid_type",
            "expires_after.seconds",
        ),
        ({"body": {"session": []}}, 400, "invalid_type", "session"),
        ({"body": {"session": {}}}, 400, "missing_required_parameter", "session.type"),
        ({"body": {"session": {**REALTIME, "audio": 1}}}, 400, "invalid_type", "session.audio"),
        ({"body": {"session": {"type": "x"}}}, 400, "invalid_value", "session.type"),
        (
            {"body": {"session": {**REALTIME, "colour": CANARY}}},
            400,
            "unknown_parameter",
            "session.colour",
        ),
        (
            {"body": {"session": {**REALTIME, "instructions": CANARY}}},
            403,
            "permission_denied",
            "session.instructions",
        ),
        (
            {"body": {"session": {**REALTIME, "model": "gpt-other"}}},
            400,
            "invalid_value",
            "session.model",
        ),
        (
            {"body": {"expires_after": {"seconds": 9}}},
            400,
            "invalid_value",
            "expires_after.seconds",
        ),
        ({"body": {"expires_after": 60}}, 400, "invalid_type", "expires_after"),
        ({"method": "GET", "body": None}, 405, "invalid_value", None),
    ],
)
async def test_a_refusal_is_the_apis(how, status, code, param):
    """Type, code, message and param, whatever was wrong; nothing of what was sent is repeated."""
    with whole_log("debug") as log:
        house = House(NOBODY, server_allowed_origins=[PAGE])
        async with house:
            how = {"body": {"session": REALTIME}, "key": house.token(), **how}
            if "text" in how:
                how["body"] = None
            found, body, headers = await ask(house, SECRETS, **how)

    error = body["error"]
    assert (status, code, param) == (found, error["code"], error["param"])
    assert {"type", "code", "message", "param"} == set(error)
    assert error["message"].endswith((".", "'."))
    if status == 401:
        assert "Bearer" == headers["WWW-Authenticate"]
    for secret in (CANARY, "sk-wrong", house.token()[:40]):
        assert secret not in error["message"] + log.getvalue()


@pytest.mark.gen_test
async def test_one_user_is_told_to_wait_and_others_are_not():
    """429 with Retry-After for whoever asks without end."""
    async with House(NOBODY) as house:
        alice, bob = house.token("alice"), house.token("bob")
        answers = await asyncio.gather(
            *(ask(house, SECRETS, {}, alice) for _ in range(int(BURST) + 20))
        )
        assert {200, 429} == {status for status, _, _ in answers}
        headers = next(headers for status, _, headers in answers if status == 429)
        assert int(headers["Retry-After"]) >= 1
        assert 200 == (await ask(house, SECRETS, {}, bob))[0]


@pytest.mark.gen_test
@pytest.mark.parametrize("path", ["/v1/models", "/openai/v1/models/", "/v1//models"])
async def test_models_are_those_that_may_be_asked_for(path):
    """By what the policy says of the token's scopes; one of them by its name."""
    async with House(NOBODY, session_models=["gpt-realtime-2.1-mini"]) as house:
        status, body, _ = await ask(house, path, key=house.token())
        fixed = house.token(parley_session={"model": "gpt-realtime-2.1-mini"})
        _, only, _ = await ask(house, path, key=f"ek_{fixed}")
        _, one, _ = await ask(house, "/v1/models/gpt-realtime-2.1", key=house.token())
        missing, none, _ = await ask(house, "/v1/models/gpt-4", key=house.token())
        unknown, _, _ = await ask(house, path, key="sk-wrong")

    assert (200, "list") == (status, body["object"])
    names = ["gpt-realtime-2.1", "gpt-realtime-2.1-mini"]
    assert names == [model["id"] for model in body["data"]]
    assert names[1:] == [model["id"] for model in only["data"]]
    assert {"id": names[0], "object": "model", "created": 0, "owned_by": "parley"} == one
    assert (404, "model", 401) == (missing, none["error"]["param"], unknown)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("path", "status", "code", "word"),
    [
        ("/v1/realtime/calls", 404, "invalid_value", "WebRTC"),
        ("/v1/realtime/calls/rtc_1/hangup", 404, "invalid_value", "WebRTC"),
        ("/v1/realtime/sessions", 400, "beta_api_shape_disabled", "client_secrets"),
        (
            "/openai/v1/realtime/transcription_sessions",
            400,
            "beta_api_shape_disabled",
            "client_secrets",
        ),
        ("/v1/chat/completions", 404, "invalid_value", "/v1/realtime"),
    ],
)
async def test_what_is_not_served_says_so(path, status, code, word):
    """In the API's shape, for its libraries raise what stands there."""
    async with House(NOBODY) as house:
        found, body, _ = await ask(house, path, {}, house.token())

    assert (status, code) == (found, body["error"]["code"])
    assert word in body["error"]["message"]


@pytest.mark.gen_test
async def test_a_page_may_ask_from_an_origin_that_may_connect():
    """The preflight names methods and headers, and the answer its origin; others get neither."""
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
    }
    async with House(NOBODY, server_allowed_origins=[PAGE]) as house:
        status, _, headers = await ask(house, SECRETS, method="OPTIONS", Origin=PAGE, **wanted)
        refused, _, others = await ask(
            house, SECRETS, method="OPTIONS", Origin="https://elsewhere.example", **wanted
        )
        _, _, answered = await ask(house, SECRETS, {}, house.token(), Origin=PAGE)
        _, _, wrong = await ask(house, SECRETS, {}, "sk-wrong", Origin=PAGE)

    assert (204, PAGE, "POST") == (
        status,
        headers["Access-Control-Allow-Origin"],
        headers["Access-Control-Allow-Methods"],
    )
    assert "x-stainless-os" in headers["Access-Control-Allow-Headers"]
    assert PAGE == answered["Access-Control-Allow-Origin"] == wrong["Access-Control-Allow-Origin"]
    assert 403 == refused
    assert "Access-Control-Allow-Origin" not in others


@pytest.mark.gen_test
async def test_the_applications_key_is_not_for_pages():
    """A page that has it would have shown it to everybody."""
    async with House(NOBODY, auth_application_keys=[KEY]) as house:
        status, body, _ = await ask(house, SECRETS, {}, KEY, Origin=PAGE)

    assert (403, "origin_denied") == (status, body["error"]["code"])


@pytest.mark.gen_test
async def test_switched_off_there_are_no_such_addresses():
    """404, as every address that is none."""
    async with House(NOBODY, openai_enabled=False) as house:
        assert 404 == (await ask(house, SECRETS, {}, house.token()))[0]
        assert 404 == (await ask(house, "/v1/models", key=house.token()))[0]
