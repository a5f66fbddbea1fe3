"""Servers of MCP that answer anything: no call hangs, nothing is loud, and each has a sentence."""

import asyncio
import json
from contextlib import asynccontextmanager
from importlib.util import find_spec

import pytest

from parley_tools import Caller
from tests.calls.house import whole_log
from tests.fakes.hostile_mcp_server import EVENTS, TOOL, HostileServer, event, response
from tornado_app.tools.mcp.address import Address, Away, Listed
from tornado_app.tools.mcp.loop_thread import LoopThread
from tornado_app.tools.mcp.servers import McpServer, McpServers

pytestmark = pytest.mark.skipif(
    find_spec("mcp") is None, reason="the package of MCP is not installed: requirements-mcp.txt"
)
CALLER = Caller("alice", "sess_1", "call_1", frozenset())
WAIT_S = 20.0


def named(url="http://127.0.0.1:9/", timeout_s=1.0):
    """A server as the operator's file has it, with one tool."""
    return McpServer("house", Address(url, {}, b"", 16_384), {"t": "t"}, timeout_s, frozenset())


@asynccontextmanager
async def asked(hostile, timeout_s=1.0):
    """Its tool, when it has listed once or is known to be away."""
    loop, unforeseen = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: unforeseen.append(context))
    server = named(hostile.url, timeout_s)
    servers = McpServers([server], loop.call_soon_threadsafe)
    servers.start()
    try:
        await servers.ready()
        yield server.tools[0]
    finally:
        async with asyncio.timeout(WAIT_S):
            await servers.stop()
    assert [] == unforeseen


async def error_of(tool):
    async with asyncio.timeout(WAIT_S):
        result = await tool.call("{}", CALLER)
    return json.loads(result.output)["error"]


async def stay(_):
    """Never answer."""
    await asyncio.Event().wait()


async def endless(of, head, piece):
    of.writer.write(head)
    while True:
        of.writer.write(piece)
        await of.writer.drain()


def broken_off(of, head):
    of.writer.write(head)


HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
FORGED = b'{"jsonrpc":"2.0","id":1,"error":{"code":1e400,"message":7}}'
NESTED = b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * 50_000
ANSWERS = {
    "garbage": (lambda _: b"\0\xff garbage\r\n\r\n", "broke off"),
    "nothing": (lambda _: None, "broke off"),
    "half a head": (lambda of: broken_off(of, HALF[:20]), "broke off"),
    "half a body": (lambda of: broken_off(of, HALF), "broke off"),
    "half an event": (lambda of: broken_off(of, EVENTS + b'data: {"json'), "broke off"),
    "chunks that are none": (lambda _: CHUNKS, "broke off"),
    "empty": (lambda _: response(), "broke off"),
    "no JSON": (lambda _: response(b"{canary"), "broke off"),
    "no UTF-8": (lambda _: response(b'{"jsonrpc":"2.0","id":1,"result":"\xff"}'), "broke off"),
    "an error that is none": (lambda _: response(FORGED), "broke off"),
    "nested": (lambda _: response(NESTED), "broke off"),
    "a list": (lambda of: response([of.result({})]), "broke off"),
    "no result": (lambda of: response(of.result(None)), "broke off"),
    "an event that is none": (lambda _: EVENTS + event("{canary"), "broke off"),
    "another result": (lambda of: response(of.result({"tools": []})), "no result"),
    "odd parts": (lambda of: response(of.result({"content": [{"type": "x"}]})), "no result"),
    "elsewhere": (lambda _: response(b"", "307 X", more="Location: /\r\n"), "may not go"),
    "nowhere": (lambda _: response(b"", "302 X", more="Location: //:80\r\n"), "may not go"),
    "no right": (lambda _: response(b"", "401 X"), "status 401"),
    "a status and JSON": (lambda _: response({"error": "canary"}, "503 X"), "status 503"),
    "a page": (lambda _: response(b"<html>", kind="text/html"), "no JSON"),
    "zipped": (lambda _: response(b"x", more="Content-Encoding: gzip\r\n"), "encoding"),
    "a body without end": (lambda of: endless(of, ENDLESS, b"x" * 65_536), "too large"),
    "an event without end": (lambda of: endless(of, EVENTS, b"data: x\n" * 8000), "too large"),
    "a head without end": (lambda of: endless(of, ENDLESS[:-2], b"A: b\r\n"), "broke off"),
    "much": (lambda of: response(of.result({"content": [{"type": "text", "text": "x" * 20_000}]})),
             "too large"),
}  # fmt: skip


@pytest.mark.gen_test
async def test_whatever_is_answered_is_a_sentence_for_the_model():
    """The next call works, and the operator reads nothing of it."""
    async with HostileServer() as hostile:
        with whole_log("info") as log:
            async with asked(hostile, timeout_s=10) as tool:
                for name, (answer, sentence) in ANSWERS.items():
                    hostile.instead["tools/call"] = answer
                    said = await error_of(tool)
                    assert sentence in said, name
                    assert said.endswith("."), name
                    del hostile.instead["tools/call"]
                    assert "fine" == (await tool.call("{}", CALLER)).output, name

    assert ["mcp_tools"] == [json.loads(line)["event"] for line in log.getvalue().splitlines()]


@pytest.mark.gen_test
@pytest.mark.parametrize("code", [-32000, -32001, -32700])
async def test_what_a_server_says_is_told_in_its_words(code):
    """Also by a code with which the package says that no answer came."""
    error = {"code": code, "message": "The account is beyond its byte limit."}
    refusal = {"jsonrpc": "2.0", "error": error}
    instead = {"tools/call": lambda of: response(refusal | {"id": of.id})}
    async with HostileServer(instead) as hostile, asked(hostile) as tool:
        said = await error_of(tool)

    assert "The tool refused the call: The account is beyond its byte limit." == said


@pytest.mark.parametrize(
    "answer",
    [
        stay,
        lambda of: response(of.result({}, id=999)),
        lambda of: endless(of, EVENTS, b": x\n" * 1000),
        lambda of: endless(of, EVENTS, event({"jsonrpc": "2.0", "id": 7, "method": "ping"})),
        lambda of: endless(of, EVENTS, event({"jsonrpc": "2.0", "method": "notifications/x"})),
    ],
    ids=["silent", "another id", "comments", "questions", "news"],
)
@pytest.mark.gen_test
async def test_what_never_comes_costs_the_time_of_one_call(answer):
    """However much is said instead."""
    async with HostileServer({"tools/call": answer}) as hostile, asked(hostile, 0.5) as tool:
        assert "broke off" in await error_of(tool)
        del hostile.instead["tools/call"]
        assert "fine" == (await tool.call("{}", CALLER)).output


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: response(b"{canary"),
        lambda of: response(of.result({"tools": [{"name": "t"}]})),
        lambda of: response(of.result({"tools": None})),
        lambda _: response(b"", "500 canary"),
        lambda of: broken_off(of, HALF),
        lambda of: endless(of, ENDLESS, b"x" * 65_536),
    ],
)
@pytest.mark.gen_test
async def test_a_listing_that_is_none_is_one_line(answer):
    """It says what, in a word of ours."""
    async with HostileServer({"tools/list": answer}) as hostile:
        with whole_log("info") as log:
            async with asked(hostile) as tool:
                assert "not there any more" in await error_of(tool)
        lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert ["mcp_server_away"] == [line["event"] for line in lines]
    assert "canary" not in log.getvalue()


@pytest.mark.gen_test
async def test_pages_that_come_again_are_read_once():
    """A cursor that was there before leads nowhere."""
    tools = {"tools": [TOOL | {"name": "other"}], "nextCursor": "again"}
    instead = {"tools/list": lambda of: response(of.result(tools))}
    async with HostileServer(instead) as hostile, asked(hostile):
        assert 2 == hostile.asked["tools/list"]


async def questions(of):
    """A stream that asks one thing, and stays."""
    of.writer.write(EVENTS + event({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
    await of.writer.drain()
    await stay(of)


@pytest.mark.gen_test
async def test_calls_do_not_wait_for_what_nobody_takes(monkeypatch):
    """An answer to the server's own question, and word that a call is over, go out one by one."""
    monkeypatch.setattr("tornado_app.tools.mcp.guard.NOTE_S", 0.2, raising=False)
    instead = {"GET": questions, "response": stay, "notifications/cancelled": stay}
    async with HostileServer(instead) as hostile, asked(hostile, 5.0) as tool:
        hostile.instead["tools/call"] = stay
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await tool.call("{}", CALLER)
        del hostile.instead["tools/call"]
        assert "fine" == (await tool.call("{}", CALLER)).output


@pytest.mark.gen_test
async def test_streams_that_end_at_once_are_not_asked_for_at_once():
    """Whatever the server says of how soon that may be."""
    again = EVENTS + b"id: 1\nretry: 0\ndata: \n\n"
    instead = {"GET": lambda of: broken_off(of, again)}
    async with HostileServer(instead) as hostile, asked(hostile) as tool:
        for _ in range(200):
            assert "fine" == (await tool.call("{}", CALLER)).output
            assert hostile.asked["GET"] <= 20


class Pieces:
    """A stream of these."""

    def __init__(self, *pieces):
        self.pieces = pieces

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece


class Ledger:
    """A bucket in which there is always enough."""

    def __init__(self):
        self.spent = []

    def spend(self, _now, cost):
        self.spent.append(cost)
        return 0.0


@pytest.mark.gen_test
async def test_each_event_costs_something_however_short():
    """And however it is cut."""
    guard = pytest.importorskip("tornado_app.tools.mcp.guard")
    ledger, pieces = Ledger(), [b"data:1\n\n" * 5, b"data:1\r\n\r\n" * 3, b"data:1\n", b"\n"]
    read = [piece async for piece in guard._PacedEvents(Pieces(*pieces), ledger)]

    assert pieces == read
    assert [6, 4, 1, 1] == [cost // guard.EVENT_BYTES for cost in ledger.spent]


def test_a_server_that_comes_and_goes_is_dialled_less_and_less_often():
    """Until a session has lived for a while."""
    keeper = pytest.importorskip("tornado_app.tools.mcp.keeper")
    pauses = keeper.Pauses()

    assert [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0] == [pauses.after(1.0) for _ in range(7)]
    assert [0.5, 1.0] == [pauses.after(60.0), pauses.after(1.0)]


@pytest.mark.gen_test
async def test_tools_that_change_all_the_time_fill_no_log():
    """At the end it says how many lines were left out."""
    server, thread = named(), LoopThread("unused")
    with whole_log("info") as log:
        server.held_by(None, thread)
        for _ in range(50):
            server.heard(Listed(()))
            server.heard(Away("word"))
        server.left()
    await thread.stop()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert 33 == len(lines)
    assert [40] * 3 == [line["unlogged"] for line in lines if "unlogged" in line]
