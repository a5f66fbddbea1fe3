"""What a client that reads nothing and a model that reads nothing cost the sessions beside them.

README.md says what is counted, and how.
"""

import argparse
import base64
import json
import socket
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from websocket import WebSocket, WebSocketException, create_connection

from bench.common import BenchError, print_table, running
from bench.latency import HEAD, Latencies, Summary, measure, warm_up
from bench.runs import Upstream
from bench.targets import MODEL_HZ, Target, start_gateway

SETTINGS = {
    "PARLEY_SESSION_MODELS": '["deaf", "hasty"]',
    # A model that has stopped reading is given up for another one, which would do the same.
    "PARLEY_UPSTREAM_RECONNECT_ATTEMPTS": "0",
    "PARLEY_LOGGING_FORMAT": "json",
}
MUTE, UNHEARD = (20, 20), (500, 30)
"""Length and interval of their chunks in ms.  One speaks as everybody does and has a model that
answers ten times as fast, the other sends fast: either way the buffers between are full in
some seconds, and it costs the others little."""
TIMEOUT_S = 20
CAUSES = {"client_slow_write_timeout", "client_slow_queue_full", "stalled", "outbox_full"}


@dataclass(frozen=True)
class Ending:
    """How one of the two ended, from the gateway's log, and after how long."""

    cause: str
    close_code: int
    duration_s: float

    def __str__(self) -> str:
        return f"{self.close_code} ({self.cause}) after {self.duration_s:.1f} s"


class Rude(threading.Thread):
    """A session that reads nothing, or whose model reads nothing.  Thread: its own."""

    def __init__(self, target: Target, model: str, reads: bool, pace_ms: tuple[int, int]) -> None:
        super().__init__(daemon=True)
        url, token = target.load_arguments[0], option(target, "--token")
        self.reads = reads
        self.pace_ms = pace_ms
        self.told: list[str] = []
        self.socket: WebSocket = create_connection(
            f"{url}&input_rate={MODEL_HZ}&model={model}",
            header=[f"Authorization: Bearer {token}"],
            timeout=TIMEOUT_S,
            sockopt=[] if reads else [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)],
        )
        self.until_connected()

    def until_connected(self) -> None:
        while True:
            message = json.loads(self.socket.recv())
            if message["type"] == "connection_status" and message["data"]["status"] == "connected":
                return

    def run(self) -> None:
        reader = threading.Thread(target=self.read, daemon=True)
        if self.reads:
            reader.start()
        chunk_ms, interval_ms = self.pace_ms
        audio = base64.b64encode(bytes(MODEL_HZ * chunk_ms // 1000 * 2)).decode()
        text = json.dumps({"type": "audio_data", "audio": audio})
        # Until the gateway has cut it, which is what it is here for.
        with suppress(OSError, WebSocketException):
            while True:
                self.socket.send(text)
                time.sleep(interval_ms / 1000)
        if self.reads:
            reader.join(TIMEOUT_S)
        self.socket.shutdown()

    def read(self) -> None:
        """Keep the codes of the errors.  Thread: its own."""
        with suppress(OSError, WebSocketException, ValueError):
            while message := self.socket.recv():
                message = json.loads(message)
                if message["type"] == "error":
                    self.told.append(message["data"]["code"])


def option(target: Target, name: str) -> str:
    return target.load_arguments[target.load_arguments.index(name) + 1]


def endings(target: Target) -> list[Ending]:
    """Of all sessions that the gateway ended for not being read or not being heard."""
    lines = [json.loads(x) for x in target.child.log_text().splitlines() if x.startswith("{")]
    return [
        Ending(line["cause"], line["close_code"], line["duration_s"])
        for line in lines
        if line["event"] == "session_closed" and line["cause"] in CAUSES
    ]


@dataclass
class Comparison:
    """The others' latencies alone and beside the two, and how the two ended."""

    alone: Summary
    beside: Summary
    endings: list[Ending]
    told: set[str]


def compare(sessions: int, seconds: float, rounds: int) -> Comparison:
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream", "--stamps")))
        target = start_gateway(stack, upstream.url, 48_000, SETTINGS)
        found = Comparison(Summary("alone"), Summary("beside the two"), [], set())
        warm_up(target, upstream)
        for _ in range(rounds):
            found.alone.runs.append(measure(target, upstream, sessions, seconds, 20))
            latencies, told = beside_the_two(target, upstream, sessions, seconds)
            found.beside.runs.append(latencies)
            found.told |= told
        found.endings = endings(target)
    if len(found.endings) != 2 * rounds:
        raise BenchError(f"{2 * rounds} sessions should have been ended, not {found.endings}")
    return found


def beside_the_two(
    target: Target, upstream: Upstream, sessions: int, seconds: float
) -> tuple[Latencies, set[str]]:
    # They are connected first, so that the numbers of the others' connections follow each other.
    mute = Rude(target, "hasty", False, MUTE)
    unheard = Rude(target, "deaf", True, UNHEARD)
    for one in (mute, unheard):
        one.start()
    latencies = measure(target, upstream, sessions, seconds, 20)
    for one in (mute, unheard):
        one.join(TIMEOUT_S)
    return latencies, set(unheard.told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    found = compare(options.sessions, options.seconds, options.rounds)
    print_table(HEAD, [found.alone.row(), found.beside.row()])
    print("ended:", ", ".join(map(str, found.endings)))
    print("errors that the client of the deaf model was told:", ", ".join(sorted(found.told)))


if __name__ == "__main__":
    main()
