"""What a scraper finds, against what clients and the model have counted themselves."""

import asyncio
import base64

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from tests.calls.house import House, until
from tests.fakes.upstream import FakeUpstream

CHUNK = bytes(960)
"""20 ms of 24 kHz PCM."""
SOUND = base64.b64encode(bytes(4800)).decode()
"""100 ms of an answer."""
USAGE = {
    "total_tokens": 100,
    "input_tokens": 70,
    "output_tokens": 30,
    "input_token_details": {
        "text_tokens": 20,
        "audio_tokens": 50,
        "cached_tokens": 15,
        "cached_tokens_details": {"text_tokens": 5, "audio_tokens": 10},
    },
    "output_token_details": {"text_tokens": 8, "audio_tokens": 22},
}
ANSWER = [
    {"type": "response.created", "response": {"id": "r1"}},
    *[
        {
            "type": "response.output_audio.delta",
            "response_id": "r1",
            "item_id": "i1",
            "delta": SOUND,
        }
    ]
    * 3,
    {"type": "response.output_audio.done", "response_id": "r1", "item_id": "i1"},
    {"type": "response.done", "response": {"id": "r1", "status": "completed", "usage": USAGE}},
]


@pytest.mark.gen_test
async def test_a_call_is_counted_while_it_runs_and_when_it_is_over():
    """Audio, chunks, turns, answers and tokens are what client and model have counted."""
    async with FakeUpstream() as upstream, House(upstream.url, metrics_enabled=True) as house:
        upstream.answers["input_audio_buffer.commit"] = lambda _: [
            {"type": "input_audio_buffer.committed", "item_id": "u1"}
        ]
        upstream.answers["response.create"] = lambda _: ANSWER
        client = await house.connected("turn_detection=none")
        for _ in range(10):
            await client.audio(CHUNK)
        await client.say("commit_audio")
        await client.next("response_done")
        running = await house.scrape()
        client.socket.close(1000, "bye")
        await client.closed()
        await until(lambda: not house.gateway.connections, "the call does not end")
        over = await house.scrape()

    for page in (running, over):
        assert 1 == page("calls_opened_total", session="realtime")
        assert 10 == page("audio_chunks_total", direction="from_client")
        assert 3 == page("audio_chunks_total", direction="to_client")
        assert 0.2 == pytest.approx(page("audio_seconds_total", direction="from_client"))
        assert 0.3 == pytest.approx(page("audio_seconds_total", direction="to_client"))
        assert 1 == page("turns_total")
        assert 1 == page("answers_total", status="completed")
        assert 100 == page.sum("tokens_total")
        assert 5 == page("tokens_total", type="cached_text_input")
        assert 10 == page("tokens_total", type="cached_audio_input")
        assert 40 == page("tokens_total", type="audio_input")
        assert 1 == page("answer_wait_seconds_count", by="model")
        assert page("added_latency_seconds_count", direction="to_model") >= 1
        assert page("client_bytes_total", direction="from_client") > 9600
    assert 1 == running("calls_open", state="connected")
    assert 0 == over.sum("calls_open")
    assert 1 == over("calls_ended_total", cause="client_gone")
    assert 0 == over("memory_held_bytes")


@pytest.mark.gen_test
async def test_who_is_not_let_in_is_counted_by_the_reason():
    """Also when the log has had enough of them."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        for _ in range(70):
            await house.refusal(token="no.token.atall")
        await house.refusal(token="")
        _, told, _ = await house.refusal("input_rate=7")

        page = await house.scrape()

    assert 70 == page("refusals_total", code="token_invalid")
    assert 1 == page("refusals_total", code="token_missing")
    assert 1 == page("refusals_total", code=told["data"]["code"])
    assert 72 == page.sum("refusals_total")


@pytest.mark.gen_test
async def test_a_lost_model_and_a_wrong_message_are_counted():
    """By cause and by code."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, upstream_reconnect_initial_ms=10) as house,
    ):
        client = await house.connected()
        await client.say("made_up")
        await client.error("unknown_type")
        upstream.drop(rst=True)
        await client.status("connected")

        page = await house.scrape()

    assert 1 == page("errors_total", code="unknown_type")
    assert 1 == page("links_lost_total", cause="reset", retried="yes")
    assert 1 == page("links_connected_total", again="no")
    assert 1 == page("links_connected_total", again="yes")


@pytest.mark.gen_test
async def test_without_metrics_nothing_is_timed():
    """Who has no use for them pays nothing for each chunk."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        client = await house.connected()
        for _ in range(5):
            await client.audio(CHUNK)
            await client.next("audio_received")

        page = await house.scrape()

    assert 5 == page("audio_chunks_total", direction="from_client")
    assert 0 == page.sum("added_latency_seconds_count")
    assert 0 == page("pool_wait_seconds_count")


@pytest.mark.gen_test
async def test_the_address_for_clients_has_no_metrics_and_that_for_scrapers_nothing_else():
    """What is counted is not for strangers, and a scraper cannot call."""
    async with FakeUpstream() as upstream, House(upstream.url, metrics_enabled=True) as house:
        status, _ = await house.get("/metrics")
        assert 404 == status
        for path in ("/", "/healthz", "/ws", "/sessions"):
            with pytest.raises(HTTPClientError) as refused:
                await AsyncHTTPClient().fetch(f"http://127.0.0.1:{house.metrics_port}{path}")
            assert 404 == refused.value.code, path
            assert b"Here are /metrics and" in refused.value.response.body, path
        head = await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{house.metrics_port}/metrics", method="HEAD"
        )
        assert b"" == head.body


@pytest.mark.gen_test
async def test_two_scrapes_at_once_and_calls_go_on():
    """Each gets a whole page."""
    async with FakeUpstream() as upstream, House(upstream.url, metrics_enabled=True) as house:
        await house.connected()
        pages = await asyncio.gather(*(house.scrape() for _ in range(5)))

    assert [1] * 5 == [page("calls_open", state="connected") for page in pages]
