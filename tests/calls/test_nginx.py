"""Whole calls through a real nginx with deploy/nginx/nginx.conf."""

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from tests.calls.balancers import NGINX, TRUST, nginx, nginx_conf
from tests.calls.house import WAIT_S, House, VoiceClient, until, whole_log
from tests.fakes.raw_websocket import PING, TEXT, RawClient, client_frame
from tests.fakes.upstream import FakeUpstream, make_certificate, unused_port

OPENAI = ("/v1/realtime", "/openai/v1/realtime/", "/openai/realtime")
SERVERS_ONLY = ("/v1/realtime/client_secrets", "/v1/models")
CHUNK = bytes(range(240)) * 20

pytestmark = pytest.mark.skipif(
    not Path(NGINX).exists(), reason="nginx is not installed (Debian: apt-get install nginx-light)"
)


@pytest.mark.gen_test
async def test_a_call_through_nginx(tmp_path):
    """Connected, heard, answered, closed as without it; the line in the log has no secret."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as house,
        nginx(tmp_path, house.port) as balancer,
    ):
        token = house.token()
        client = await balancer.call(token, "turn_detection=none")
        await client.status("connected")
        for _ in range(5):
            await client.audio(CHUNK)
            await client.next("audio_received")
        await client.say("commit_audio")
        await upstream.next_event("response.create")
        await upstream.send({"type": "response.created", "response": {"id": "resp_1"}})
        await upstream.send({"type": "response.done", "response": {"id": "resp_1"}})
        await client.next("response_done")
        client.check_numbers()
        client.socket.close(1000, "bye")
        ended = await client.closed()
        await until(lambda: "GET /ws" in balancer.log(), "the call is not in nginx's log")
        log = balancer.log()

    assert 1000 == ended[0]
    assert re.search(r'^127\.0\.0\.1 \[[^]]+\] "GET /ws" 101 \d+ bytes', log, re.MULTILINE)
    assert token not in log
    assert "turn_detection" not in log


@pytest.mark.gen_test
async def test_a_token_in_the_query_is_not_logged(tmp_path):
    """Neither by a call, nor by a refusal, nor by the error of a gateway that is down."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as house,
        nginx(tmp_path, house.port) as balancer,
    ):
        token = house.token()
        client = await balancer.call("", f"token={token}")
        await client.status("connected")
        client.socket.close(1000)
        await client.closed()
        with pytest.raises(HTTPClientError, match="401"):
            await balancer.call("", f"token={token}x")
        house.server.stop()
        with pytest.raises(HTTPClientError, match="502"):
            await balancer.call("", f"token={token}")
        await until(lambda: balancer.log().count('"GET /ws"') == 3, "not all is logged")
        log = balancer.log()

    assert token[:40] not in log
    assert "token=" not in log


@pytest.mark.gen_test
async def test_a_refusal_comes_through(tmp_path):
    """The client reads the gateway's own words, whichever process it was."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as house,
        nginx(tmp_path, house.port) as balancer,
    ):
        with pytest.raises(HTTPClientError) as refused:
            await balancer.call("not-a-token")
        with pytest.raises(HTTPClientError) as too_long:
            await balancer.call("x." * 8500)
        with pytest.raises(HTTPClientError) as wrong:
            await balancer.call(house.token(), "voice=nobody")

    body = json.loads(refused.value.response.body)
    assert (401, "token_invalid") == (refused.value.code, body["data"]["code"])
    assert "Bearer" == refused.value.response.headers["WWW-Authenticate"]
    # Longer than a token may be, and still nginx lets the gateway say so.
    assert 401 == too_long.value.code
    assert "longer than 16384" in json.loads(too_long.value.response.body)["error"]
    assert 400 == wrong.value.code
    assert "voice" == json.loads(wrong.value.response.body)["data"]["field"]


@pytest.mark.gen_test
async def test_the_address_is_what_nginx_sees(tmp_path):
    """Whatever the client writes into the headers of load balancers."""
    spoofed = (
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.10, 127.0.0.1\r\n"
        "X-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
    )
    with whole_log() as log:
        async with (
            FakeUpstream() as upstream,
            House(upstream.url, **TRUST) as house,
            nginx(tmp_path, house.port) as balancer,
        ):
            # Loopback is a whole network: this client is another computer as far as nginx knows.
            source = socket.create_connection(
                ("127.0.0.1", balancer.port), WAIT_S, source_address=("127.0.0.2", 0)
            )
            token = f"Authorization: Bearer {house.token()}\r\n"
            client = await RawClient.connect(balancer.port, "/ws", token + spoofed, sock=source)
            await client.receive()
            await client.close()
            await until(lambda: not house.gateway.connections, "the client is still there")

    ips = {line["ip"] for line in map(json.loads, log.getvalue().splitlines()) if "ip" in line}
    assert {"127.0.0.2"} == ips
    assert "203.0.113" not in log.getvalue()


@pytest.mark.gen_test
async def test_a_client_that_is_gone(tmp_path):
    """Balancer passes it on, and the gateway gives the place back."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, limits_connections=1, **TRUST) as house,
        nginx(tmp_path, house.port) as balancer,
    ):
        source = socket.create_connection(("127.0.0.1", balancer.port), WAIT_S)
        token = f"Authorization: Bearer {house.token()}\r\n"
        client = await RawClient.connect(balancer.port, "/ws", token, sock=source)
        await client.receive()
        link = await upstream.connection()
        client.writer.transport.abort()
        await link.ended.wait()
        await until(lambda: not house.gateway.connections, "the client is still there")
        again = await balancer.call(house.token())
        await again.status("connected")
        again.socket.close(1000)
        await again.closed()


@pytest.mark.gen_test
async def test_one_of_two_drains(tmp_path):
    """Its clients hear `going_away` and 1001 through nginx; whoever comes is sent to the other."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as one,
        House(upstream.url, **TRUST) as other,
        nginx(tmp_path, one.port, other.port) as balancer,
    ):
        clients = [await balancer.call(one.token()) for _ in range(4)]
        for client in clients:
            await client.status("connected")
        spread = (len(one.gateway.connections), len(other.gateway.connections))
        one.gateway.drain(1.0)
        leaving = []
        for client in clients:
            # Those of the other process hear nothing.
            await client.say("ping")
            if await told(client):
                leaving.append(client)
        new = [await balancer.call(one.token()) for _ in range(4)]
        for client in new:
            await client.status("connected")
        ends = [await client.closed() for client in leaving]
        await one.gateway.clients_gone(WAIT_S)
        after = (len(one.gateway.connections), len(other.gateway.connections))
        staying = [client for client in [*clients, *new] if client not in leaving]
        for client in staying:
            client.socket.close(1000)
            await client.closed()
        await both_stopped(one, other)

    assert (2, 2) == spread
    assert [(1001, "going_away")] * 2 == ends
    assert (0, 6) == after


async def told(client: VoiceClient) -> bool:
    """Whether `going_away` came before the answer to a ping."""
    await client.next("pong")
    return "going_away" in client.types


@pytest.mark.gen_test
async def test_both_drain(tmp_path):
    """Then the gateway's own 503 comes through, with the time to wait."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as one,
        House(upstream.url, **TRUST) as other,
        nginx(tmp_path, one.port, other.port) as balancer,
    ):
        for house in (one, other):
            house.gateway.drain(5)
        for _ in range(3):
            with pytest.raises(HTTPClientError) as refused:
                await balancer.call(one.token())
            body = json.loads(refused.value.response.body)

            assert (503, "going_away") == (refused.value.code, body["data"]["code"])
            assert "1" == refused.value.response.headers["Retry-After"]
        await both_stopped(one, other)


async def both_stopped(*houses: House) -> None:
    """Each house sees to it that no thread is left, those of its neighbour included."""
    for house in houses:
        assert await house.gateway.stop(WAIT_S)


@pytest.mark.gen_test
async def test_what_is_not_for_everybody(tmp_path):
    """Nothing but what clients call is reachable, however it is written."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as house,
        nginx(tmp_path, house.port) as balancer,
    ):
        base = f"http://127.0.0.1:{balancer.port}"
        codes = {}
        closed = ("/healthz", "/readyz", "/", "/ws/", "/ws/../healthz", "//healthz")
        for path in ("/ws", *OPENAI, *SERVERS_ONLY, *closed):
            response = await AsyncHTTPClient().fetch(f"{base}{path}", raise_error=False)
            codes[path] = response.code

    assert 426 == codes.pop("/ws")
    assert {401} == {codes.pop(path) for path in OPENAI}  # of the gateway
    assert {404} == set(codes.values())


@pytest.mark.gen_test
async def test_a_silent_call_outlives_the_timeouts_of_nginx(tmp_path):
    """The gateway's pings keep it open, as its 30 s are below the 75 s of nginx; here 0.3 and 3."""
    heartbeat = {"heartbeat_interval_s": 0.3, "heartbeat_read_timeout_s": 5}
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST, **heartbeat) as house,
        nginx(tmp_path, house.port, silence="3s") as balancer,
    ):
        source = socket.create_connection(("127.0.0.1", balancer.port), WAIT_S)
        token = f"Authorization: Bearer {house.token()}\r\n"
        client = await RawClient.connect(balancer.port, "/ws", token, sock=source)
        pings = 0
        while pings < 12:
            heard = await client.receive()
            pings += heard.opcode == PING
        client.send(client_frame(TEXT, b'{"type": "ping"}'))
        pong = await client.receive()
        await client.close()

    assert "pong" == json.loads(pong.payload)["type"]


def test_the_lines_for_tls(tmp_path):
    """With the TLS lines taken in and a certificate there, nginx finds nothing wrong."""
    make_certificate(tmp_path)
    text = nginx_conf(tmp_path, unused_port(), unused_port(), unused_port())
    text, lines = re.subn(r"(?m)^( +)# ((?:listen 443|ssl_)\S* .*;)$", r"\1\2", text)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{unused_port()} ssl;")
    text = text.replace("/etc/ssl/parley/fullchain.pem", str(tmp_path / "cert.pem"))
    text = text.replace("/etc/ssl/parley/privkey.pem", str(tmp_path / "key.pem"))
    (tmp_path / "nginx.conf").write_text(text)
    done = subprocess.run(
        [NGINX, "-t", "-p", tmp_path, "-c", "nginx.conf", "-e", tmp_path / "start.log"],
        capture_output=True,
        check=False,
        text=True,
    )

    assert 7 == lines
    assert 0 == done.returncode, done.stderr
    assert "warn" not in done.stderr
