"""A gateway before a model that plays back what it hears."""

import contextlib

from local_realtime.rehearsal.faults import parse_faults
from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House


@contextlib.asynccontextmanager
async def parley(pace: float = 0, fault: str = "", **changes: object):
    """A gateway before a model that plays back what it hears, unless it has a *fault*."""
    config = ServerConfig(api_key="sk-test-key", pace=pace, faults=parse_faults(fault))
    model = LocalRealtime(config)
    port = model.listen("127.0.0.1", 0)
    try:
        async with House(f"ws://127.0.0.1:{port}/v1/realtime", **changes) as house:
            yield house
    finally:
        await model.close()
