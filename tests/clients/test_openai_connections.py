"""The ways to the local model that `openai` and `websockets` take, and how they end."""

import json

import pytest
import websockets
from openai import AsyncOpenAI, OpenAI
from websockets.exceptions import ConnectionClosedError

from tests.clients.openai_calls import ask, calling, until
from tests.clients.program import MODEL, running


@pytest.mark.gen_test
async def test_a_websocket_base_url(echoing):
    """It wins over the base URL of everything else."""
    client = AsyncOpenAI(
        base_url="http://127.0.0.1:9/v1",
        websocket_base_url=f"ws://{echoing.address}/v1",
        api_key=echoing.key,
    )
    async with client, client.realtime.connect(model=MODEL) as connection:
        created = await connection.recv()

    assert (created.type, created.session.model) == ("session.created", MODEL)


def test_the_client_without_a_loop(echoing):
    """`OpenAI` instead of `AsyncOpenAI`."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    client = OpenAI(base_url=echoing.base_url, api_key=echoing.key)
    with client, client.realtime.connect(model=MODEL) as connection:
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        connection.conversation.item.create(item=item)
        connection.response.create()
        (said,) = (e.text for e in _up_to_done(connection) if e.type == "response.output_text.done")

    assert said == "You wrote: hi"


async def rest(connection):
    """All events up to the end, and the close that ended them; None if that was a clean one."""
    events = []
    try:
        async for event in connection:
            events.append(event)  # noqa: PERF401  an exception must not take them along
    except ConnectionClosedError as closed:
        return events, closed.rcvd
    return events, None


def _up_to_done(connection):
    for event in connection:
        yield event
        if event.type == "response.done":
            return


@pytest.mark.gen_test
async def test_a_wrong_key_is_refused(echoing):
    """One error, and a close that is not worth another try, though one was offered."""
    tries = []
    client = AsyncOpenAI(base_url=echoing.base_url, api_key="sk-wrong")
    connecting = client.realtime.connect(model=MODEL, on_reconnecting=tries.append)
    async with client, connecting as connection:
        events, close = await rest(connection)

    assert [event.error.code for event in events] == ["invalid_api_key"]
    assert (close.code, close.reason) == (3000, "invalid_request_error.invalid_api_key")
    assert tries == []


@pytest.mark.gen_test
async def test_a_browsers_handshake(echoing):
    """The key in a subprotocol, as from a page; the one selected gives nothing away."""
    offered = ["realtime", f"openai-insecure-api-key.{echoing.key}", "openai-agents-sdk.0.20.0"]
    origin = "https://page.example"
    async with websockets.connect(
        echoing.websocket_url, subprotocols=offered, origin=origin
    ) as socket:
        created = json.loads(await socket.recv())

    assert created["type"] == "session.created"
    assert socket.subprotocol == "realtime"


@pytest.mark.gen_test
async def test_reconnecting_after_a_crash():
    """The SDK dials again by itself, and gets a new session."""
    closes = []
    options = {
        "on_reconnecting": lambda event: closes.append(event.close_code),
        "max_retries": 20,
        "initial_delay": 0.01,
        "max_delay": 0.5,
    }
    with running("echo") as first:
        async with calling(first, **options) as connection:
            assert await ask(connection, "one") == "You wrote: one"
            first.process.kill()
            first.process.wait()
            with running("echo", port=first.port):
                await until(connection, "session.created")
                assert await ask(connection, "two") == "You wrote: two"

    assert set(closes) == {1006}


@pytest.mark.gen_test
async def test_a_shutdown_ends_the_iteration():
    """Close code 1001, which the SDK takes for a clean end."""
    with running("echo") as program:
        async with calling(program) as connection:
            program.process.terminate()
            events, close = await rest(connection)

    assert (events, close) == ([], None)
