"""The model is killed under many calls: when each hears of it, and when it goes on.

README.md says what is counted, and how.
"""

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass

import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.common import URL_PATTERN, BenchError, gateway_env, make_token, print_table, running

NAMES = ("Anna", "Peter", "Maria", "Tom", "Lisa", "Paul", "Emma", "Jack", "Nina", "Max")
WAIT_S = 120.0


@dataclass
class Caller:
    """One call, and the moments that count in it."""

    socket: WebSocketClientConnection
    name: str
    told_at: float = 0.0
    back_at: float = 0.0
    is_remembered: bool = False

    async def introduce(self) -> None:
        await self._next("connection_status", status="connected")
        await self._say(f"My name is {self.name}.")
        await self._next("response_done")

    async def survive(self) -> None:
        """From the loss on, to the first answer of the next model."""
        await self._next("connection_status", status="reconnecting")
        self.told_at = time.monotonic()
        await self._next("connection_status", status="connected", context="rebuilt")
        self.back_at = time.monotonic()
        await self._say("What is my name?")
        answer = await self._next("transcript", role="assistant", final=True)
        self.is_remembered = f"Your name is {self.name}." in answer["text"]

    async def _say(self, text: str) -> None:
        await self.socket.write_message(json.dumps({"type": "text", "text": text}))

    async def _next(self, kind: str, **fields: object) -> dict:
        async with asyncio.timeout(WAIT_S):
            while (message := await self.socket.read_message()) is not None:
                said = json.loads(message)
                if said["type"] == kind and fields.items() <= said["data"].items():
                    return said["data"]
        raise ConnectionError(f"closed with {self.socket.close_code} before {kind}")


def model_of(gateway: int) -> psutil.Process:
    """The process of the gateway's own model."""
    children = psutil.Process(gateway).children()
    return next(child for child in children if "local_realtime" in " ".join(child.cmdline()))


async def measure(url: str, token: str, gateway: int, sessions: int) -> list[list[str]]:
    callers = []
    for number in range(sessions):
        request = HTTPRequest(url, headers={"Authorization": f"Bearer {token}"})
        callers.append(Caller(await websocket_connect(request), NAMES[number % len(NAMES)]))
        await callers[-1].introduce()
    surviving = [asyncio.ensure_future(caller.survive()) for caller in callers]
    await asyncio.sleep(0)
    model_of(gateway).kill()
    killed_at = time.monotonic()
    await asyncio.gather(*surviving)
    told_ms = [1000 * (caller.told_at - killed_at) for caller in callers]
    first_told_ms = min(told_ms)
    behind_ms = [each - first_told_ms for each in told_ms]
    first_at = min(caller.back_at for caller in callers)
    back_ms = [1000 * (caller.back_at - first_at) for caller in callers]
    for caller in callers:
        caller.socket.close()
    return [
        ["reconnecting, behind the kill", *_row(told_ms)],
        ["reconnecting, behind the first", *_row(behind_ms)],
        ["connected, behind the first", *_row(back_ms)],
        ["the first connected, behind the kill", "", "", f"{1000 * (first_at - killed_at):.0f}"],
        ["who were remembered", "", "", f"{sum(c.is_remembered for c in callers)} of {sessions}"],
    ]


def _row(values_ms: list[float]) -> list[str]:
    p95 = statistics.quantiles(values_ms, n=20)[-1]
    return [f"{statistics.median(values_ms):.0f}", f"{p95:.0f}", f"{max(values_ms):.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    options = parser.parse_args()
    # A busy machine takes longer to load the next model than calls wait for one.
    waits = {"PARLEY_UPSTREAM_RECONNECT_ATTEMPTS": "100"}
    env = gateway_env(None) | {"PARLEY_MODEL_MODE": "speech"} | waits
    with running("run.py", "--port", "0", env=env) as child:
        found = URL_PATTERN.search(child.read_line(WAIT_S))  # the model has to load its files
        if found is None:
            raise BenchError(child.log_tail())
        url, token = found[0], make_token(env)
        rows = asyncio.run(measure(url, token, child.process.pid, options.sessions))
    print_table(["", "ms, median", "p95", "worst"], rows)


if __name__ == "__main__":
    main()
