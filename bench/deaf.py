"""Whether a call falls silent when the model delivers all at once: every turn has to be answered.

README.md says what is counted, and how.  Exits with 1 if a turn was not answered, or not whole.
"""

import argparse
import asyncio
import base64
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.common import print_table
from bench.targets import start_gateway

KIB = 1 << 10
MODEL_HZ = 24_000
BYTES_PER_MS = MODEL_HZ * 2 // 1000
MINUTE = "60 s in ordinary deltas"
DELTAS_BYTES: dict[str, tuple[int, ...]] = {
    MINUTE: (16_000,) * 240,
    **{f"one delta of {size} KiB": (size * KIB,) for size in (100, 530, 700, 1000)},
    **{f"one delta of {size} MiB": (size * KIB * KIB,) for size in (2, 4, 8)},
}
"""What the model answers, by name: the sizes of its deltas, as base64."""
TURN_TIMEOUT_S = 20.0
SETTINGS = {"PARLEY_LIMITS_CONNECTIONS": "1000", "PARLEY_LOGGING_FORMAT": "json"}


def answer(number: int, sizes: tuple[int, ...]) -> Iterator[str]:
    """The events of one answer."""
    of_item = {"response_id": f"resp_{number}", "item_id": f"item_{number}"}
    done = {"id": f"resp_{number}", "status": "completed"}
    yield json.dumps({"type": "response.created", "response": {"id": f"resp_{number}"}})
    for size in sizes:
        audio = base64.b64encode(bytes(size // 8 * 6)).decode()
        yield json.dumps({"type": "response.output_audio.delta", **of_item, "delta": audio})
    yield json.dumps({"type": "response.output_audio.done", **of_item})
    yield json.dumps({"type": "response.done", "response": done})


async def model(socket: ServerConnection) -> None:
    """A Realtime server that says at once what the typed turn names."""
    numbers = itertools.count(1)
    wanted: tuple[int, ...] = ()
    await socket.send(json.dumps({"type": "session.created", "session": {"id": "sess_1"}}))
    async for text in socket:
        event = json.loads(text)
        match event["type"]:
            case "session.update":
                answered = {"type": "session.updated", "session": event["session"]}
                await socket.send(json.dumps(answered))
            case "conversation.item.create":
                wanted = DELTAS_BYTES[event["item"]["content"][0]["text"]]
            case "response.create":
                for said in answer(next(numbers), wanted):
                    await socket.send(said)


@dataclass
class Tally:
    """What became of the turns of one kind."""

    asked: int = 0
    unanswered: int = 0
    incomplete: int = 0
    ms: list[float] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        median_ms = f"{statistics.median(self.ms):.0f}" if self.ms else "-"
        longest_ms = f"{max(self.ms):.0f}" if self.ms else "-"
        counts = (self.asked, self.unanswered, self.incomplete)
        return [name, *map(str, counts), median_ms, longest_ms]


async def hear(socket: ClientConnection) -> float:
    """Hear an answer to its end; how much of it was heard, in milliseconds."""
    heard_ms = 0.0
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == "audio":
            heard_ms += message["data"]["duration_ms"]
        elif message["type"] == "response_done":
            return heard_ms


async def call(url: str, token: str, turns: list[str], tallies: dict[str, Tally]) -> None:
    """One call with these turns; one that ends early leaves the rest unanswered."""
    headers = {"Authorization": f"Bearer {token}"}
    left = list(turns)
    try:
        async with connect(url, additional_headers=headers, max_size=None) as socket:
            while json.loads(await socket.recv())["data"].get("status") != "connected":
                pass
            while left:
                begun = time.monotonic()
                tallies[left[0]].asked += 1
                await socket.send(json.dumps({"type": "text", "text": left[0]}))
                async with asyncio.timeout(TURN_TIMEOUT_S):
                    heard_ms = await hear(socket)
                tally = tallies[left.pop(0)]
                tally.ms.append((time.monotonic() - begun) * 1000)
                sizes = DELTAS_BYTES[turns[len(turns) - len(left) - 1]]
                wanted_ms = sum(size // 8 * 6 for size in sizes) / BYTES_PER_MS
                tally.incomplete += abs(heard_ms - wanted_ms) > 0.1 * len(sizes)
    except (ConnectionClosed, TimeoutError) as error:
        tallies[left[0]].unanswered += 1
        print(f"{left[0]}: {type(error).__name__} {error}", file=sys.stderr)


async def run(calls: int, at_once: int, names: list[str]) -> dict[str, Tally]:
    """Make *calls* calls; each begins with another kind of answer, and asks each kind twice."""
    tallies = {name: Tally() for name in names}
    places = asyncio.Semaphore(at_once)
    with ExitStack() as stack:
        async with serve(model, "127.0.0.1", 0, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            upstream = f"ws://127.0.0.1:{port}/v1/realtime"
            target = start_gateway(stack, upstream, MODEL_HZ, SETTINGS)
            url, token = target.load_arguments[0], target.load_arguments[4]

            async def one(number: int) -> None:
                async with places:
                    first = number % len(names)
                    turns = [name for name in names[first:] + names[:first] for _ in range(2)]
                    await call(url, token, turns, tallies)

            await asyncio.gather(*(one(number) for number in range(calls)))
            stuck = target.child.log_text().count("link_stuck")
    print(f"faults of reading on in the gateway's log: {stuck}")
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=list(DELTAS_BYTES), choices=DELTAS_BYTES)
    options = parser.parse_args()
    begun = time.monotonic()
    tallies = asyncio.run(run(options.calls, options.at_once, options.only))
    head = ["answer", "turns", "unanswered", "not whole", "median ms", "longest ms"]
    print_table(head, [tally.row(name) for name, tally in tallies.items()], str.ljust)
    print(f"{options.calls} calls in {time.monotonic() - begun:.0f} s")
    sys.exit(any(tally.unanswered or tally.incomplete for tally in tallies.values()))


if __name__ == "__main__":
    main()
