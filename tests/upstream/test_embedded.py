"""The model in a process of its own: tornado_app/upstream/embedded.py."""

import asyncio
import json

import psutil
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.house import House, until
from tests.fakes.children import embedded_models
from tornado_app.upstream import embedded
from tornado_app.upstream.embedded import EmbeddedModel
from tornado_app.upstream.endpoint import Endpoint


async def first_event(endpoint: Endpoint, key: str) -> dict:
    """What it says first to somebody with this key."""
    request = HTTPRequest(
        f"{endpoint.url}?model=any", headers={"Authorization": f"Bearer {key}"}, request_timeout=5
    )
    socket = await websocket_connect(request)
    event = json.loads(await socket.read_message())
    socket.close()
    while await socket.read_message() is not None:
        pass
    return event


def child() -> psutil.Process:
    [process] = embedded_models()
    return process


@pytest.mark.gen_test
async def test_it_answers_whoever_has_its_key():
    """And nobody else: no other user of this computer gets in, with another key or none."""
    model = EmbeddedModel("echo", 10)
    await model.start()
    try:
        endpoint = model.endpoint
        welcome = await first_event(endpoint, endpoint.api_key)
        refusal = await first_event(endpoint, "another-key")
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(f"{endpoint.url}?model=any")
        arguments = " ".join(child().cmdline())
    finally:
        await model.stop()

    assert "session.created" == welcome["type"]
    assert ("error", "invalid_api_key") == (refusal["type"], refusal["error"]["code"])
    assert 401 == refused.value.code
    assert endpoint.api_key not in arguments + repr(endpoint)
    assert endpoint.url.startswith("ws://127.0.0.1:")


@pytest.mark.gen_test
async def test_it_is_gone_after_the_stop():
    """And stopping twice is no mistake."""
    model = EmbeddedModel("echo", 10)
    await model.start()
    process = child()
    await model.stop()
    await model.stop()

    assert not process.is_running()


@pytest.mark.gen_test
async def test_it_is_started_again_when_it_dies():
    """With the same key, on another port: sessions that dial again find it."""
    model = EmbeddedModel("echo", 10)
    await model.start()
    try:
        before, first = model.endpoint, child()
        first.kill()
        await until(lambda: model.endpoint != before, "it was not started again", 20)
        welcome = await first_event(model.endpoint, before.api_key)
        second = child()
    finally:
        await model.stop()

    assert "session.created" == welcome["type"]
    assert first.pid != second.pid
    assert not second.is_running()


@pytest.mark.gen_test
async def test_one_that_has_lived_long_is_started_again_at_once(monkeypatch):
    """Here any time is long, and the pause before a start too long to be waited for."""
    monkeypatch.setattr(embedded, "RESTART_S", 1000.0)
    monkeypatch.setattr(embedded, "RESTART_MAX_S", 0.0)
    model = EmbeddedModel("echo", 10)
    await model.start()
    try:
        first = child()
        first.kill()
        await until(lambda: model.deaths and model.is_up, "it was not started again", 20)
    finally:
        await model.stop()


@pytest.mark.gen_test
async def test_it_has_the_fault_of_the_settings():
    """Whoever connects meets it."""
    model = EmbeddedModel("echo", 10, "slow-answers=5,no-credit")
    await model.start()
    try:
        refusal = await first_event(model.endpoint, model.endpoint.api_key)
    finally:
        await model.stop()

    assert "credit_balance_exhausted" == refusal["error"]["code"]


@pytest.mark.gen_test
async def test_two_gateways_have_two_models():
    """Each has its own key and port."""
    models = [EmbeddedModel("echo", 10), EmbeddedModel("echo", 10)]
    try:
        for model in models:
            await model.start()
        one, other = (model.endpoint for model in models)
    finally:
        for model in models:
            await model.stop()

    assert one.url != other.url
    assert one.api_key != other.api_key


@pytest.mark.gen_test
async def test_a_call_survives_its_death():
    """The gateway dials the new one by itself, and tells it the conversation."""
    model = EmbeddedModel("echo", 10)
    await model.start()
    try:
        async with House(
            lambda: model.endpoint, upstream_reconnect_max_ms=300, upstream_reconnect_attempts=60
        ) as house:
            client = await house.connected("turn_detection=none")
            child().kill()
            await client.status("reconnecting")
            again = await client.status("connected")
            await client.say("text", text="still there")
            done = await client.next("response_done")
            client.socket.close(1000)
            await client.closed()
    finally:
        await model.stop()

    assert "rebuilt" == again["data"]["context"]
    assert "completed" == done["data"]["status"]


@pytest.mark.gen_test
async def test_a_start_that_is_given_up():
    """Ctrl-C while it starts leaves no process behind."""
    model = EmbeddedModel("echo", 10)
    starting = asyncio.ensure_future(model.start())
    await until(embedded_models, "it is not being started")
    process = child()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not process.is_running()
