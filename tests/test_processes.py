"""Several processes behind one port, as an operator starts them."""

import asyncio
import errno
import json
import os
import random
import signal
import sys
import time

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from compiling import loading
from tests.calls.house import Scrape, VoiceClient, house_settings, until, whole_log
from tests.calls.test_administration import KEY
from tests.fakes.upstream import FakeUpstream
from tests.test_serving import Gateway, program
from tornado_app.admission.tokens import issue
from tornado_app.commands.configuration import token_rules
from tornado_app.commands.processes import Parent
from tornado_app.sharing import FAILURES_MAX, STEADY_S, Restarts
from tornado_app.version import VERSION

CALLS = 8
STORM = int(os.environ.get("STORM", "0"))
"""`STORM=10000 python -m pytest -s tests/test_processes.py -k many`."""
WAIT_S = 60.0
SECRET = "a secret of these processes, long enough"


def test_restarts_are_further_and_further_apart():
    restarts = Restarts()
    waits = [restarts.after(1.0) for _ in range(FAILURES_MAX + 1)]

    assert waits[:-1] == sorted(set(waits[:-1]))
    assert waits[-1] is None
    assert waits[0] == restarts.after(STEADY_S)


@pytest.mark.gen_test
async def test_a_system_that_has_no_room_for_a_process_is_given_up(monkeypatch):
    """In words and with an exit code; nobody waits for what never begins."""

    async def no_room(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", no_room)
    settings = house_settings(server_port=0, server_processes=2, upstream_url="ws://127.0.0.1:9")
    announced: list[object] = []
    with whole_log("error") as log:
        code = await Parent(settings, ["serve"]).run(announced.append)

    assert (71, []) == (code, announced)
    assert "processes_given_up" in log.getvalue()


async def call(gateway: Gateway, query: str = "", *, wait: bool = True) -> VoiceClient:
    token = issue("alice", token_rules(house_settings(auth_secret=SECRET)), time.time(), 600)
    request = HTTPRequest(gateway.url + query, headers={"Authorization": f"Bearer {token}"})
    client = VoiceClient(await websocket_connect(request))
    if wait:
        await client.status("connected")
    return client


async def scrape(gateway: Gateway) -> Scrape:
    """The page of all processes, when all have answered: a busy computer may have some be late."""
    async with asyncio.timeout(WAIT_S):
        while True:
            response = await AsyncHTTPClient().fetch(gateway.metrics_url, request_timeout=WAIT_S)
            told = Scrape(response.body.decode())
            if told.sum("process_answers") == told("processes"):
                return told


async def asked_of_all(gateway: Gateway, path: str) -> dict[str, object]:
    """What the administration of all processes answers, when none is missing."""
    url = gateway.metrics_url.replace("/metrics", f"/admin/v1/{path}")
    headers = {"Authorization": f"Bearer {KEY}"}
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await AsyncHTTPClient().fetch(url, headers=headers, request_timeout=WAIT_S)
            told = json.loads(answer.body)
            if told["missing"] == []:
                return told


async def fill(gateway: Gateway) -> list[VoiceClient]:
    """As many calls as are let in."""
    clients: list[VoiceClient] = []
    while len(clients) <= CALLS:
        try:
            clients.append(await call(gateway))
        except HTTPClientError as refused:
            assert 503 == refused.code  # noqa: PT017  any other error is one
            return clients
    raise AssertionError("more were let in than the limit allows")


def children(gateway: Gateway) -> list[psutil.Process]:
    return [*filter(_is_child, psutil.Process(gateway.process.pid).children())]


def _is_child(process: psutil.Process) -> bool:
    try:
        return "--child" in process.cmdline()
    except psutil.NoSuchProcess:  # or a zombie
        return False


@pytest.mark.gen_test(timeout=180)
async def test_one_is_killed_and_all_are_drained(tmp_path):
    """Only its calls end, their places are free at once, another comes; all are told of the end."""
    settings = {
        "auth_secret": SECRET,
        "server_processes": 2,
        "limits_connections": CALLS,
        "limits_connections_per_user": CALLS,
        "server_drain_notice_s": 0.1,
        "server_drain_s": 1,
        "logging_format": "json",
        "metrics_enabled": "true",
        "metrics_port": 0,
        "admin_keys": json.dumps([f"anna:{KEY}"]),
    }
    async with FakeUpstream() as upstream:
        with program(tmp_path, upstream_url=upstream.url, **settings) as gateway:
            await asyncio.to_thread(gateway.read_start)
            before = children(gateway)
            clients = await fill(gateway)
            full = await scrape(gateway)
            listed = await asked_of_all(gateway, "calls")
            before[0].kill()
            lost, kept = [], []
            await until(lambda: before[0].pid not in _pids(gateway), "it was not missed", WAIT_S)
            for client in clients:
                alive = await _still_there(client)
                (kept if alive else lost).append(client)
            again = await fill(gateway)
            await until(lambda: len(children(gateway)) == 2, "it is not started again", WAIT_S)
            last = await scrape(gateway)
            gateway.process.send_signal(signal.SIGTERM)
            ends = [await client.closed(WAIT_S) for client in kept + again]
            code = await asyncio.to_thread(gateway.process.wait, WAIT_S)
            left = [pid for pid in map(_pid, before) if psutil.pid_exists(pid)]

    lines = [*map(json.loads, gateway.stderr.splitlines())]
    died = [line for line in lines if line["event"] == "process_died"]
    started = [line for line in lines if line["event"] == "started"]
    assert 2 == len(before)
    # The parent and three children.
    assert [(VERSION, loading.code().kind)] * 4 == [
        (line["version"], line["hot_path"]) for line in started
    ]
    assert CALLS == len(listed["calls"])
    assert CALLS == len(clients) == len(kept) + len(again)
    assert len(lost) == len(again)
    assert {(1001, "going_away")} == set(ends)
    assert all("going_away" in client.types for client in kept + again)
    assert [-signal.SIGKILL] == [line["exit_code"] for line in died]
    assert CALLS == full("calls_opened_total", session="realtime") == full.sum("calls_open")
    assert {CALLS} == {full("calls_limit", process=number) for number in "01"}
    assert 2 == full("processes")
    assert 0 == full("process_deaths_total")
    opened = CALLS + len(again)
    assert opened == last("calls_opened_total", session="realtime")
    assert 1 == last("process_deaths_total")
    assert 0 == code
    assert [] == left


@pytest.mark.gen_test(timeout=180)
async def test_calls_are_spread_evenly(tmp_path):
    """Wherever the kernel sends them."""
    settings = {"auth_secret": SECRET, "server_processes": 2}
    spread = []
    async with FakeUpstream() as upstream:
        with program(tmp_path, upstream_url=upstream.url, **settings) as gateway:
            await asyncio.to_thread(gateway.read_start)
            port = int(gateway.url.split(":")[2].split("/")[0])
            clients: list[VoiceClient] = []
            for count in (7, 8):
                while len(clients) < count:
                    clients.append(await call(gateway))
                spread.append(sorted(_calls(child, port) for child in children(gateway)))
            for client in clients:
                client.socket.close(1000)
                await client.closed()
            gateway.process.terminate()
            await asyncio.to_thread(gateway.process.wait, WAIT_S)

    assert [[3, 4], [4, 4]] == spread


def _calls(child: psutil.Process, port: int) -> int:
    sockets = child.net_connections("tcp")
    return sum(each.laddr.port == port and each.status == "ESTABLISHED" for each in sockets)


@pytest.mark.skipif(not STORM, reason="minutes: STORM=10000 says how many come and go")
@pytest.mark.timeout(3600)
@pytest.mark.gen_test(timeout=3000)
async def test_many_come_and_go(tmp_path):
    """Never more than the limit at once, some without a word, and no place is lost."""
    settings = {
        "auth_secret": SECRET,
        "server_processes": 2,
        "limits_connections": CALLS,
        "limits_connections_per_user": CALLS,
        "session_resume_window_s": 0,
    }
    async with FakeUpstream() as upstream:
        with program(tmp_path, upstream_url=upstream.url, **settings) as gateway:
            await asyncio.to_thread(gateway.read_start)
            crowd = Crowd(gateway, STORM)
            await asyncio.gather(*(crowd.come_and_go(number) for number in range(3 * CALLS)))
            await until(
                lambda: all(each.ended.is_set() for each in upstream.connections), "one is left"
            )
            clients = await fill(gateway)
            for client in clients:
                client.socket.close(1000)
                await client.closed()
            gateway.process.terminate()
            await asyncio.to_thread(gateway.process.wait, WAIT_S)

    sys.stdout.write(f"\n{crowd.came} came, {crowd.top} at most at once, {crowd.refused} refused\n")
    assert STORM <= crowd.came
    assert CALLS == crowd.top == len(clients)
    assert crowd.refused


class Crowd:
    """Those who come and go, counted by themselves."""

    def __init__(self, gateway: Gateway, wanted: int) -> None:
        self._gateway = gateway
        self._wanted = wanted
        self.came = self.here = self.top = self.refused = 0

    async def come_and_go(self, seed: int) -> None:
        chance = random.Random(seed)
        while self.came < self._wanted:
            try:
                client = await call(self._gateway)
            except HTTPClientError as refused:
                # All places or the user's: whoever goes gives them back one after the other.
                assert refused.code in {429, 503}  # noqa: PT017  any other error is one
                self.refused += 1
                await asyncio.sleep(0.05 * chance.random())
                continue
            self.came += 1
            self.here += 1
            self.top = max(self.top, self.here)
            await asyncio.sleep(0.02 * chance.random())
            self.here -= 1
            if chance.random() < 0.5:
                client.socket.close(1000)
            else:
                client.socket.protocol.stream.close()
            await client.closed()


@pytest.mark.gen_test(timeout=180)
async def test_a_client_finds_its_call_wherever_it_arrives(tmp_path):
    """The kernel sends it to either process, and each time its call goes on."""
    settings = {"auth_secret": SECRET, "server_processes": 2, "limits_connections": 1}
    resumed, here = [], set()
    async with FakeUpstream() as upstream:
        with program(tmp_path, upstream_url=upstream.url, **settings) as gateway:
            await asyncio.to_thread(gateway.read_start)
            client = await call(gateway)
            for _ in range(12):
                first = next(m for m in reversed(client.heard) if "resume_token" in m["data"])
                ticket, seq = first["data"]["resume_token"], client.heard[-1]["seq"]
                client.socket.protocol.stream.close()
                await client.closed()
                client = await call(gateway, f"?resume={ticket}&last_seq={seq}", wait=False)
                told = await client.next("connection_status")
                resumed.append(told["data"].get("resumed"))
                here.add(ticket.partition(".")[0])
            client.socket.close(1000)
            await client.closed()
            gateway.process.terminate()
            await asyncio.to_thread(gateway.process.wait, WAIT_S)

    assert [True] * 12 == resumed
    assert 1 == len(here)


async def _still_there(client: VoiceClient) -> bool:
    try:
        await client.say("ping")
        await client.next("pong")
    except Exception:  # noqa: BLE001  however its end is told
        client.socket.close()
        return False
    return True


def _pid(process: psutil.Process) -> int:
    return process.pid


def _pids(gateway: Gateway) -> list[int]:
    return [*map(_pid, children(gateway))]


@pytest.mark.gen_test(timeout=180)
async def test_one_that_is_being_started_reads_again_what_the_others_do(tmp_path):
    """It may have read it before it was changed."""
    settings = {"server_processes": 2, "logging_format": "json"}
    with program(tmp_path, upstream_url="ws://127.0.0.1:9", **settings) as gateway:
        await asyncio.to_thread(gateway.read_start)
        dead, kept = children(gateway)
        dead.kill()
        await until(
            lambda: {dead.pid, kept.pid} < {dead.pid, *_pids(gateway)},
            "it is not started again",
            WAIT_S,
        )
        gateway.process.send_signal(signal.SIGHUP)
        await until(
            lambda: gateway.stderr.count('"reloaded"') == 2, "one has not read it again", WAIT_S
        )
        gateway.process.terminate()
        code = await asyncio.to_thread(gateway.process.wait, WAIT_S)

    assert 0 == code


@pytest.mark.gen_test(timeout=180)
async def test_children_end_with_their_parent(tmp_path):
    """Also with one that is killed: they drain, and leave nobody alone with a port."""
    with program(
        tmp_path, server_processes=2, server_drain_notice_s=0, server_drain_s=0.5
    ) as gateway:
        await asyncio.to_thread(gateway.read_start)
        orphans = children(gateway)
        gateway.process.kill()
        await until(
            lambda: not any(map(_runs, orphans)), "a child is still there", timeout_s=WAIT_S
        )


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
