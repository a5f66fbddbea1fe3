"""How long a tool's call takes beyond the tool's own time: from the model's call to the result.

Model and endpoint are here, the gateway is a process of its own.  README.md says what is counted.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aiohttp import web
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from bench.common import print_table
from bench.targets import start_gateway

MODEL_HZ = 24_000
TIMEOUT_S = 30.0
SIGNING_KEY = "of the benchmark, long enough"

MODULE = '''
import asyncio
import time

from parley_tools import tool


@tool
def thread(city: str) -> dict:
    """A function that may block."""
    begun_ns = time.monotonic_ns()
    time.sleep(0.002)
    return {"begun_ns": begun_ns, "ended_ns": time.monotonic_ns()}


@tool
async def coroutine(city: str) -> dict:
    """One that waits."""
    begun_ns = time.monotonic_ns()
    await asyncio.sleep(0.002)
    return {"begun_ns": begun_ns, "ended_ns": time.monotonic_ns()}
'''

TOOLS = """
[http.http]
description = "An endpoint."
url = "http://127.0.0.1:{port}/"
signing_key = {{ env = "BENCH_SIGNING_KEY" }}
parameters = {{ type = "object", properties = {{ city = {{ type = "string" }} }} }}

[python]
module = "bench_of_tools"
threads = 64
"""

NAMES = ("http", "thread", "coroutine")


async def endpoint(request: web.Request) -> web.Response:
    """A tool that takes two milliseconds."""
    begun_ns = time.monotonic_ns()
    await request.read()
    await asyncio.sleep(0.002)
    return web.json_response({"begun_ns": begun_ns, "ended_ns": time.monotonic_ns()})


class Model:
    """A Realtime server whose answers call tools, one after the other."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self.beyond_ms: dict[str, list[float]] = {name: [] for name in NAMES}
        self.done = asyncio.Semaphore(0)

    async def __call__(self, socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {"id": "sess_1"}}))
        update = await _next(socket, "session.update")
        await socket.send(json.dumps({"type": "session.updated", "session": update["session"]}))
        for number in range(self._calls):
            for name in NAMES:
                await self._call(socket, name, f"{name}_{number}")
        self.done.release()
        await socket.wait_closed()

    async def _call(self, socket: ServerConnection, name: str, call_id: str) -> None:
        response = {"id": f"resp_{call_id}"}
        item = {
            "id": f"item_{call_id}",
            "type": "function_call",
            "status": "completed",
            "call_id": call_id,
            "name": name,
            "arguments": '{"city": "Paris"}',
        }
        await socket.send(json.dumps({"type": "response.created", "response": response}))
        done = {"type": "response.output_item.done", "response_id": response["id"], "item": item}
        called_ns = time.monotonic_ns()
        await socket.send(json.dumps(done))
        finished = response | {"status": "completed", "output": [item]}
        await socket.send(json.dumps({"type": "response.done", "response": finished}))
        answered = await _next(socket, "conversation.item.create")
        came_ns = time.monotonic_ns()
        await _next(socket, "response.create")
        told = json.loads(answered["item"]["output"])
        own_ns = told["ended_ns"] - told["begun_ns"]
        self.beyond_ms[name].append((came_ns - called_ns - own_ns) / 1e6)
        await socket.send(json.dumps({"type": "response.created", "response": {"id": "resp_x"}}))
        finished = {"id": "resp_x", "status": "completed"}
        await socket.send(json.dumps({"type": "response.done", "response": finished}))


async def _next(socket: ServerConnection, kind: str) -> Any:
    async with asyncio.timeout(TIMEOUT_S):
        while (event := json.loads(await socket.recv()))["type"] != kind:
            pass
    return event


async def run(sessions: int, calls: int) -> dict[str, list[float]]:
    """Milliseconds beyond the tool's own time, by kind of tool."""
    model = Model(calls)
    application = web.Application()
    application.router.add_post("/", endpoint)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "bench_of_tools.py").write_text(MODULE)
        (folder / "tools.toml").write_text(TOOLS.format(port=port))
        async with serve(model, "127.0.0.1", 0) as server:
            upstream = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
            settings = {
                "PARLEY_TOOLS_FILE": str(folder / "tools.toml"),
                "BENCH_SIGNING_KEY": SIGNING_KEY,
            }
            target = start_gateway(stack, upstream, MODEL_HZ, settings)
            url, token = target.load_arguments[0], target.load_arguments[4]
            headers = {"Authorization": f"Bearer {token}"}

            async def listen() -> None:
                async with connect(url, additional_headers=headers) as socket:
                    async for _ in socket:
                        pass

            clients = [asyncio.ensure_future(listen()) for _ in range(sessions)]
            for _ in range(sessions):
                await model.done.acquire()
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
    await runner.cleanup()
    return model.beyond_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1, help="that call at the same time")
    parser.add_argument("--calls", type=int, default=300, help="of each kind, in each session")
    options = parser.parse_args()
    beyond_ms = asyncio.run(run(options.sessions, options.calls))
    rows = []
    for name, values in beyond_ms.items():
        percentiles = statistics.quantiles(values, n=100)
        figures = (statistics.median(values), percentiles[98], max(values))
        rows.append([name, str(len(values)), *(f"{value:.2f}" for value in figures)])
    print_table(["beyond the tool's own time", "calls", "p50 ms", "p99 ms", "worst"], rows)


if __name__ == "__main__":
    main()
