"""One administration for several processes, of which each is a whole gateway here."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from contextlib import asynccontextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.netutil import bind_sockets

from tests.calls.house import House, until, whole_log
from tests.calls.odd_requests import METHODS, request
from tests.calls.test_administration import KEY, OTHER_KEY, ask, deeds, quota_of, session_id
from tests.calls.test_odd_requests import LAST, first_answer, said_to
from tests.fakes.upstream import FakeUpstream, unused_port
from tornado_app.commands.one_administration import OneAdministration
from tornado_app.handlers.admin.passing_on import ASKED_FROM, PASSED_ON, passing_on_routes
from tornado_app.handlers.metrics import make_metrics_server
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.reloading import Outcome

PARENT_KEY = "parent-and-children-know-it"


@pytest.fixture
def settings(tmp_path):
    return {
        "metrics_enabled": True,
        "admin_keys": [f"anna:{KEY}", f"bot:{OTHER_KEY}"],
        "admin_audit_file": str(tmp_path / "audit.jsonl"),
        "server_state_dir": str(tmp_path / "state"),
    }


@asynccontextmanager
async def machine(settings, count=2):
    """Its processes, and the address of all; one is taken out of `ports` as if it had ended."""
    async with FakeUpstream() as fake:
        houses = [House(fake.url, **settings) for _ in range(count)]
        for house in houses:
            house.parent_key = PARENT_KEY
            await house.__aenter__()
        ports = {number: house.metrics_port for number, house in enumerate(houses)}
        one = OneAdministration(
            "127.0.0.1", lambda: ports, PARENT_KEY, count=count, are_shared=False
        )
        server = make_metrics_server(None, VOICE_V1, passing_on_routes(one.answer))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        try:
            yield SimpleNamespace(houses=houses, ports=ports, metrics_port=port, server=server)
        finally:
            server.stop()
            await server.close_all_connections()
            one.close()
            for house in reversed(houses):
                await house.__aexit__(None, None, None)


@pytest.mark.gen_test
async def test_all_calls_are_listed_and_each_is_found_and_ended(settings):
    """Whatever process has it; of one that is not there it is said."""
    async with machine(settings) as whole:
        names = ["alice", "bob", "carol"]
        homes = [whole.houses[0], whole.houses[1], whole.houses[1]]
        clients = [await home.connected(user=name) for home, name in zip(homes, names, strict=True)]
        listed, after = [], ""
        while after is not None:
            status, page = await ask(whole, "GET", f"calls?limit=1{after}")
            assert (200, []) == (status, page["missing"])
            listed += [call["user_id"] for call in page["calls"]]
            after = page["next"] and f"&after={page['next']}"
        called = await session_id(clients[2])
        found = await ask(whole, "GET", f"calls/{called}")
        ended = await ask(whole, "POST", f"calls/{called}/end", {"reason": "ticket 17"})
        told = await clients[2].closed()
        again = await ask(whole, "POST", f"calls/{called}/end")
        wrong = await ask(whole, "GET", "calls?limit=0")
        del whole.ports[1]
        some = (await ask(whole, "GET", "calls"))[1]
        unknown = await ask(whole, "GET", f"calls/{await session_id(clients[1])}")
        whole.ports.clear()
        nothing = [(await ask(whole, "GET", path))[0] for path in ("calls", "bans", "version")]

    assert names == listed
    assert (200, "carol") == (found[0], found[1]["user_id"])
    assert (200, (4412, "ended_by_operator")) == (ended[0], told)
    assert [404, 400] == [again[0], wrong[0]]
    assert (["alice"], [1]) == ([call["user_id"] for call in some["calls"]], some["missing"])
    assert 503 == unknown[0]
    assert "1" in unknown[1]["error"]
    assert [503] * 3 == nothing
    assert [("done", "ticket 17"), ("not_found", "")] == [
        (deed["outcome"], deed["reason"]) for deed in deeds(settings)
    ]


@pytest.mark.gen_test
async def test_what_is_for_all_is_done_by_all(settings):
    """And written down once."""
    settings["quotas_tokens_per_user_per_day"] = 1000
    async with machine(settings) as whole:
        clients = [await house.connected(user="alice") for house in whole.houses]
        meters = [quota_of(house, "alice") for house in whole.houses]
        for used, meter in enumerate(meters, 30):
            meter.look(0.0, used)
        before = (await ask(whole, "GET", "limits/user/alice"))[1]
        reset = await ask(whole, "POST", "limits/user/alice/reset")
        after = (await ask(whole, "GET", "limits/user/alice"))[1]
        for house in whole.houses:
            house.reloaded = Outcome(("limits.connections",), ())
        reloaded = await ask(whole, "POST", "reload")
        whole.houses[1].reloaded = Outcome(problems=("limits.connections: must be a number",))
        refused = await ask(whole, "POST", "reload")
        drained = await ask(whole, "POST", "drain")
        told = [house.told for house in whole.houses]
        ban = await ask(whole, "POST", "bans", {"kind": "user", "name": "alice"})
        ends = [await client.closed() for client in clients]
        full = (await ask(whole, "GET", "limits"))[1]
        figures = (await ask(whole, "GET", "figures"))[1]

    def used(answer):
        (tokens,) = [q["used"] for q in answer["quotas"] if q["limit"].startswith("tokens")]
        return tokens

    assert (61, 200, 0) == (used(before), reset[0], used(after))
    assert (200, {"changed": ["limits.connections"], "waiting": []}) == reloaded
    assert (409, ["limits.connections: must be a number"]) == (refused[0], refused[1]["problems"])
    assert "Nothing has changed." == refused[1]["error"]
    assert [["reload", "drain"], ["reload", "reload"]] == told
    assert (202, 200) == (drained[0], ban[0])
    assert [(4401, "token_revoked")] * 2 == ends
    assert {"connections", "process_bytes"} == {each["limit"] for each in full["limits"]}
    assert ([], 60) == (figures["missing"], figures["step_s"])
    assert [
        ("limits_reset", "done"), ("reloaded", "done"), ("reloaded", "refused"),
        ("drained", "done"), ("kept_out", "done"),
    ] == [(deed["action"], deed["outcome"]) for deed in deeds(settings)]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "headers", "status"),
    [("", {}, 401), ("x" * 40, {}, 401), (KEY, {"Origin": "http://elsewhere.example"}, 403)],
)
@pytest.mark.gen_test
async def test_without_a_key_there_is_nothing(settings, key, headers, status):
    async with machine(settings) as whole:
        for method, path in (
            ("GET", "calls"),
            ("POST", "calls/sess_nobody/end"),
            ("POST", "bans"),
            ("POST", "reload"),
            ("POST", "limits/user/alice/reset"),
            ("GET", "figures"),
            ("GET", "usage"),
            ("GET", "openapi.json"),
        ):
            found, body = await ask(whole, method, path, key=key, **headers)
            assert (status, {"error"}) == (found, body.keys())
        assert [[], []] == [house.told for house in whole.houses]


def refusals(log):
    return [line for line in log.getvalue().splitlines() if '"client_refused"' in line]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "calls"),
        ("GET", "calls/sess_nobody"),
        ("POST", "calls/sess_nobody/end"),
        ("POST", "calls/sess_nobody/listening"),
        ("GET", "limits/user/alice"),
        ("POST", "limits/user/alice/reset"),
        ("POST", "reload"),
        ("POST", "bans"),
    ],
)
@pytest.mark.gen_test
async def test_who_is_turned_away_is_counted_once(settings, method, path):
    """Though all processes are asked: it was one request."""
    with whole_log("info") as log:
        async with machine(settings, count=3) as whole:
            assert 401 == (await ask(whole, method, path, key="x" * 40))[0]

    assert 1 == len(refusals(log))


@pytest.mark.gen_test
async def test_who_is_turned_away_is_counted_also_beside_a_process_that_hangs(
    settings, monkeypatch
):
    """That one would have, and another does."""
    monkeypatch.setattr("tornado_app.commands.one_administration.READ_S", 2.0)
    with whole_log("info") as log:
        async with machine(settings, count=3) as whole:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                whole.ports[0] = silent.getsockname()[1]
                assert 401 == (await ask(whole, "GET", "calls", key="x" * 40))[0]

    assert 1 == len(refusals(log))


@pytest.mark.gen_test
async def test_a_method_that_nobody_knows_is_answered_as_by_one_process(settings):
    """With those that the address takes."""
    differ = {}
    async with machine(settings) as whole:
        for method in METHODS:
            for path in ("/admin/", "/admin/v1/calls", "/admin/v1/bans/user/alice", "/admin/v2"):
                data = request(f"{method} {path} HTTP/1.1", f"Authorization: Bearer {KEY}\r\n")
                answers = []
                for port in (whole.metrics_port, whole.houses[0].metrics_port):
                    status, headers, _ = first_answer(await said_to(None, data + LAST, port))
                    answers.append((status, headers.get("allow")))
                if answers[0] != answers[1]:
                    differ[method, path] = answers

    assert {} == differ


async def conditional(port, path, wanted):
    """Status and ETag of what is asked for unless it is *wanted*."""
    headers = {"Authorization": f"Bearer {KEY}", "If-None-Match": wanted}
    request = HTTPRequest(f"http://127.0.0.1:{port}/admin{path}", headers=headers)
    answer = await AsyncHTTPClient().fetch(request, raise_error=False)
    return answer.code, answer.headers.get("ETag")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.gen_test
async def test_what_somebody_has_already_is_not_sent_again(settings, count):
    """Whatever is there is what `*` names (RFC 9110, 13.1.2), of one process and of several."""
    async with machine(settings, count) as whole:
        called = await session_id(await whole.houses[0].connected())
        port = whole.metrics_port if count > 1 else whole.houses[0].metrics_port
        found = {}
        paths = ("/", "/v1/version", "/v1/bans", "/v1/calls", f"/v1/calls/{called}", "/v1/limits")
        for path in (*paths, "/v1/limits/user/alice", "/v1/figures", "/v1/openapi.json"):
            status, etag = await conditional(port, path, '"another"')
            assert (200, True) == (status, bool(etag)), path
            found[path] = (await conditional(port, path, "*"))[0]
        again = await conditional(port, "/v1/bans", (await conditional(port, "/v1/bans", ""))[1])
        nobody = await conditional(port, "/v1/calls/sess_nobody", "*")

    assert {} == {path: status for path, status in found.items() if status != 304}
    assert (304, 404) == (again[0], nobody[0])


@pytest.mark.gen_test
async def test_nobody_else_is_taken_for_the_parent(settings):
    """Who says so is written down, and asks for all as ever."""
    async with machine(settings) as whole:
        for said in ("a guess further", f"{PARENT_KEY}", f"{PARENT_KEY} further"):
            headers = {PASSED_ON: said}
            assert 200 == (await ask(whole, "POST", "limits/user/a/reset", **headers))[0]
        for house in whole.houses:
            answer = await ask(house, "POST", "limits/user/b/reset", **{PASSED_ON: "é further"})
            assert 200 == answer[0]

    assert ["user a"] * 3 + ["user b"] * 2 == [deed["target"] for deed in deeds(settings)]


@pytest.mark.gen_test
async def test_a_call_is_listened_to_wherever_it_is(settings):
    """And no other one of another process any more."""
    settings["admin_listeners"] = ["anna"]
    async with machine(settings) as whole:
        clients = [await house.connected("turn_detection=none") for house in whole.houses]
        first, second = [await session_id(client) for client in clients]
        begun = await ask(whole, "POST", f"calls/{first}/listening", {"reason": "ticket 17"})
        assert (200, "begun") == (
            begun[0],
            (await clients[0].next("listening_in"))["data"]["status"],
        )
        await clients[0].say("text", text="hello")
        async with asyncio.timeout(20):
            words, after = [], 0
            while not words:
                status, heard = await ask(whole, "GET", f"calls/{first}/listening?after={after}")
                words, after = heard["words"], heard["until"]
                assert 200 == status
        other = await ask(whole, "POST", f"calls/{second}/listening")
        told = [(await client.next("listening_in"))["data"]["status"] for client in clients]
        gone = await ask(whole, "GET", f"calls/{first}/listening")
        nobody = await ask(whole, "POST", "calls/sess_nobody/listening")
        ended = await ask(whole, "DELETE", f"calls/{second}/listening")
        missing = await ask(whole, "DELETE", "calls/sess_nobody/listening")

    written = [(deed["action"], deed["target"], deed["outcome"]) for deed in deeds(settings)]
    assert ["hello"] == [each["text"] for each in words]
    assert (200, ["ended", "begun"], 404, 404) == (other[0], told, gone[0], nobody[0])
    assert (200, 404) == (ended[0], missing[0])
    assert written == [
        ("listening_begun", first, "done"),
        ("listening_ended", first, "done"),
        ("listening_begun", second, "done"),
        ("listening_begun", "sess_nobody", "not_found"),
        ("listening_ended", second, "done"),
    ]


@pytest.mark.gen_test(timeout=60)
async def test_what_was_used_any_process_knows(settings, tmp_path):
    """Also when another has ended."""
    settings["usage_database"] = str(tmp_path / "usage.sqlite3")
    async with machine(settings) as whole:
        for house, user in zip(whole.houses, ("alice", "bob"), strict=True):
            client = await house.connected(user=user)
            client.socket.close(1000, "bye")
            await client.closed()
            keeper = house.gateway.records.usage.keepers[0]
            await until(partial(getattr, keeper, "written"), "nothing is written")
        found = [await ask(whole, "GET", "usage")]
        del whole.ports[0]
        found.append(await ask(whole, "GET", "usage"))

    assert [(200, ["alice", "bob"])] * 2 == [
        (status, [each["name"] for each in told["sums"]]) for status, told in found
    ]


def turned_away(port, headers):
    """The status for somebody without a key, who asks from an address of their own."""
    asking = HTTPConnection("127.0.0.1", port, 10, source_address=("127.0.0.2", 0))
    with contextlib.closing(asking):
        asking.request("GET", "/admin/v1/calls", headers=headers)
        return asking.getresponse().status


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of this computer")
@pytest.mark.parametrize("said", [{}, {ASKED_FROM: f"{PARENT_KEY}x 192.0.2.1"}])
@pytest.mark.gen_test
async def test_who_is_turned_away_is_logged_with_their_own_address(settings, said):
    """Not with that of the parent, and not with one that they name themselves."""
    with whole_log("info") as log:
        async with machine(settings) as whole:
            asked = (whole.metrics_port, whole.houses[0].metrics_port)
            statuses = [await asyncio.to_thread(turned_away, port, said) for port in asked]
        lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert [401, 401] == statuses
    addresses = [line["ip"] for line in lines if line["event"] == "client_refused"]
    assert {"127.0.0.2"} == set(addresses)


@pytest.mark.parametrize("limit", ["2", "2.0", "2e0"])
@pytest.mark.gen_test
async def test_no_page_leaves_calls_out(settings, limit):
    """However the number of its calls is written, and whichever process has how many of them."""
    async with machine(settings) as whole:
        homes = [whole.houses[number] for number in (0, 0, 0, 1, 1)]
        for number, home in enumerate(homes):
            await home.connected(user=f"user-{number}")
        listed, after = [], ""
        while after is not None:
            page = (await ask(whole, "GET", f"calls?limit={limit}{after}"))[1]
            listed += [call["user_id"] for call in page["calls"]]
            after = page["next"] and f"&after={page['next']}"

    assert [f"user-{number}" for number in range(5)] == listed


@pytest.mark.gen_test
async def test_a_reset_that_a_process_has_not_answered_is_not_said_to_be_done(settings):
    """Without Redis each counts for itself, and that one may count what was used still."""
    settings["quotas_tokens_per_user_per_day"] = 1000
    async with machine(settings) as whole:
        whole.ports[1] = unused_port()
        status, told = await ask(whole, "POST", "limits/user/alice/reset")

    assert (503, True) == (status, "1" in told["error"])
    assert ["limits_reset"] == [deed["action"] for deed in deeds(settings)]


@pytest.mark.gen_test
async def test_who_may_not_listen_is_written_down_once(settings):
    """All processes are asked, and it was one request."""
    settings["admin_listeners"] = ["anna"]
    async with machine(settings, count=3) as whole:
        called = await session_id(await whole.houses[1].connected())
        begun = [
            await ask(whole, "POST", f"calls/{name}/listening", {"reason": "why"}, key=OTHER_KEY)
            for name in (called, "sess_nobody")
        ]

    assert [403, 403] == [status for status, _ in begun]
    assert [("bot", called, "refused"), ("bot", "sess_nobody", "refused")] == [
        (deed["operator"], deed["target"], deed["outcome"]) for deed in deeds(settings)
    ]


@pytest.mark.gen_test
async def test_a_process_that_hangs_is_said(settings, monkeypatch):
    monkeypatch.setattr("tornado_app.commands.one_administration.READ_S", 0.2)
    async with machine(settings) as whole:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            whole.ports[1] = silent.getsockname()[1]

            async def is_said():
                status, told = await ask(whole, "GET", "limits")
                return (status, told.get("missing")) == (200, [1])

            async with asyncio.timeout(20):
                while not await is_said():
                    await asyncio.sleep(0)


@pytest.mark.gen_test
async def test_what_is_to_be_done_does_not_wait_for_a_process_that_hangs(settings, monkeypatch):
    """Another keeps somebody out, and whoever reads its files again writes that down."""
    for name in ("READ_S", "DO_S"):
        monkeypatch.setattr(f"tornado_app.commands.one_administration.{name}", 2.0)
    async with machine(settings) as whole:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            whole.ports[0] = silent.getsockname()[1]
            client = await whole.houses[1].connected(user="alice")
            ban = await ask(whole, "POST", "bans", {"kind": "user", "name": "alice"})
            end = await client.closed()
            reloaded = await ask(whole, "POST", "reload")

    assert (200, (4401, "token_revoked")) == (ban[0], end)
    assert (503, True) == (reloaded[0], "0" in reloaded[1]["error"])
    assert ["reload"] == whole.houses[1].told
    assert ["kept_out", "reloaded"] == [deed["action"] for deed in deeds(settings)]


@pytest.mark.timeout(400)
@pytest.mark.gen_test(timeout=380)
async def test_it_answers_as_its_description_says(settings, tmp_path):
    """Whatever is asked, allowed or not: status, body and headers are those of the document."""
    settings["usage_database"] = str(tmp_path / "usage.sqlite3")
    async with machine(settings) as whole:
        await whole.houses[1].connected()
        document = await ask(whole, "GET", "openapi.json")
        (tmp_path / "openapi.json").write_text(json.dumps(document[1]))
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"),
            *("run", "openapi.json", "--url", f"http://127.0.0.1:{whole.metrics_port}/admin/v1"),
            *("--header", f"Authorization: Bearer {KEY}", "--checks", "all", "--no-color"),
            *("--max-examples", "3", "--seed", "7", "--generation-database", "none"),
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()

    assert 0 == process.returncode, said.decode()
