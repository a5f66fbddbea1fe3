"""What clients that send as much as they can cost everybody else: the loop's own time in a burst.

README.md says what is counted, and how.
"""

import argparse
import asyncio
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import uvloop
from tornado.util import _websocket_mask

from bench.common import print_table
from tornado_app.client_side.read_watch import GatheredReadWatch
from tornado_app.client_side.stream import ClientStream
from tornado_app.protocol.voice_v1.dialect import VOICE_V1

GATHER_S = 0.004
READ_BYTES = 65_536
BUFFER_BYTES = 1 << 20
TURN = json.dumps({"type": "text", "text": "\N{GRINNING FACE}" * 32_768}, ensure_ascii=False)
MESSAGE = TURN.encode()
MASK = b"mask"
TIMEOUT_S = 120.0


class TimedLoop:
    """Notes how long the loop's thread is busy with each burst."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.bursts_ms: list[float] = []
        self.remove_reader = self.loop.remove_reader

    def add_reader(self, descriptor: int, callback: Callable[[], None]) -> None:
        self.loop.add_reader(descriptor, self.timed, callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(delay_s, self.timed, callback)

    def timed(self, callback: Callable[[], None]) -> None:
        begin = time.thread_time()
        callback()
        self.bursts_ms.append((time.thread_time() - begin) * 1e3)


class Greedy:
    """One of them, and what a server does with a message of it until a session has it."""

    def __init__(self, watch: GatheredReadWatch, on_message: Callable[[], None]) -> None:
        near, self.far = socket.socketpair()
        for end in (near, self.far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        near.setblocking(False)
        self.pieces: list[bytes] = []
        self.size = 0
        self.on_message = on_message
        self.stream = ClientStream(near, b"", watch, READ_BYTES)
        self.stream.start(self.receive, lambda: None)
        threading.Thread(target=self.send, daemon=True).start()

    def send(self) -> None:
        """Thread: its own."""
        with suppress(OSError):
            while True:
                self.far.sendall(MESSAGE)

    def receive(self, data: bytes, _until: float) -> bool:
        self.pieces.append(data)
        self.size += len(data)
        while self.size >= len(MESSAGE):
            whole = b"".join(self.pieces)
            # Masked twice is as it was.
            masked = _websocket_mask(MASK, whole[: len(MESSAGE)])
            VOICE_V1.parse(_websocket_mask(MASK, masked).decode())
            self.on_message()
            self.pieces = [whole[len(MESSAGE) :]]
            self.size = len(self.pieces[0])
        return False


async def measure(clients: int, messages: int) -> list[float]:
    loop, counted, enough = TimedLoop(), itertools.count(1), asyncio.Event()

    def count() -> None:
        if next(counted) >= messages:
            enough.set()

    watch = GatheredReadWatch(loop, GATHER_S)
    greedy = [Greedy(watch, count) for _ in range(clients)]
    async with asyncio.timeout(TIMEOUT_S):
        await enough.wait()
    for each in greedy:
        each.stream.close()
        each.far.close()
    watch.close()
    return loop.bursts_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--messages", type=int, default=2000, help="of 128 KB, all together")
    options = parser.parse_args()
    bursts_ms = uvloop.run(measure(options.clients, options.messages))
    row = [f"{each:.2f}" for each in np.percentile(bursts_ms, (50, 90, 99, 100))]
    print_table(["bursts", "CPU ms p50", "p90", "p99", "max"], [[str(len(bursts_ms)), *row]])


if __name__ == "__main__":
    main()
