"""How much memory hostile clients cost, how much of it is given back, and what others notice.

README.md says what each does, and what is counted.
"""

import argparse
import base64
import io
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import soundfile
from websocket import WebSocket, create_connection

from bench.common import ROOT, Child, gateway_env, make_token, print_table, running
from bench.latency import Latencies, Summary, measure, warm_up
from bench.runs import Upstream
from bench.targets import Target

SETTINGS = {
    "PARLEY_SESSION_MODELS": '["absent", "hasty"]',
    # The absent model is not given up while it is looked at.
    "PARLEY_UPSTREAM_READY_TIMEOUT_S": "60",
}
TEXT, BINARY, FINAL = 1, 2, 0x80
MASKED = 0x80
RATE_HZ, CHANNELS = 192_000, 8
FRAME_MS, SPOKEN_MS = 40, 15_000
TURN = "\N{GRINNING FACE}" * 32_768
TURNS = 256
HALF_BYTES = (1 << 20) - 64
"""Of a message that is never whole; 1 MiB is the largest whose beginning is taken."""
SAMPLE_S = 0.05
READ_BYTES = 262_144
CODE = re.compile(rb'"code": ?"(\w+)"')
GIVEN_BACK_S = 10.0
TIMEOUT_S = 20.0
WIDE = f"input_format=float32&input_rate={RATE_HZ}&input_channels={CHANNELS}"


def frame(opcode: int, payload: bytes, *, size: int | None = None) -> bytes:
    """A client's frame, masked with zeros, so that it costs the attacker nothing.

    *size* is what it says of itself, if that is not what it has.
    """
    size = len(payload) if size is None else size
    head = bytes([FINAL | opcode, MASKED | 127]) + struct.pack("!Q", size)
    return head + bytes(4) + payload


def say(kind: str, **fields: str) -> bytes:
    return frame(TEXT, json.dumps({"type": kind, **fields}, ensure_ascii=False).encode())


def wide_file() -> bytes:
    """The longest FLAC file of the most samples: silence is small, and slow to decode."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE_HZ, CHANNELS, "PCM_16", format="FLAC") as file:
        for _ in range(SPOKEN_MS // 1000 - 1):
            file.write(np.zeros((RATE_HZ, CHANNELS), np.int16))
    return say("audio_data", audio=base64.b64encode(buffer.getvalue()).decode(), format="flac")


def files_first() -> list[bytes]:
    """Four files, and behind them all the audio that may wait."""
    audio = frame(BINARY, bytes(FRAME_MS * RATE_HZ // 1000 * CHANNELS * 4))
    return [wide_file()] * 4 + [audio] * (SPOKEN_MS // FRAME_MS)


def turns() -> list[bytes]:
    return [say("text", text=TURN)] * TURNS


def turns_behind_a_commit() -> list[bytes]:
    return [wide_file(), say("commit_audio"), *turns()]


def half_a_message() -> list[bytes]:
    return [frame(TEXT, bytes(HALF_BYTES - 16), size=HALF_BYTES)]


def speech() -> list[bytes]:
    return [frame(BINARY, bytes(48_000))] * 20


@dataclass(frozen=True)
class Attack:
    """What so many connections of one token send at once, each the same."""

    name: str
    query: str
    connections: int
    frames: Callable[[], list[bytes]]
    reads: bool = True


ATTACKS = (
    Attack("files, then wide audio", WIDE, 10, files_first),
    Attack("turns, the model away", "model=absent", 10, turns),
    Attack("turns behind a commit", "", 10, turns_behind_a_commit),
    Attack("half messages", "", 100, half_a_message),
    Attack(
        "wide answers not read",
        "model=hasty&output_format=float32&output_rate=192000",
        10,
        speech,
        False,
    ),
)


def give_way() -> None:
    """Those who attack from elsewhere take none of this computer's cores from the others."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


class Attacker(threading.Thread):
    """One hostile client.  Thread: its own; the constructor and `leave`, the program's."""

    def __init__(self, url: str, token: str, attack: Attack, frames: Sequence[bytes]) -> None:
        super().__init__(daemon=True)
        self.attack = attack
        self.frames = frames
        self.told: set[str] = set()
        little = [] if attack.reads else [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]
        self.socket: WebSocket = create_connection(
            f"{url}?{attack.query}",
            header=[f"Authorization: Bearer {token}"],
            timeout=TIMEOUT_S,
            sockopt=little,
        )

    def run(self) -> None:
        if self.attack.reads:
            threading.Thread(target=self.read, daemon=True).start()
        give_way()
        # Until it is cut, or leaves.
        with suppress(OSError):
            self.socket.sock.settimeout(None)
            for each in self.frames:
                self.socket.sock.sendall(each)

    def read(self) -> None:
        """Keep the codes of the errors, as cheaply as can be.  Thread: its own."""
        give_way()
        with suppress(OSError):
            while data := self.socket.sock.recv(READ_BYTES):
                self.told.update(code.decode() for code in CODE.findall(data))

    def leave(self) -> None:
        with suppress(OSError):
            self.socket.sock.shutdown(socket.SHUT_RDWR)
        self.join(TIMEOUT_S)
        self.socket.shutdown()


class Scale(threading.Thread):
    """Reads how large the gateway and its children are.  Thread: its own."""

    def __init__(self, child: Child) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process(child.process.pid)
        self.peak_mb = 0.0
        self.over = threading.Event()

    def mb(self) -> float:
        size = 0
        for each in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                size += each.memory_info().rss
        return size / 1e6

    def run(self) -> None:
        while not self.over.wait(SAMPLE_S):
            self.peak_mb = max(self.peak_mb, self.mb())

    def stop(self) -> None:
        self.over.set()
        self.join()


@dataclass
class Outcome:
    attack: Attack
    before_mb: float
    peak_mb: float
    after_mb: float
    beside: Latencies
    told: set[str]

    def row(self, alone: Summary) -> list[str]:
        beside = Summary("beside", [self.beside])
        p99 = [f"{one.percentile_ms('uplink_ms', 99):.0f}" for one in (alone, beside)]
        return [
            self.attack.name,
            f"{self.before_mb:.0f}",
            f"{self.peak_mb - self.before_mb:+.0f}",
            f"{self.after_mb - self.before_mb:+.0f}",
            " / ".join(p99),
            str(self.beside.faults),
            ", ".join(sorted(self.told)),
        ]


HEAD = ["", "MB before", "peak", "10 s after", "p99 ms alone / beside", "lost", "told"]


@dataclass(frozen=True)
class Ground:
    """A gateway that is attacked, and who else is there."""

    target: Target
    upstream: Upstream
    url: str
    token: str
    sessions: int
    seconds: float

    def quiet(self) -> Latencies:
        return measure(self.target, self.upstream, self.sessions, self.seconds, 20)

    def suffer(self, attack: Attack) -> Outcome:
        frames = attack.frames()
        scale = Scale(self.target.child)
        before_mb = scale.mb()
        # Before the others, whose connections upstream have to follow each other.
        attackers = [
            Attacker(self.url, self.token, attack, frames) for _ in range(attack.connections)
        ]
        time.sleep(0.5)  # until each has its model
        for one in (scale, *attackers):
            one.start()
        beside = self.quiet()
        scale.stop()
        for attacker in attackers:
            attacker.leave()
        time.sleep(GIVEN_BACK_S)
        told = set[str]().union(*(attacker.told for attacker in attackers))
        return Outcome(attack, before_mb, scale.peak_mb, scale.mb(), beside, told)

    def warm_up(self) -> None:
        """Have the process that decodes files, which stays, and all that is made once."""
        warm_up(self.target, self.upstream)
        attack = Attack("one file", WIDE, 1, lambda: [wide_file()])
        attacker = Attacker(self.url, self.token, attack, attack.frames())
        attacker.start()
        time.sleep(3.0)
        attacker.leave()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20, help="beside the attackers")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--root", type=Path, default=ROOT, help="of the gateway that is attacked")
    parser.add_argument("--only", type=int, nargs="+", default=range(len(ATTACKS)))
    return parser.parse_args()


def attacked(attack: Attack, root: Path, sessions: int, seconds: float) -> list[str]:
    """What one attack does to a gateway of its own."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream", "--stamps")))
        env = gateway_env(upstream.url) | SETTINGS
        child = stack.enter_context(running(os.fspath(root / "run.py"), "--port", "0", env=env))
        url, token = child.read_url(), make_token(env)
        load = [f"{url}?input_rate=48000", "--rate", "48000", "--token", token, "--commit"]
        target = Target("gateway", child, load)
        ground = Ground(target, upstream, url, token, sessions, seconds)
        ground.warm_up()
        alone = Summary("alone", [ground.quiet()])
        return ground.suffer(attack).row(alone)


def main() -> None:
    options = parse_options()
    rows = [
        attacked(ATTACKS[number], options.root, options.sessions, options.seconds)
        for number in options.only
    ]
    print_table(HEAD, rows)


if __name__ == "__main__":
    main()
