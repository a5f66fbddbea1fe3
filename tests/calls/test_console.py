"""The page at `/` and what it asks for, over real sockets."""

import gzip
import json

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.calls.house import WAIT_S, House, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.handlers.console import BURST
from tornado_app.web.files import names_in

NOBODY = "ws://127.0.0.1:9/"
PRODUCTION = {
    "server_environment": "production",
    "server_allowed_origins": ["https://voice.example.com"],
    "upstream_api_key": "sk-test-key",
}


async def fetched(house, path, method="GET", **headers):
    body = "" if method == "POST" else None
    request = HTTPRequest(
        house.http(path), method, headers, body, request_timeout=WAIT_S, decompress_response=False
    )
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def token(house, **headers):
    own = {"Origin": house.http(""), "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}
    sent = {k: v for k, v in (own | headers).items() if v is not None}
    answer = await fetched(house, "/console/token", "POST", **sent)
    return answer, json.loads(answer.body)


@pytest.mark.gen_test
async def test_the_page_is_kept_from_everything_that_it_does_not_need():
    """No script, style or frame of anybody else, and no address that is told to others."""
    async with House(NOBODY) as house:
        answer = await fetched(house, "/")

    policy = answer.headers["Content-Security-Policy"]
    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
    assert "unsafe" not in policy
    for part in (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self';"),
        *("frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"),
    ):
        assert part in policy
    assert "DENY" == answer.headers["X-Frame-Options"]
    assert "no-referrer" == answer.headers["Referrer-Policy"]
    assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert "no-cache" == answer.headers["Cache-Control"]


@pytest.mark.gen_test
async def test_the_client_for_pages_is_small():
    """As docs/clients.md promises to those who load it."""
    async with House(NOBODY) as house:
        client = await fetched(house, "/parley.js", **{"Accept-Encoding": "gzip"})
        assert "gzip" == client.headers["Content-Encoding"]
        assert len(client.body) < 13_000


@pytest.mark.gen_test
async def test_every_file_of_the_page_comes_as_it_is_compressed_or_not_at_all():
    """With its type, gzip for who takes it, and nothing for a browser that has it already."""
    async with House(NOBODY) as house:
        for name in names_in("console"):
            plain = await fetched(house, f"/{name}")
            small = await fetched(house, f"/{name}", **{"Accept-Encoding": "br, gzip;q=1.0"})
            kept = await fetched(house, f"/{name}", **{"If-None-Match": plain.headers["Etag"]})
            head = await fetched(house, f"/{name}", "HEAD")

            unpack = gzip.decompress if "Content-Encoding" in small.headers else bytes
            assert (200, plain.body) == (small.code, unpack(small.body))
            assert (304, b"") == (kept.code, kept.body)
            assert (200, b"") == (head.code, head.body)
            assert str(len(plain.body)) == head.headers["Content-Length"]
            assert "nosniff" == plain.headers["X-Content-Type-Options"]


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "path",
    [
        *("/console", "/console/", "/console/nothing.js", "/console/../app.py", "/console/a/b.js"),
        *("/console/..%2f__init__.py", "/console/__init__.py", "//", "/index.html"),
    ],
)
async def test_nothing_else_is_there(path):
    """No file is looked for when it is asked for."""
    async with House(NOBODY) as house:
        assert 404 == (await fetched(house, path)).code


@pytest.mark.gen_test
async def test_the_page_gets_a_token_with_which_it_may_call():
    """In development; it stands in no log."""
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url) as house:
            answer, body = await token(house)
            assert (201, "no-store") == (answer.code, answer.headers["Cache-Control"])
            assert {"token", "expires_at"} == set(body)
            await house.connected(token=body["token"], headers={"Origin": house.http("")})
    assert "token_issued" in log.getvalue()
    assert body["token"] not in log.getvalue()


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": None},
        {"Origin": None},
        {"Origin": "null"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Sec-Fetch-Dest": "iframe"},
        {"X-Forwarded-For": "203.0.113.9"},
    ],
)
async def test_nobody_else_gets_one(headers):
    """Another page, no page, a name that points here, a frame, somebody behind a proxy."""
    async with House(NOBODY) as house:
        answer, body = await token(house, **headers)

        assert (403, "origin_denied") == (answer.code, body["data"]["code"])
        assert "token" not in body
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.gen_test
async def test_a_token_is_asked_for_and_not_linked_to():
    """GET would be an image on anybody's page; and a preflight is answered with nothing."""
    async with House(NOBODY) as house:
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = await fetched(house, "/console/token", method, Origin="https://evil.example")
            assert (405, "POST") == (answer.code, answer.headers["Allow"])


@pytest.mark.gen_test
async def test_tokens_are_made_at_a_rate():
    """A page that asks in a circle is told to wait."""
    async with House(NOBODY) as house:
        [rate] = [
            rule.target_kwargs["rate"]
            for rule in house.server.request_callback.wildcard_router.rules
            if rule.matcher.regex.pattern.endswith("/console/token$")
        ]
        rate.spend(0.0, 1e9)
        answer, body = await token(house)

    assert BURST < 1e9
    assert (429, "rate_limited") == (answer.code, body["data"]["code"])
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("changes", "status", "source"),
    [
        ({}, 404, None),
        ({"console_enabled": True}, 200, "paste"),
        ({"console_enabled": True, "console_token_url": "/token"}, 200, "/token"),
    ],
)
async def test_in_production_there_is_a_page_if_somebody_says_so_and_never_a_token(
    changes, status, source
):
    """It comes from the application's own server, or from a person's hand."""
    async with House(NOBODY, **PRODUCTION, **changes) as house:
        assert status == (await fetched(house, "/")).code
        about = await fetched(house, "/console/about")
        assert status == about.code
        if source:
            assert source == json.loads(about.body)["token"]
        assert 404 == (await token(house))[0].code


@pytest.mark.gen_test
async def test_a_token_from_another_host_may_be_fetched_and_nothing_else_from_there():
    """The policy names that origin and no path of it."""
    url = "https://app.example.com/voice/token"
    async with House(NOBODY, **PRODUCTION, console_enabled=True, console_token_url=url) as house:
        policy = (await fetched(house, "/")).headers["Content-Security-Policy"]

    assert "connect-src 'self' https://app.example.com;" in policy


@pytest.mark.gen_test
async def test_the_page_knows_what_a_client_may_choose_and_nothing_that_it_may_not_know():
    """As the policy has it; hidden fields have no value."""
    canary = "canary-words"
    async with House(NOBODY, session_instructions=canary, session_models=["small"]) as house:
        answer = await fetched(house, "/console/about")
    about = json.loads(answer.body)

    fields = about["fields"]
    assert ["query", "configure"] == fields["voice"]["at"]
    assert "marin" == fields["voice"]["now"] == fields["voice"]["values"][0]
    assert {"at": ["query"], "now": "realtime"} == fields["session"]
    assert ["query"] == fields["model"]["at"]
    assert [about["model"], "small"] == fields["model"]["values"]
    assert {"at": []} == fields["instructions"]
    assert canary not in answer.body.decode()
    assert about["writes_down"] is True
    assert "local" == about["goes_to"]
