"""Start, drain, stop, in this process: tornado_app/server.py."""

import asyncio
import contextlib
import gc
import json
import socket
import time
import warnings

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.house import VoiceClient, house_settings, until, whole_log
from tests.fakes.chat import FakeChat, text
from tests.fakes.children import embedded_models
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.tokens import issue
from tornado_app.commands.configuration import read_house, token_rules
from tornado_app.reloading import Reading
from tornado_app.server import Server
from tornado_app.settings.schema import Settings

WAIT_S = 60.0
NOTICE_S = 1.0
NOBODY = "ws://127.0.0.1:9/v1/realtime"
"""The discard service, which nobody runs: no model is asked for anything."""


def new_server(settings: Settings) -> Server:
    reading = Reading(lambda: settings, read_house)
    return Server(settings, read_house(settings), reading)


@contextlib.asynccontextmanager
async def started(settings: Settings):
    """A server in this process, stopped in the end."""
    server = new_server(settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def call(server: Server, settings: Settings) -> VoiceClient:
    token = issue("alice", token_rules(settings), time.time(), 600)
    request = HTTPRequest(
        f"ws://127.0.0.1:{server.port}/ws", headers={"Authorization": f"Bearer {token}"}
    )
    return VoiceClient(await websocket_connect(request))


async def ready(server: Server) -> int:
    url = f"http://127.0.0.1:{server.port}/readyz"
    return (await AsyncHTTPClient().fetch(url, raise_error=False)).code


@pytest.mark.gen_test
async def test_from_start_to_stop():
    """Readiness goes first, then clients are told, then nobody is let in, then all are closed."""
    async with FakeUpstream() as upstream:
        settings = house_settings(
            server_port=0,
            upstream_url=upstream.url,
            server_drain_notice_s=NOTICE_S,
            server_drain_s=NOTICE_S + 0.3,
        )
        async with started(settings) as server:
            before = await ready(server)
            early = await call(server, settings)
            await early.status("connected")
            drain = asyncio.ensure_future(server.drain())
            while await ready(server) == 200:
                pass
            late = await call(server, settings)  # the load balancer has not looked yet
            await late.status("connected")
            nobody_told = "going_away" not in early.types
            for client in (early, late):
                await client.next("going_away")
            with pytest.raises(HTTPClientError) as refused:
                await call(server, settings)
            ends = [await client.closed() for client in (early, late)]
            await drain
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), 5)

    assert 200 == before
    assert nobody_told
    assert 503 == refused.value.code
    assert [(1001, "going_away")] * 2 == ends
    assert not server.is_embedded
    assert f"localhost:{upstream.port}" == server.model_host


@pytest.mark.gen_test
async def test_a_wrong_key_is_found_out_at_the_start():
    """It starts, says what is wrong, and is ready when the model takes calls."""
    async with FakeUpstream(handshake=401) as upstream:
        settings = house_settings(
            server_port=0, upstream_url=upstream.url, upstream_try_at_start=True
        )
        with whole_log("warning") as log:
            async with started(settings) as server:
                await until(lambda: server.gateway.models.standing.rejected, "it is not found out")
                refused = await ready(server)
                upstream.handshake = "accept"
                client = await call(server, settings)
                await client.status("connected")
                again = await ready(server)
                client.socket.close(1000)
                await client.closed()

    assert (503, 200) == (refused, again)
    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("model_rejects", "error", "http_401") == (line["event"], line["level"], line["cause"])


@pytest.mark.gen_test
async def test_several_are_tried_at_the_start():
    """What is wrong with one is said, and calls go to the next: here the model on this computer."""
    async with FakeUpstream(handshake=401) as upstream:
        settings = house_settings(
            server_port=0,
            upstream_url=upstream.url,
            upstream_fallbacks=[{"name": "here", "url": "local"}],
            upstream_try_at_start=True,
            model_mode="echo",
        )
        with whole_log("warning") as log:
            async with started(settings) as server:
                await until(lambda: server.gateway.models.several.out, "it is not found out")
                answer = await ready(server)
                client = await call(server, settings)
                await client.status("connected")
                client.socket.close(1000)
                await client.closed()

    assert 200 == answer
    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("model_rejects", "first", "http_401") == (
        line["event"],
        line["upstream"],
        line["cause"],
    )


@pytest.mark.gen_test
async def test_in_development_nothing_is_dialled_at_the_start():
    """A program that is started twenty times a day asks nobody."""
    async with FakeUpstream() as upstream:
        settings = house_settings(server_port=0, upstream_url=upstream.url)
        async with started(settings) as server:
            assert 200 == await ready(server)

    assert not settings.upstream.try_at_start
    assert [] == upstream.connections


@pytest.mark.gen_test
async def test_a_drain_without_clients_is_over_at_once():
    """There is nobody to give notice to."""
    settings = house_settings(
        server_port=0, upstream_url=NOBODY, server_drain_s=3600, server_drain_notice_s=600
    )
    async with started(settings) as server:
        await asyncio.wait_for(server.drain(), WAIT_S)
        assert 503 == await ready(server)


@pytest.mark.gen_test
async def test_a_taken_port():
    """It is told before a model is started, and nothing stays open."""
    before = len(psutil.Process().children())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = house_settings(server_port=taken.getsockname()[1])
        with warnings.catch_warnings():
            # Tornado's bind_sockets leaves the one that it could not bind to the collector.
            warnings.simplefilter("ignore", ResourceWarning)
            with pytest.raises(OSError, match="in use"):
                await new_server(settings).start()
            gc.collect()

    assert before == len(psutil.Process().children())


@pytest.mark.gen_test
async def test_with_the_model_on_this_computer():
    """It starts with the gateway, answers, and is gone after it."""
    settings = house_settings(server_port=0, session_turn_detection="none", model_mode="echo")
    async with started(settings) as server:
        [child] = embedded_models()
        client = await call(server, settings)
        await client.status("connected")
        await client.say("text", text="hello there")
        done = await client.next("response_done")
        client.socket.close(1000)
        await client.closed()

    assert server.is_embedded
    assert "completed" == done["data"]["status"]
    await until(lambda: not child.is_running(), "the model is still there")


@pytest.mark.gen_test
async def test_with_a_chat_model_behind_the_model_on_this_computer():
    """The settings reach it, its key included, and nothing of them can be seen from outside."""
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    chat = FakeChat(text("Not much. "))
    async with chat.serving() as url:
        settings = house_settings(
            server_port=0,
            session_turn_detection="none",
            model_chat_url=url,
            model_chat_model="tiny",
            model_chat_api_key="sk-chat",
        )
        async with started(settings) as server:
            [child] = embedded_models()
            arguments = " ".join(child.cmdline())
            client = await call(server, settings)
            await client.status("connected")
            await client.say("text", text="What is new?")
            done = await client.next("response_done")
            client.socket.close(1000)
            await client.closed()

    assert "completed" == done["data"]["status"]
    assert "tiny" == chat.requests[0]["model"]
    assert {"role": "user", "content": "What is new?"} == chat.requests[0]["messages"][-1]
    assert "Bearer sk-chat" == chat.headers[0]["Authorization"]
    assert "sk-chat" not in arguments + repr(settings)
    assert url not in arguments
