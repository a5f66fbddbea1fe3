"""Tools of MCP servers in whole calls, with real servers of the official package."""

import asyncio
import json
import logging
import threading
from importlib import import_module
from importlib.util import find_spec

import httpx2
import pytest

from tests.calls.house import until, whole_log
from tests.calls.tool_house import tool_call
from tests.fakes.upstream import unused_port
from tornado_app.tools.mcp import guard
from tornado_app.tools.signature import SIGNATURE, TIMESTAMP, signature

TOOLS = ["get_weather", "stock", "picture", "refuses", "hang", "huge", "shop.find-it", "who"]
TOOLS += ["open_shop", "sell", "no_such_tool"]
ERAS = pytest.mark.parametrize(
    "era", [{}, {"json_response": True}, {"is_legacy": True}], ids=["modern", "json", "legacy"]
)
CITY = {"city": "Oslo"}

pytestmark = pytest.mark.skipif(
    find_spec("mcp") is None, reason="the package of MCP is not installed: requirements-mcp.txt"
)


def mcp_house(**options):
    """A server of MCP; its package takes a second to import, and few who collect this run it."""
    return import_module("tests.fakes.mcp_server").McpHouse(**options)


def mcp_entry(url, more="", name="house"):
    """One entry of conf/tools.toml."""
    tools = json.dumps(TOOLS)
    return f'[mcp.{name}]\nurl = "{url}"\ntools = {tools}\n{more}\n'


def told(call):
    return [tool["name"] for tool in call.update["session"]["tools"]]


def listings(log):
    """How often a server has said what it has."""
    return log.getvalue().count('"event": "mcp_tools"')


def goodbyes(server):
    """The sessions that it was told are over."""
    return [
        headers["mcp-session-id"] for method, headers, _ in server.requests if method == "DELETE"
    ]


async def next_call(call):
    """Another client, whose model is told what is there now."""
    call.client = await call.house.connected()
    call.link = await call.fake.connection(call.link_number)
    call.link_number += 1
    call.update = await call.link.next_event("session.update")


@pytest.fixture(autouse=True)
def quiet():
    """The package's own errors are not the gateway's, which hides them, too."""
    for name in ("mcp", "client", "uvicorn"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@ERAS
@pytest.mark.gen_test
async def test_tools_are_listed_and_called(tmp_path, era):
    """Those of the allow-list, under names that the API takes; the client sees nothing of it."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            names = set(told(call))
            assert {"get_weather", "stock", "shop_find-it"} < names
            assert not {"sell", "no_such_tool"} & names
            weather = next(t for t in call.update["session"]["tools"] if "weather" in t["name"])
            assert "The weather of this moment in a city." == weather["description"]
            assert ["city"] == weather["parameters"]["required"]

            output = await call.result_of("get_weather", CITY)
            assert {"result": "It is sunny in Oslo, 21 degrees."} == json.loads(output)
            output = await call.result_of("stock", {"product": "tea"})
            assert {"product": "tea", "pieces": 12} == json.loads(output)
            assert "found" in await call.result_of("shop_find-it")
            output = await call.result_of("picture")
            assert "Here it is:\n(There is an image here, image/png, which is not shown.)" == output
            assert "get_weather" not in json.dumps(call.client.heard)


@ERAS
@pytest.mark.gen_test
async def test_who_calls_is_known_and_signed(tmp_path, era, monkeypatch):
    """In `_meta` of each call; the body is signed, and the operator's headers come along."""
    monkeypatch.setenv("MCP_KEY", "canary-canary-canary")
    more = 'signing_key = {env = "MCP_KEY"}\n'
    more += 'headers = {Authorization = {env = "MCP_KEY", prefix = "Bearer "}}'
    with mcp_house(**era) as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url, more)) as call:
            meta = json.loads(await call.result_of("who"))
            assert ("alice", "call_1_0") == (meta["parley/user_id"], meta["parley/call_id"])
            assert meta["parley/session_id"].startswith("sess_")
            await call.result_of("huge")
        posts = [(headers, body) for method, headers, body in server.requests if method == "POST"]
        assert posts
        for headers, body in posts:
            assert "Bearer canary-canary-canary" == headers["authorization"]
            made = signature(b"canary-canary-canary", int(headers[TIMESTAMP.lower()]), body)
            assert made == headers[SIGNATURE.lower()]
    assert "canary" not in log.getvalue() + str(call.client.heard)
    assert f":{server.port}" not in log.getvalue() + str(call.client.heard)


FAULTS = {
    "refuses": "The shop is closed.",
    "huge": "too large",
    "hang": "within 2 s",
}


@ERAS
@pytest.mark.gen_test
@pytest.mark.parametrize("name", FAULTS)
async def test_a_tool_that_misbehaves_costs_one_call(tmp_path, era, name):
    """The model reads why, and the next call works."""
    with mcp_house(**era) as server:
        timeout_s = 2 if name == "hang" else 30
        async with tool_call(tmp_path, mcp_entry(server.url, f"timeout_s = {timeout_s}")) as call:
            assert FAULTS[name] in json.loads(await call.result_of(name))["error"]
            assert "12" in await call.result_of("stock", {"product": "tea"})


@ERAS
@pytest.mark.gen_test
async def test_more_than_is_read_at_all(tmp_path, era):
    """Megabytes are not waited for, and others are not disturbed."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 30")) as call:
            assert "too large" in await call.result_of("huge", {"size": 30_000_000})
            assert "12" in await call.result_of("stock", {"product": "tea"})


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((500, [], b"canary"), "status 500"),
        ((307, [(b"location", b"http://127.0.0.1:9/elsewhere")], b""), "may not go"),
        ((307, [(b"location", b"/mcp/")], b""), "may not go"),
        ((200, [(b"content-type", b"text/html")], b"canary"), "no JSON"),
        ((200, [(b"content-type", b"application/json")], b"{canary"), "broke off"),
        ((200, [(b"content-type", b"application/json")], b"x" * 3_000_000), "too large"),
        ((200, [(b"content-encoding", b"gzip")], b"canary"), "in an encoding"),
        ((202, [], b""), "refused the call"),
    ],
)
async def test_answers_that_are_none(tmp_path, answer, sentence):
    """Each is one sentence for the model, and no word of it is in the log."""
    with mcp_house() as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            server.answer = answer
            error = json.loads(await call.result_of("get_weather", CITY))["error"]
            assert sentence in error
            server.answer = None
    assert "canary" not in log.getvalue() + error


@pytest.mark.gen_test
@pytest.mark.parametrize("code", guard.FAULTS)
async def test_a_server_that_speaks_of_our_own_faults(tmp_path, code):
    """It is believed nothing: no call is made twice, and its words are for the model alone."""
    error = {"code": code, "message": "canary", "data": "x"}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    with mcp_house() as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            server.answer = (400, [(b"content-type", b"application/json")], body)
            told = json.loads(await call.result_of("get_weather", CITY))
            assert {"error": "The tool refused the call: canary"} == told
        assert 1 == server.methods.count("tools/call")
    assert "canary" not in log.getvalue()


@pytest.mark.gen_test
@pytest.mark.parametrize("arguments", ["{no", "[]", '{"city":7}', "{}", "[" * 9000])
async def test_arguments_that_do_not_fit_go_back_to_the_model(tmp_path, arguments):
    """Nothing is asked of the server."""
    with mcp_house() as server:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            assert json.loads(await call.result_of("get_weather", arguments))["error"]
        assert "tools/call" not in server.methods


@ERAS
@pytest.mark.gen_test
async def test_a_server_that_dies_and_comes_back(tmp_path, era):
    """Calls fail while it is away, and the log says once that it is, and once that it is not."""
    with mcp_house(**era) as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            server.die()
            for _ in range(3):
                output = await call.result_of("stock", {"product": "tea"})
                assert "cannot be reached" in output or "broke off" in output
            await until(lambda: "mcp_server_away" in log.getvalue(), "nobody noticed")
            server.start()
            await until(lambda: listings(log) >= 2, "nobody came back")
            assert "12" in await call.result_of("stock", {"product": "tea"})
    assert 1 == log.getvalue().count("mcp_server_away")


@ERAS
@pytest.mark.gen_test
async def test_a_server_that_was_away_for_a_moment(tmp_path, era):
    """It has forgotten the session, which nobody knew; the call is performed all the same."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            server.die()
            server.start()
            assert "12" in await call.result_of("stock", {"product": "tea"})


@ERAS
@pytest.mark.gen_test
async def test_calls_outlive_a_session_that_is_given_up(tmp_path, era):
    """One that runs has its result, and one that is made meanwhile goes over the next session."""
    with mcp_house(**era) as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 20")) as call:
            (hanging,) = await call.model_calls(("hang", {}))
            await until(lambda: server.running == 1, "it was not called")
            server.listing_answer = (500, [], b"")
            await call.model_calls(("open_shop", {}))
            await until(lambda: "mcp_server_away" in log.getvalue(), "nobody noticed")
            server.listing_answer = None
            await call.model_calls(("stock", {"product": "tea"}))
            found = [output for _, output in (await call.output(), await call.output())]
            assert "open" in "".join(found)
            assert "12" in "".join(found)

            assert 1 == server.running
            assert not goodbyes(server)
            server.let_go.set()
            assert (hanging, '{"result":"late"}') == await call.output()
            if server.is_legacy:
                await until(lambda: goodbyes(server), "the old session is kept")
                assert 1 == len(goodbyes(server))
    assert 1 == log.getvalue().count("mcp_server_away")


@ERAS
@pytest.mark.gen_test
async def test_a_gateway_that_stops_while_a_session_that_is_given_up_has_a_call(tmp_path, era):
    """It says goodbye to that one, too, and leaves no thread."""
    with mcp_house(**era) as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 20")) as call:
            await call.model_calls(("hang", {}))
            await until(lambda: server.running == 1, "it was not called")
            server.listing_answer = (500, [], b"")
            await call.model_calls(("open_shop", {}))
            await until(lambda: "mcp_server_away" in log.getvalue(), "nobody noticed")
            assert 1 == server.running
        assert "mcp-loop" not in {thread.name for thread in threading.enumerate()}
        assert server.is_legacy == bool(goodbyes(server))


@ERAS
@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("fault", "found"),
    [(httpx2.ConnectError("canary"), "12"), (RuntimeError("canary"), "broke off")],
    ids=["unreachable", "unforeseen"],
)
async def test_a_request_that_fails_by_itself(tmp_path, monkeypatch, era, fault, found):
    """Asked once more if nobody had it, though the server was never away; the next call works."""
    faults = [fault]
    send = httpx2.AsyncClient.send

    async def failing(client, request, **options):
        if b"tools/call" in request.content and faults:
            raise faults.pop()
        return await send(client, request, **options)

    monkeypatch.setattr(httpx2.AsyncClient, "send", failing)
    with mcp_house(**era) as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            assert found in await call.result_of("stock", {"product": "tea"})
            assert "12" in await call.result_of("stock", {"product": "tea"})
    assert "canary" not in log.getvalue()


@pytest.mark.gen_test
async def test_a_server_that_is_away_at_the_start(tmp_path):
    """The gateway starts without it, and has its tools when it is there."""
    server = mcp_house()
    server.port = unused_port()
    with whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            assert "tools" not in call.update["session"]
            with server:
                await until(lambda: listings(log), "it is not found")
                call.link_number = 1
                await next_call(call)
                assert "stock" in told(call)
                assert "12" in await call.result_of("stock", {"product": "tea"})


@ERAS
@pytest.mark.gen_test
async def test_tools_that_change(tmp_path, era):
    """A call that begins afterwards has them; one that runs keeps what it has."""
    with mcp_house(**era) as server, whole_log() as log:
        async with tool_call(tmp_path, mcp_entry(server.url)) as call:
            assert "sell" not in told(call)
            before = listings(log)
            await call.result_of("open_shop")
            await until(lambda: listings(log) > before, "nobody heard")
            assert "no tool of this name" in await call.result_of("sell", {"product": "tea"})
            call.link_number = 1
            await next_call(call)
            assert "sell" in told(call)
            assert "sold tea" in await call.result_of("sell", {"product": "tea"})

            server.server.remove_tool("sell")
            server.server.remove_tool("stock")
            before = listings(log)
            await call.result_of("open_shop")
            await until(lambda: listings(log) > before, "nobody heard")
            assert "not there any more" in await call.result_of("stock", {"product": "tea"})


@ERAS
@pytest.mark.gen_test
async def test_twenty_calls_at_once(tmp_path, era):
    """Over one session: eight run, the others are told to come again."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 20")) as call:
            ids = await call.model_calls(*[("hang", {})] * 20)
            refused = dict([await call.output() for _ in range(12)])
            assert all("8 are allowed" in output for output in refused.values())
            await until(lambda: server.running == 8, "they do not run at once")
            server.let_go.set()
            found = dict([await call.output() for _ in range(8)])
            assert set(ids) == {*refused, *found}
            assert {'{"result":"late"}'} == set(found.values())
            await call.link.next_event("response.create")


@ERAS
@pytest.mark.gen_test
async def test_barge_in_while_a_tool_runs(tmp_path, era):
    """The result reaches the conversation, and nothing is asked."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 20")) as call:
            await call.model_calls(("hang", {}))
            await until(lambda: server.running == 1, "it was not called")
            await call.client.say("interrupt")
            await call.client.next("interrupted")
            server.let_go.set()
            assert "late" in (await call.output())[1]
            await call.client.say("get_status")
            status = await call.client.next("status")
            assert (1, 0) == (status["data"]["tools"]["calls"], status["data"]["tools"]["running"])
            assert "response.create" not in [event["type"] for event in call.link.events]


@pytest.mark.gen_test
@pytest.mark.parametrize("era", [{}, {"is_legacy": True}], ids=["modern", "legacy"])
async def test_hanging_up_ends_what_runs(tmp_path, era):
    """The server is told, and the session with it serves the next call."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 20")) as call:
            await call.model_calls(("hang", {}), ("hang", {}))
            await until(lambda: server.running == 2, "it was not called")
            tasks = len(asyncio.all_tasks())
            call.client.socket.close()
            await call.client.closed()
            await until(lambda: server.cancelled == 2, "the calls go on")
            await until(lambda: len(asyncio.all_tasks()) < tasks, "a task is left")
            call.link_number = 1
            await next_call(call)
            assert "12" in await call.result_of("stock", {"product": "tea"})


@ERAS
@pytest.mark.gen_test
async def test_a_gateway_that_stops_says_goodbye(tmp_path, era):
    """Also in mid-call: no thread is left, and a server with sessions is told."""
    with mcp_house(**era) as server:
        async with tool_call(tmp_path, mcp_entry(server.url, "timeout_s = 20")) as call:
            await call.model_calls(("hang", {}))
            await until(lambda: server.running == 1, "it was not called")
        assert "mcp-loop" not in {thread.name for thread in threading.enumerate()}
        if server.is_legacy:
            assert "DELETE" in [method for method, _, _ in server.requests]


@pytest.mark.gen_test
async def test_a_server_that_never_answers(tmp_path):
    """It takes the connection and says nothing: neither start nor stop wait for it for long."""
    held = []

    async def take(_, writer):
        held.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with tool_call(tmp_path, mcp_entry(f"http://127.0.0.1:{port}/mcp")) as call:
        assert held
        assert "tools" not in call.update["session"]
    for writer in held:
        writer.close()
    server.close()


@pytest.mark.gen_test
async def test_twenty_neighbours_lose_nothing_while_servers_misbehave(tmp_path):
    """What a server answers is read in a thread of its own."""
    with mcp_house() as server:
        entry = mcp_entry(server.url, "timeout_s = 1")
        async with tool_call(tmp_path, entry, limits_connections_per_user=30) as call:
            neighbours = [await call.house.connected() for _ in range(20)]
            await call.model_calls(
                ("hang", {}), ("huge", {"size": 3_000_000}), ("refuses", {}), ("hang", {})
            )
            for _ in range(10):
                for neighbour in neighbours:
                    await neighbour.audio(bytes(960))
            for number in range(10):
                for neighbour in neighbours:
                    received = await neighbour.next("audio_received")
                    assert number + 1 == received["data"]["chunk"]
            assert "error" not in {kind for each in neighbours for kind in each.types}
            outputs = [await call.output() for _ in range(4)]
            assert all("error" in output for _, output in outputs)
