"""A gateway before three upstreams of which none is well."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from local_realtime.handlers import realtime as local
from local_realtime.rehearsal.faults import parse_faults
from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.conversations import PATIENCE_S, Recorded
from tests.calls.house import Ground, House, until
from tests.calls.test_chaos import QUICK, SEED
from tests.calls.test_failover import table
from tests.calls.together.tools import CLIENT_S, ToolEcho, ToolServer
from tests.fakes.fault_proxy import Break, FaultProxy

SESSION_S = 30
"""Long enough for a minute's answer to a slow client, also where the computer is busy: else each
model would only have time to be told what there was before."""
PACES = (20, 20, 0)
"""One sends a minute at once."""
RULES = QUICK | {
    "upstream_ping_interval_s": 1,
    "upstream_read_timeout_s": 4,
    "upstream_breaker_open_s": 0.1,
    "upstream_return_after_s": 1.0,
    "tools_client_timeout_s": CLIENT_S,
}
GAUGES = (
    "calls_open",
    "links_open",
    "link_unsent_bytes",
    "link_unread_bytes",
    "client_unsent_bytes",
    "lane_waiting",
    "audio_waiting_seconds",
    "memory_held_bytes",
)
"""Of what is nothing without a call."""


def breaks_of_models(random: Random) -> Iterator[tuple[int, Break]]:
    """Of a hundred links eight are refused; a quarter break or hang at any time; others hold."""
    while True:
        fate = random.random()
        if fate < 0.08:
            yield 10, random.choice(["closed", "reset"])
        elif fate < 0.35:
            yield random.randint(1500, 150_000), random.choice(["closed", "reset", "hangs"])
        else:
            yield 1 << 40, "closed"


async def _nothing_is_left(house: House) -> None:
    """Links say goodbye, and some are given a second for it."""
    for _ in range(100):
        page = await house.scrape()
        left = [gauge for gauge in GAUGES if page.sum(gauge)]
        if not left:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(left)


@asynccontextmanager
async def open_house(
    monkeypatch: Any, folder: Path, calls: int, **rules: Any
) -> AsyncIterator[House]:
    """One for *calls* whose models bear the numbers of them; nothing is left of it."""
    monkeypatch.setattr(local, "Session", Recorded)
    Recorded.of_models.clear()
    faults = parse_faults(f"session-expiry={SESSION_S}")
    servers = [LocalRealtime(ServerConfig(pace=pace, faults=faults), ToolEcho()) for pace in PACES]
    ports = [server.listen("127.0.0.1", 0) for server in servers]
    ground = await Ground.settled()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        urls = []
        for name, port in zip("abc", ports, strict=True):
            breaks = breaks_of_models(Random(f"{SEED} {name}"))
            urls.append((await enter(FaultProxy(port, breaks))).url)
        tools = await enter(ToolServer(Random(f"{SEED} tools")))
        (folder / "tools.toml").write_text(tools.toml)
        of_this = {
            "upstream_fallbacks": [table(*each) for each in zip("bc", urls[1:], strict=True)],
            "session_models": [f"model-{number}" for number in range(calls)],
            "tools_file": str(folder / "tools.toml"),
            "server_state_dir": str(folder / "state"),
        }
        house = await enter(House(urls[0], upstream_name="a", **RULES | of_this | rules))
        yield house
        await until(lambda: not house.gateway.connections, "a call is left", PATIENCE_S)
        await _nothing_is_left(house)
        used = house.gateway.limits_used()
        assert not [name for name, use in used.items() if use.used], used
    await ground.regained()
    for server in servers:
        await server.close()
