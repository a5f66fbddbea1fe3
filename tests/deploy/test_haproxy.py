"""Whole calls through a real HAProxy with deploy/haproxy/haproxy.cfg."""

import contextlib
import json
import re
import socket
import subprocess
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from tests.calls import balancers
from tests.calls.balancers import HAPROXY, TRUST
from tests.calls.house import WAIT_S, House, VoiceClient, until, whole_log
from tests.fakes.raw_websocket import RawClient
from tests.fakes.upstream import FakeUpstream, make_certificate, unused_port

CHUNK = bytes(range(240)) * 20

pytestmark = pytest.mark.skipif(
    not Path(HAPROXY).exists(), reason="haproxy is not installed (Debian: apt-get install haproxy)"
)


@contextlib.asynccontextmanager
async def haproxy(folder: Path, first: House, second: House | None = None):
    """HAProxy before two gateways; without a *second* that one is down.

    A computer that is busy with other tests is no reason for a gateway to be not ready.
    """
    for house in (first, second):
        if house is not None:
            house.health.stop()
    ports = first.port, None if second is None else second.port
    async with balancers.haproxy(folder, *ports) as balancer:
        yield balancer


async def closed(*clients: VoiceClient) -> None:
    for client in clients:
        client.socket.close(1000)
        await client.closed()


@pytest.mark.gen_test
async def test_a_call_through_haproxy(tmp_path):
    """Connected and heard, though the other process is down; the log has the path and no more."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, auth_allow_query_token=True, **TRUST) as house,
        haproxy(tmp_path, house) as balancer,
    ):
        token = house.token()
        client = await balancer.call("", f"token={token}&turn_detection=none")
        await client.status("connected")
        for _ in range(5):
            await client.audio(CHUNK)
            await client.next("audio_received")
        await closed(client)
        await until(lambda: "GET /ws" in balancer.log(), "the call is not in haproxy's log")
        log = balancer.log()

    assert re.search(r'^127\.0\.0\.1 \[[^]]+\] "GET /ws" 101 \d+ bytes', log, re.MULTILINE)
    assert token not in log
    assert "turn_detection" not in log


@pytest.mark.gen_test
async def test_refusals_come_through(tmp_path):
    """The client reads the gateway's own words, also of a token that is longer than one may be."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as house,
        haproxy(tmp_path, house) as balancer,
    ):
        with pytest.raises(HTTPClientError) as refused:
            await balancer.call("not-a-token")
        with pytest.raises(HTTPClientError) as too_long:
            await balancer.call("x." * 8500)
        base = f"http://127.0.0.1:{balancer.port}"
        codes = set()
        closed = ("/healthz", "/readyz", "/", "/ws/", "/ws/../healthz", "//healthz", "/v1/models")
        for path in closed:
            codes.add((await AsyncHTTPClient().fetch(f"{base}{path}", raise_error=False)).code)
        openai = await AsyncHTTPClient().fetch(f"{base}/v1/realtime", raise_error=False)

    assert (401, "token_invalid") == (
        refused.value.code,
        json.loads(refused.value.response.body)["data"]["code"],
    )
    assert "longer than 16384" in json.loads(too_long.value.response.body)["error"]
    assert {404} == codes
    assert 401 == openai.code  # of the gateway


@pytest.mark.gen_test
async def test_the_address_is_what_haproxy_sees(tmp_path):
    """Whatever the client writes into the headers of load balancers."""
    spoofed = (
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.10, 127.0.0.1\r\n"
        "X-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
    )
    with whole_log() as log:
        async with (
            FakeUpstream() as upstream,
            House(upstream.url, **TRUST) as house,
            haproxy(tmp_path, house) as balancer,
        ):
            source = socket.create_connection(
                ("127.0.0.1", balancer.port), WAIT_S, source_address=("127.0.0.2", 0)
            )
            token = f"Authorization: Bearer {house.token()}\r\n"
            client = await RawClient.connect(balancer.port, "/ws", token + spoofed, sock=source)
            await client.receive()
            await client.close()
            await until(lambda: not house.gateway.connections, "the client is still there")

    ips = {line["ip"] for line in map(json.loads, log.getvalue().splitlines()) if "ip" in line}
    assert "127.0.0.2" in ips
    assert "203.0.113" not in log.getvalue()


@pytest.mark.gen_test
async def test_one_of_two_drains(tmp_path):
    """Its calls go on, whoever comes is sent to the other, and `going_away` comes through."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **TRUST) as one,
        House(upstream.url, **TRUST) as other,
        haproxy(tmp_path, one, other) as balancer,
    ):
        clients = [await balancer.call(one.token()) for _ in range(4)]
        for client in clients:
            await client.status("connected")
        spread = (len(one.gateway.connections), len(other.gateway.connections))
        one.health.leaving = True
        await until(lambda: "first is DOWN" in balancer.log(), "haproxy did not see it go")
        during = len(one.gateway.connections)
        new = [await balancer.call(one.token()) for _ in range(2)]
        for client in new:
            await client.status("connected")
        arrived = len(other.gateway.connections)
        one.gateway.drain(1.0)
        await one.gateway.clients_gone(WAIT_S)
        ends = []
        for client in [*clients, *new]:
            if client.socket.close_code is None:
                client.socket.close(1000)
            ends.append((await client.closed())[0])
        for house in (one, other):
            assert await house.gateway.stop(WAIT_S)

    assert (2, 2) == spread
    assert 2 == during
    assert 4 == arrived
    assert 2 == ends.count(1001)


def test_the_line_for_tls(tmp_path):
    """With it taken in and a certificate there, HAProxy finds nothing wrong."""
    make_certificate(tmp_path)
    pem = tmp_path / "parley.pem"
    pem.write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text())
    text = balancers.haproxy_conf(unused_port(), unused_port(), unused_port())
    text = text.replace("# bind :443", f"bind 127.0.0.1:{unused_port()}")
    text = text.replace("/etc/haproxy/parley.pem", str(pem))
    (tmp_path / "haproxy.cfg").write_text(text)
    done = subprocess.run(
        [HAPROXY, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, check=False, text=True
    )

    assert str(pem) in text
    assert 0 == done.returncode, done.stderr
    assert "WARNING" not in done.stderr
