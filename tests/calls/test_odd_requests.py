"""Anybody can send any bytes before the upgrade: they are answered, and nobody is woken."""

import asyncio
import json

import pytest

from tests.calls.house import WAIT_S, House, whole_log
from tests.calls.odd_requests import (
    CHUNKS_OVER_HTTP_1_0,
    METHODS,
    ODD_REQUESTS,
    PATHS,
    REFUSED_UPGRADES,
    request,
)
from tests.fakes.upstream import FakeUpstream

NOBODY = "ws://127.0.0.1:9/v1/realtime"
LAST = request("GET /healthz HTTP/1.1", "Connection: close\r\n")
"""After it the server closes the connection, whatever came before."""
LOUD = {"warning", "error", "critical"}


async def said_to(house: House, data: bytes, port: int = 0) -> bytes:
    """All that the gateway says to *data*, up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port or house.port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), WAIT_S)
    except ConnectionError:  # it was closed over what it would not read
        return b""
    finally:
        writer.close()


def with_token(house: House, data: bytes) -> bytes:
    """The same request from somebody who may come in."""
    line, end, rest = data.partition(b"\r\n")
    return line + end + f"Authorization: Bearer {house.token()}\r\n".encode() + rest


def first_answer(said: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, rest = said.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, rest[: int(headers.get("content-length", 0))]


@pytest.mark.gen_test
async def test_nothing_odd_makes_a_loud_line():
    """With a token and without, no request is a fault of ours, and the server goes on."""
    loud = {}
    async with FakeUpstream() as fake, House(fake.url, limits_connections_per_user=1000) as house:
        for name, odd in ODD_REQUESTS.items():
            with whole_log() as log:
                for data in (odd, with_token(house, odd)):
                    try:
                        said = await said_to(house, data + LAST)
                    except TimeoutError:
                        raise AssertionError(f"{name}: no end") from None
                    assert not said or said.startswith(b"HTTP/1.1 "), name
                    if said[9:10] == b"4" and not name.startswith("HEAD"):
                        assert json.loads(first_answer(said)[2])["error"].endswith("."), name
            lines = [json.loads(line) for line in log.getvalue().splitlines()]
            loud[name] = [line for line in lines if line["level"] in LOUD]
        assert 200 == (await house.get("/healthz"))[0]

    assert {} == {name: lines for name, lines in loud.items() if lines}


@pytest.mark.gen_test
async def test_nothing_odd_is_left_without_words_where_metrics_are(tmp_path):
    """Nor where operators ask, which is the same port."""
    found = {}
    settings = {"metrics_enabled": True, "admin_keys": ["anna:" + "k" * 40]}
    settings["server_state_dir"] = str(tmp_path)
    async with House(NOBODY, **settings) as h:
        with whole_log() as log:
            for name, odd in ODD_REQUESTS.items():
                for of in ("/ws", "/metrics", "/admin/v1/calls", "/admin/"):
                    data = odd.replace(b"/healthz", of.encode()).replace(
                        b" /ws ", f" {of} ".encode()
                    )
                    said = await said_to(h, data + LAST, h.metrics_port)
                    if said[9:10] == b"4" and not odd.startswith(b"HEAD"):
                        status, headers, body = first_answer(said)
                        is_json = headers.get("content-type", "").startswith("application/json")
                        if not is_json or not json.loads(body)["error"].endswith("."):
                            found[name, of] = (status, headers, body)
                    elif said[9:10] == b"5":
                        found[name, of] = said
        lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert {} == found
    assert [] == [line for line in lines if line["level"] in LOUD]


@pytest.mark.gen_test
async def test_a_request_that_may_end_in_two_places_is_the_last_of_its_connection():
    """For clients, and where metrics are."""
    async with House(NOBODY, metrics_enabled=True) as house:
        for port in (house.port, house.metrics_port):
            said = await said_to(house, CHUNKS_OVER_HTTP_1_0 + LAST, port)
            status, _, body = first_answer(said)
            assert 400 == status
            assert said.endswith(body)


@pytest.mark.gen_test
async def test_a_body_that_does_not_come_holds_no_connection(tmp_path, monkeypatch):
    """Where operators ask."""
    monkeypatch.setattr("tornado_app.handlers.metrics.BODY_S", 0.1, raising=False)
    key = "k" * 40
    settings = {"metrics_enabled": True, "admin_keys": [f"anna:{key}"]}
    settings["server_state_dir"] = str(tmp_path)
    headers = f"Authorization: Bearer {key}\r\nContent-Length: 5\r\n"
    begun = request("POST /admin/v1/drain HTTP/1.1", headers, b"{")
    async with House(NOBODY, **settings) as house:
        assert b"" == await said_to(house, begun, house.metrics_port)


@pytest.mark.gen_test
async def test_a_wrong_method_is_told_which_are_right():
    """405 with `Allow` on each address, 404 elsewhere, both in JSON."""
    async with House(NOBODY) as house:
        for method in METHODS:
            for path in PATHS:
                said = await said_to(house, request(f"{method} {path} HTTP/1.1") + LAST)
                status, headers, body = first_answer(said)
                if path not in {"/ws", "/nowhere"} and method in {"HEAD", "OPTIONS"}:
                    assert status in {200, 204}
                    continue
                assert (404 if path == "/nowhere" else 405) == status, (method, path)
                assert "application/json" == headers["content-type"]
                if status == 405:
                    assert "get" in headers["allow"]
                if method != "HEAD":
                    assert json.loads(body)["error"].endswith("."), (method, path)


@pytest.mark.parametrize("token", [True, False], ids=["token", "stranger"])
@pytest.mark.gen_test
async def test_a_wrong_upgrade_is_refused_with_a_sentence(token):
    """No 101 goes to whoever cannot speak WebSocket, whoever it is."""
    async with House(NOBODY) as house:
        for name, data in REFUSED_UPGRADES.items():
            said = await said_to(house, (with_token(house, data) if token else data) + LAST)
            status, headers, body = first_answer(said)
            assert status in {400, 426}, name
            message = json.loads(body)
            assert "invalid_message" == message["data"]["code"]
            assert message["error"].endswith("."), name
            if status == 426:
                assert ("websocket", "13") == (headers["upgrade"], headers["sec-websocket-version"])


@pytest.mark.gen_test
async def test_probes_may_ask_as_they_like():
    """GET, HEAD and OPTIONS, by path or by the whole address."""
    async with House(NOBODY) as house:
        answers = {
            line: first_answer(await said_to(house, request(line) + LAST))
            for line in (
                "GET /readyz HTTP/1.1",
                "HEAD /readyz HTTP/1.1",
                "OPTIONS /readyz HTTP/1.1",
                "GET http://gateway.example/readyz HTTP/1.1",
            )
        }

    assert [200, 200, 204, 200] == [status for status, _, _ in answers.values()]
    assert "get, head, options" == answers["OPTIONS /readyz HTTP/1.1"][1]["allow"]
