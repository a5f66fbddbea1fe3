"""Three upstreams of which two are down: how long a call waits for its first answer, and when it is
back at the first.

README.md says what is counted, and how.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.common import gateway_env, make_token, running
from tests.fakes.upstream import (
    FakeConnection,
    FakeUpstream,
    Handshake,
    Script,
    realtime,
    syn_hole,
    unused_port,
)

NAMES = "abc"
WAIT_S = 120.0


async def begins_nothing(_: FakeConnection) -> None:
    """It takes the connection, and there is no session."""


async def drops(peer: FakeConnection) -> None:
    """It begins a session, and is gone."""
    await realtime(peer)
    peer.drop(rst=True)


@dataclass(frozen=True)
class Way:
    """How an upstream is down; `heals` by taking connections and answering."""

    name: str
    handshake: Handshake = "accept"
    script: Script = realtime
    place: Callable[[AsyncExitStack], int] | None = None
    """Where nobody answers; None: somebody takes the connection, and this is what comes of it."""


WAYS = (
    Way("refuses connections", place=lambda _: unused_port()),
    Way("takes them and says nothing", handshake="silent"),
    Way("401", handshake=401),
    Way("begins no session", script=begins_nothing),
    Way("500", handshake=500),
    Way("drops behind session.created", script=drops),
    Way("packets vanish", place=lambda stack: stack.enter_context(syn_hole())),
)


def answering(name: str, way: Way) -> FakeUpstream:
    """It answers what is typed by its own name, when it is well."""
    upstream = FakeUpstream(way.script, handshake=way.handshake)
    ids = {"response_id": "r", "item_id": "i"}
    upstream.answers["response.create"] = lambda _: [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {"type": "response.output_audio_transcript.done", **ids, "transcript": name},
        {"type": "response.done", "response": {"id": "r", "status": "completed"}},
    ]
    return upstream


@dataclass
class Caller:
    socket: WebSocketClientConnection
    dialled_at: float
    statuses: list[str] = field(default_factory=list)

    async def answer(self) -> str:
        """Who answers a typed turn."""
        await self.socket.write_message(json.dumps({"type": "text", "text": "Who are you?"}))
        return (await self.next("transcript", role="assistant", final=True))["text"]

    async def next(self, kind: str, **fields: object) -> dict:
        async with asyncio.timeout(WAIT_S):
            while (message := await self.socket.read_message()) is not None:
                said = json.loads(message)
                if said["type"] == "connection_status":
                    self.statuses.append(said["data"]["status"])
                if said["type"] == kind and fields.items() <= said["data"].items():
                    return said["data"]
        raise ConnectionError(f"closed with {self.socket.close_code} before {kind}")


@dataclass
class Row:
    """A gateway as it comes, and the upstreams that it is given."""

    url: str
    token: str
    upstreams: list[FakeUpstream | None]

    async def dial(self) -> Caller:
        dialled_at = time.monotonic()
        request = HTTPRequest(self.url, headers={"Authorization": f"Bearer {self.token}"})
        return Caller(await websocket_connect(request), dialled_at)


@asynccontextmanager
async def standing(first: Way, second: Way) -> AsyncIterator[Row]:
    async with AsyncExitStack() as stack:
        urls, upstreams = [], list[FakeUpstream | None]()
        for name, way in zip(NAMES, (first, second, Way("well")), strict=True):
            if way.place is not None:
                upstreams.append(None)
                urls.append(f"ws://127.0.0.1:{way.place(stack)}/v1/realtime")
            else:
                upstream = await stack.enter_async_context(answering(name, way))
                upstreams.append(upstream)
                urls.append(upstream.url)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = await asyncio.to_thread(write_config, Path(folder), urls)
        env = gateway_env(None)
        arguments = ("run.py", "serve", "--config", str(config), "--port", "0")
        child = stack.enter_context(running(*arguments, env=env))
        url = await asyncio.to_thread(child.read_url)
        yield Row(url, await asyncio.to_thread(make_token, env), upstreams)


def write_config(folder: Path, urls: list[str]) -> Path:
    first, *others = urls
    lines = ["[upstream]", 'name = "a"', f'url = "{first}"', 'api_key = "bench"']
    for name, url in zip(NAMES[1:], others, strict=True):
        lines += ["[[upstream.fallbacks]]", f'name = "{name}"', f'url = "{url}"', 'api_key = "k"']
    path = folder / "upstreams.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


async def passed_over(first: Way, second: Way, calls: int) -> list[float]:
    """Until the first answer, of so many calls one after another; in ms."""
    async with standing(first, second) as row:
        waits_ms = []
        for _ in range(calls):
            caller = await row.dial()
            if (who := await caller.answer()) != "c":
                raise AssertionError(f"answered by {who}")
            waits_ms.append(1000 * (time.monotonic() - caller.dialled_at))
            caller.socket.close()
        return waits_ms


async def gone_back(first: Way, second: Way) -> tuple[float, float]:
    """From the moment that the first is well to the call's being there, and to a new call's; s."""
    async with standing(first, second) as row:
        caller = await row.dial()
        await caller.answer()
        caller.statuses.clear()  # one that breaks off behind its session has cost it one
        upstream = row.upstreams[0]
        if upstream is None:
            raise AssertionError("nobody is there to get well")
        upstream.handshake, upstream.script = "accept", realtime
        well_at = time.monotonic()
        await caller.next("connection_status", status="connected", reason="upstream_back")
        back_s = time.monotonic() - well_at
        if (who := await caller.answer()) != "a" or "reconnecting" in caller.statuses:
            raise AssertionError(f"answered by {who}, told {caller.statuses}")
        other = await row.dial()
        if (who := await other.answer()) != "a":
            raise AssertionError(f"the next call was answered by {who}")
        return back_s, 1000 * (time.monotonic() - other.dialled_at)


async def measure(rounds: int) -> None:
    print("first, second: ms until the first answer of a gateway's first call, of three behind it")
    for at, first in enumerate(WAYS):
        second = WAYS[(at + 1) % len(WAYS)]
        waits_ms = [await passed_over(first, second, 4) for _ in range(rounds)]
        firsts, *others = zip(*waits_ms, strict=True)
        told(first, second, spread(firsts), spread(sum(others, ())))
    print("first, second: s until a call is back at the first, ms of a new call there")
    for first, second in ((WAYS[4], WAYS[1]), (WAYS[1], WAYS[0]), (WAYS[2], WAYS[5])):
        found = [await gone_back(first, second) for _ in range(rounds)]
        back_s, next_ms = zip(*found, strict=True)
        told(first, second, spread(back_s, ".1f"), spread(next_ms))


def told(first: Way, second: Way, *figures: str) -> None:
    """At once: all rounds of all rows take some minutes."""
    print(f"{first.name}, {second.name}: {'; '.join(figures)}", flush=True)


def spread(values: tuple[float, ...], form: str = ".0f") -> str:
    """Median, and the most."""
    return f"{statistics.median(values):{form}} (at most {max(values):{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="each with gateways of its own")
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
