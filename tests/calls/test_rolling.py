"""Gateways behind a load balancer are started again, one after the other, under calls."""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import pytest
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.balancers import HAPROXY, NGINX, haproxy, nginx
from tests.calls.house import VoiceClient, house_settings, until
from tests.fakes.upstream import FakeUpstream, unused_port
from tests.test_serving import program
from tornado_app.admission.tokens import issue
from tornado_app.commands.configuration import token_rules

CALLS = int(os.environ.get("ROLLING", "0"))
"""Two minutes; `ROLLING=60 python -m pytest -s tests/calls/test_rolling.py`."""
WAIT_S = 120.0
CHUNK = bytes(960)
SECRET = "a secret of these gateways, long enough."
pytestmark = [
    pytest.mark.skipif(not CALLS, reason="two minutes: ROLLING=60 says how many calls"),
    pytest.mark.timeout(900),
]


def _one(balancer, binary: str):
    marks = pytest.mark.skipif(not Path(binary).exists(), reason=f"{binary} is not installed")
    return pytest.param(balancer, marks=marks, id=Path(binary).name)


class Caller:
    """Speaks all the time, and calls again when it is sent away."""

    def __init__(self, url: str, number: int) -> None:
        self._url = url
        rules = token_rules(house_settings(auth_secret=SECRET))
        self._token = issue(f"user-{number}", rules, time.time(), 3600)
        self.sent = self.heard = 0
        self.ends: list[tuple[int | None, bool]] = []
        """With which code, and whether it was told before."""
        self.away_s: list[float] = []

    async def talk(self, ended: asyncio.Event) -> None:
        client = await self._call()
        while not ended.is_set():
            if await self._say_one(client):
                await asyncio.sleep(0.05)
                continue
            code, _ = await client.closed()
            self.ends.append((code, "going_away" in client.types))
            begun_at = time.monotonic()
            client = await self._call()
            self.away_s.append(time.monotonic() - begun_at)
        client.socket.close(1000)
        await client.closed()

    async def _say_one(self, client: VoiceClient) -> bool:
        """Whether it may go on: it was not told to leave."""
        await client.audio(CHUNK)
        self.sent += 1
        await client.next("audio_received")
        self.heard += 1
        return "going_away" not in client.types

    async def _call(self) -> VoiceClient:
        deadline = time.monotonic() + WAIT_S
        while True:
            headers = {"Authorization": f"Bearer {self._token}"}
            try:
                request = HTTPRequest(self._url, headers=headers, request_timeout=WAIT_S)
                client = VoiceClient(await websocket_connect(request))
            except (HTTPError, OSError):  # one that leaves: try again, as a client does
                assert time.monotonic() < deadline, "nobody takes the call"
                await asyncio.sleep(0.1)
                continue
            await client.status("connected")
            return client


@pytest.mark.parametrize("balancer", [_one(nginx, NGINX), _one(haproxy, HAPROXY)])
@pytest.mark.gen_test(timeout=600)
async def test_one_after_the_other(tmp_path, balancer):
    """Each chunk that was sent is heard, each call is told before 1001, and goes on elsewhere."""
    ports = [unused_port(), unused_port()]
    callers: list[Caller] = []
    ended = asyncio.Event()

    def start(number: int, upstream: FakeUpstream):
        folder = tmp_path / f"{number}-{time.monotonic_ns()}"
        folder.mkdir()
        settings = {
            "auth_secret": SECRET,
            "server_port": ports[number],
            "server_trusted_proxies": '["127.0.0.1/32"]',
            "upstream_url": upstream.url,
            "server_processes": 2 if number else 1,
            "server_drain_s": 5,
        }
        return program(folder, port=None, **settings)

    async with FakeUpstream() as upstream:
        with contextlib.ExitStack() as running:
            gateways = [running.enter_context(start(number, upstream)) for number in (0, 1)]
            for gateway in gateways:
                await asyncio.to_thread(gateway.read_start)
            async with balancer(tmp_path, *ports) as front:
                callers = [Caller(front.url, number) for number in range(CALLS)]
                talking = asyncio.gather(*(caller.talk(ended) for caller in callers))
                await until(lambda: all(caller.heard for caller in callers), "who?", WAIT_S)
                for number in (0, 1):
                    gateways[number].process.terminate()
                    code = await asyncio.to_thread(gateways[number].process.wait, WAIT_S)
                    assert 0 == code
                    gateways[number] = running.enter_context(start(number, upstream))
                    await asyncio.to_thread(gateways[number].read_start)
                    before = [caller.heard for caller in callers]
                    await until(
                        lambda: all(c.heard > was for c, was in zip(callers, before, strict=True)),  # noqa: B023
                        "a call does not go on",
                        WAIT_S,
                    )
                ended.set()
                await talking

    away_s = sorted(away for caller in callers for away in caller.away_s)
    chunks = sum(caller.heard for caller in callers)
    told = f"{len(callers)} calls moved {len(away_s)} times, {away_s[-1]:.2f} s at most"
    sys.stdout.write(f"\n{told}; {chunks} chunks heard of as many\n")
    assert [caller.sent for caller in callers] == [caller.heard for caller in callers]
    assert {(1001, True), (1000, True)} >= {end for caller in callers for end in caller.ends}
    assert away_s
