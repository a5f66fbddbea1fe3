"""Calls that have a link which was open before them, over real sockets."""

import asyncio
import json

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.house import WAIT_S, House, until
from tests.fakes.upstream import FakeUpstream

HOUSE = {
    "upstream_spare_links": 1,
    "upstream_safety_identifier": False,
    "metrics_enabled": True,
    "session_models": ["other"],
}
SPEECH = bytes(4800)


async def spare(house: House) -> None:
    async def is_there() -> bool:
        return (await house.scrape())("spare_links") == 1

    async with asyncio.timeout(WAIT_S):
        while not await is_there():
            await asyncio.sleep(0.01)


@pytest.mark.gen_test
async def test_a_call_has_it_and_another_is_opened():
    """It is configured for the call then, and hears and answers like any."""
    async with FakeUpstream() as fake, House(fake.url, **HOUSE) as house:
        await spare(house)
        [link] = fake.connections
        assert [] == link.events
        assert "openai-safety-identifier" not in link.headers

        client = await house.connected("voice=cedar&output_rate=48000")
        update = await link.next_event("session.update")
        assert "cedar" == update["session"]["audio"]["output"]["voice"]
        await client.audio(SPEECH)
        await link.next_event("input_audio_buffer.append")
        await link.send({"type": "input_audio_buffer.speech_started", "item_id": "a"})
        await client.next("speech_started")
        await spare(house)
        assert 2 == len(fake.connections)
        counts = await house.scrape()
        assert 1 == counts("spare_links_taken_total")
        assert 2 == counts("links_open")


@pytest.mark.gen_test
async def test_a_call_that_loses_its_model_goes_on_with_it():
    """At once, and what was said is told to it."""
    slow = {"upstream_reconnect_initial_ms": 60_000, "upstream_reconnect_max_ms": 60_000}
    async with FakeUpstream() as fake, House(fake.url, **HOUSE, **slow) as house:
        await spare(house)
        client = await house.connected()
        await spare(house)
        await client.say("text", text="Hello.")
        first, second = fake.connections
        await first.next_event("response.create")
        first.drop(rst=True)
        assert "rebuilt" == (await client.status("connected"))["data"]["context"]
        told = await second.next_event("conversation.item.create")
        assert "Hello." == told["item"]["content"][0]["text"]


@pytest.mark.gen_test
async def test_one_that_is_half_dead_is_not_waited_for():
    """Nobody is told; another is dialled."""
    async with FakeUpstream() as fake, House(fake.url, **HOUSE) as house:
        await spare(house)
        fake.connections[0].reading.clear()
        client = await house.connected()
        assert ["connecting", "connected"] == [m["data"]["status"] for m in client.heard]
        assert 1 == (await house.scrape())("spare_links_stale_total")
        fake.connections[0].reading.set()


@pytest.mark.gen_test
async def test_a_call_for_another_model_dials_itself():
    """The address says which it is."""
    async with FakeUpstream() as fake, House(fake.url.partition("?")[0], **HOUSE) as house:
        await spare(house)
        await house.connected("model=other")
        first, second = (link.path.partition("?")[2] for link in fake.connections)
        assert "model=other" == second != first
        assert 0 == (await house.scrape())("spare_links_taken_total")


@pytest.mark.gen_test
async def test_a_client_of_the_api_hears_what_the_model_has_said_before():
    """In its own dialect, and once."""
    async with FakeUpstream() as fake, House(fake.url, **HOUSE, openai_enabled=True) as house:
        await spare(house)
        headers = {"Authorization": f"Bearer {house.token()}"}
        url = f"ws://127.0.0.1:{house.port}/v1/realtime?model=gpt-realtime-2.1"
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
        await socket.write_message('{"type": "input_audio_buffer.clear"}')
        await fake.connections[0].next_event("input_audio_buffer.clear")
        await fake.connections[0].send({"type": "input_audio_buffer.cleared"})
        async with asyncio.timeout(WAIT_S):
            heard = [json.loads(await socket.read_message())["type"] for _ in range(2)]
        assert ["session.created", "input_audio_buffer.cleared"] == heard
        socket.close()


@pytest.mark.gen_test
async def test_several_upstreams_have_it_for_the_first():
    """A call that has it need not race."""
    async with FakeUpstream() as fake, FakeUpstream() as other:
        listed = [{"name": "other", "url": other.url}]
        async with House(fake.url, **HOUSE, upstream_fallbacks=listed) as house:
            await spare(house)
            fake.handshake = "silent"
            await house.connected()
            await until(lambda: fake.connections[0].events, "not configured")
            assert [] == other.connections
