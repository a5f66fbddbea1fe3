"""A user who may cost 0.50 a day, before a local model: warned, ended, and never over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError

from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House, VoiceClient, until
from tests.fakes.redis_server import PROGRAM, RedisServer
from tornado_app.usage.database import UsageDatabase

FORK = get_context("fork")
WAIT_S = 120.0
ALLOWED = Decimal("0.50")
WORDS = "A few words, which are answered by as many beeps of a tenth of a second."
LONGEST = 80
BOUND = Decimal("0.30")
"""What no answer costs here: so many tokens of sound, behind ten times as many."""
PRICES = """
[[answers]]
model = "*"
from = 2020-01-01
text_input = 40
cached_text_input = 4
audio_input = 320
cached_audio_input = 4
text_output = 240
audio_output = 640
"""
"""Ten times what is usual, so that little has to be said."""
HOW: dict[str, Any] = {
    "quotas_money_per_user_per_day": 0.5,
    "session_max_output_tokens": LONGEST,
    "session_transcription_model": "",
    "session_call_grace_s": 0,
}


@asynccontextmanager
async def house_for(folder: Path, name: str, **changes: Any) -> AsyncIterator[House]:
    server = LocalRealtime(ServerConfig(pace=0))
    port = server.listen("127.0.0.1", 0)
    prices = folder / f"{name}.toml"
    prices.write_text(PRICES)
    try:
        where = {"usage_database": str(folder / f"{name}.sqlite3")}
        where["usage_prices_file"] = str(prices)
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        async with House(url, **HOW, **where, **changes) as house:
            yield house
    finally:
        await server.close()


def cost(folder: Path) -> Decimal:
    """Of all that is written down there."""
    total = Decimal(0)
    for path in folder.glob("*.sqlite3"):
        database = UsageDatabase(path, is_read_only=True)
        total += sum((each.cost or Decimal(0)) for each in database.read(0, 10**14))
        database.close()
    return total


async def ask(client: VoiceClient) -> None:
    with suppress(WebSocketClosedError):
        await client.say("text", text=WORDS)


async def spend(house: House) -> VoiceClient | None:
    """A call of whoever wants another answer as soon as there is one, to its end.

    None: others had all of it when this one came.
    """
    try:
        client = await house.call("turn_detection=none")
    except HTTPClientError as refused:
        if refused.code != 429:
            raise
        return None
    await ask(client)
    while (heard := await client.read(WAIT_S)) is not None:
        if isinstance(heard, dict) and heard["type"] == "response_done":
            await ask(client)
    client.socket.close()
    return client


@pytest.mark.gen_test(timeout=WAIT_S)
async def test_a_budget_is_warned_of_and_kept(tmp_path):
    async with house_for(tmp_path, "one") as house:
        client = await spend(house)
        assert client is not None
        assert (4429, "quota_exceeded") == (client.socket.close_code, client.socket.close_reason)
        order = [name for name in client.types if name in {"limit_warning", "error"}]
        assert order[0] == "limit_warning"
        assert ["error"] == [name for name in order if name == "error"]
    assert ALLOWED / 2 < cost(tmp_path) <= ALLOWED


@pytest.mark.gen_test(timeout=WAIT_S)
async def test_four_calls_at_once_keep_it_together(tmp_path):
    async with house_for(tmp_path, "one") as house:
        clients = await asyncio.gather(*(spend(house) for _ in range(4)))
        assert {4429} == {client.socket.close_code for client in clients if client}
    assert ALLOWED / 4 < cost(tmp_path) <= ALLOWED


async def spend_here(folder: Path, name: str, url: str) -> None:
    where = {"shared_redis_url": url, "shared_key_prefix": "budget", "shared_timeout_s": 5}
    async with house_for(folder, name, **where) as house:
        await until(lambda: not house.gateway.access.seating.is_away, "Redis is not found", WAIT_S)
        client = await spend(house)
        assert client is None or client.socket.close_code == 4429, client.types


def gateway_process(*arguments: Any) -> None:
    asyncio.run(spend_here(*arguments))


@pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server")
@pytest.mark.timeout(4 * WAIT_S)
def test_four_processes_keep_it_together(tmp_path):
    """They tell each other through Redis what they keep aside."""
    pytest.importorskip("redis.asyncio", reason="the package is not installed")
    with RedisServer() as server:
        processes = [
            FORK.Process(target=gateway_process, args=(tmp_path, f"gateway-{number}", server.url))
            for number in range(4)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(WAIT_S)
            assert 0 == process.exitcode
    total = cost(tmp_path)
    print(f"{total} of {ALLOWED}")  # noqa: T201
    assert ALLOWED / 4 < total <= ALLOWED + BOUND
