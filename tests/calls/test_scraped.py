"""A real Prometheus scrapes a gateway under load and faults, and has what was counted outside."""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.calls.house import House, VoiceClient
from tests.calls.test_metrics import CHUNK, USAGE
from tests.fakes.prometheus import INSTALLED, Prometheus
from tests.fakes.upstream import FakeConnection, FakeUpstream

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "parley.rules.yml"
CALLS = 8
ROUNDS = 3
MADE_UP = 40
SETTINGS = {
    "metrics_enabled": True,
    "upstream_reconnect_initial_ms": 10,
    "upstream_reconnect_max_ms": 50,
    "limits_connections_per_user": 100,
}

needs_prometheus = pytest.mark.skipif(not INSTALLED, reason="prometheus is not installed (Debian)")


class Load:
    """Clients, and what they have counted."""

    def __init__(self, house: House, upstream: FakeUpstream) -> None:
        self._house = house
        self.counts = Counter()
        self.errors = Counter()
        self._answers = 0
        upstream.answers["input_audio_buffer.commit"] = lambda _: [
            {"type": "input_audio_buffer.committed", "item_id": f"u{random.random()}"}
        ]
        upstream.answers["response.create"] = self._answer

    def _answer(self, _event: dict) -> list[dict]:
        self._answers += 1
        name = f"r{self._answers}"
        delta = {
            "type": "response.output_audio.delta",
            "response_id": name,
            "item_id": f"i{name}",
            "delta": base64.b64encode(bytes(4800)).decode(),
        }
        response = {"id": name, "status": "completed", "usage": USAGE}
        return [
            {"type": "response.created", "response": {"id": name}},
            *[delta] * 2,
            {"type": "response.done", "response": response},
        ]

    async def call(self, number: int) -> None:
        """Rounds of speech and mistakes; every second client loses its model in between."""
        client = await self._house.connected("turn_detection=none", user=f"user-{number}")
        self.counts["calls"] += 1
        for _ in range(ROUNDS):
            await self._round(client, number)
        self._take_in(client)
        client.socket.close(1000, "bye")
        await client.closed()

    async def _round(self, client: VoiceClient, number: int) -> None:
        for _ in range(5 + number):
            await client.audio(CHUNK)
            self.counts["chunks"] += 1
        await client.say("commit_audio")
        await client.next("response_done")
        await client.say("nonsense")
        await client.error("unknown_type")

    def _take_in(self, client: VoiceClient) -> None:
        for message in client.heard:
            if message["type"] == "audio":
                self.counts["pieces"] += 1
                self.counts["answered_ms"] += message["data"]["duration_ms"]
            if message["type"] == "error":
                self.errors[message["data"]["code"]] += 1
            if message["type"] == "response_done":
                self.counts["answers"] += 1
                self.counts["tokens"] += message["data"]["usage"]["total_tokens"]


async def lose_models(house: House, upstream: FakeUpstream) -> int:
    """Calls that do nothing, and whose models are cut; returns how many were."""
    peers: list[FakeConnection] = []
    clients = []
    for number in range(3):
        before = len(upstream.connections)
        clients.append(await house.connected(user=f"unlucky-{number}"))
        peers.append(upstream.connections[before])
    for peer in peers:
        peer.drop(rst=True)
    for client in clients:
        await client.status("connected")
        client.socket.close(1000, "bye")
        await client.closed()
    return len(peers)


async def values(prometheus: Prometheus, queries: Iterable[str]) -> dict[str, float | None]:
    return {query: await prometheus.value(query) for query in queries}


@needs_prometheus
@pytest.mark.gen_test(timeout=120)
async def test_what_prometheus_has_is_what_the_load_has_counted(tmp_path):
    """To the last chunk, token and error; and our rules run in it without a fault."""
    async with (
        FakeUpstream() as upstream,
        House(upstream.url, **SETTINGS) as house,
        Prometheus(tmp_path, house.metrics_port, RULES) as prometheus,
    ):
        load = Load(house, upstream)
        await asyncio.gather(*(load.call(number) for number in range(CALLS)))
        lost = await lose_models(house, upstream)
        for _ in range(4):
            await house.refusal(token="no.token.atall")
        ended = load.counts["calls"] + lost

        expected = {
            "sum(parley_calls_opened_total)": ended,
            'parley_calls_ended_total{cause="client_gone"}': ended,
            "sum(parley_calls_open)": 0,
            'parley_audio_chunks_total{direction="from_client"}': load.counts["chunks"],
            'parley_audio_chunks_total{direction="to_client"}': load.counts["pieces"],
            "sum(parley_tokens_total)": load.counts["tokens"],
            'parley_answers_total{status="completed"}': load.counts["answers"],
            "sum(parley_turns_total)": CALLS * ROUNDS,
            'parley_errors_total{code="unknown_type"}': load.errors["unknown_type"],
            "sum(parley_errors_total)": load.errors.total(),
            'parley_links_lost_total{cause="reset", retried="yes"}': lost,
            'parley_links_connected_total{again="yes"}': lost,
            'parley_refusals_total{code="token_invalid"}': 4,
            'parley_answer_wait_seconds_count{by="model"}': load.counts["answers"],
        }
        await prometheus.until(
            lambda: values(prometheus, expected), lambda found: found == expected
        )
        heard_s = await prometheus.value('parley_audio_seconds_total{direction="from_client"}')
        said_s = await prometheus.value('parley_audio_seconds_total{direction="to_client"}')
        rules = (await prometheus.ask("rules"))["groups"][0]["rules"]

    assert load.counts["chunks"] * 0.02 == pytest.approx(heard_s)
    assert load.counts["answered_ms"] / 1000 == pytest.approx(said_s)
    assert {"ok"} == {rule["health"] for rule in rules}
    assert {""} == {rule.get("lastError", "") for rule in rules}


@pytest.mark.gen_test
async def test_no_words_of_strangers_make_series():
    """Codes and names that a model and clients make up are told as others."""
    async with FakeUpstream() as upstream, House(upstream.url, **SETTINGS) as house:
        client = await house.connected()
        before = await house.scrape()
        for number in range(MADE_UP):
            await upstream.send(
                {"type": "error", "error": {"type": f"kind_{number}", "code": f"code_{number}"}}
            )
            response = {"id": f"r{number}", "status": f"status_{number}", "usage": USAGE}
            await upstream.send({"type": "response.created", "response": {"id": f"r{number}"}})
            await upstream.send({"type": "response.done", "response": response})
            await client.say(f"type_{number}")
        for _ in range(MADE_UP):
            await client.next("response_done")
        after = await house.scrape()

    assert MADE_UP == after("model_errors_total", code="other")
    assert MADE_UP == after("answers_total", status="failed")
    assert not [key for key in after.samples if "_1" in str(key) and key[0].startswith("parley")]
    new = set(after.samples) - set(before.samples)
    assert {"code"} >= {name for key in new for name, value in key[1:] if value == "other"}
    assert len(new) < MADE_UP
