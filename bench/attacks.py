"""Hostile clients: what each sends, in frames that cost it nothing."""

import base64
import io
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import soundfile
from websocket import WebSocket, create_connection

TEXT, BINARY, PING, FINAL = 1, 2, 9, 0x80
MASKED = 0x80
RATE_HZ, CHANNELS = 192_000, 8
FRAME_MS, SPOKEN_MS = 40, 15_000
TURN = "\N{GRINNING FACE}" * 32_768
TURNS = 256
HALF_BYTES = (1 << 20) - 64
"""Of a message that is never whole; 1 MiB is the largest whose beginning is taken."""
READ_BYTES = 262_144
CODE = re.compile(rb'"code": ?"(\w+)"')
TIMEOUT_S = 20.0
WIDE = f"model=aside&input_format=float32&input_rate={RATE_HZ}&input_channels={CHANNELS}"


def frame(opcode: int, payload: bytes, *, size: int | None = None) -> bytes:
    """A client's frame, masked with zeros, so that it costs the attacker nothing.

    *size* is what it says of itself, if that is not what it has.
    """
    size = len(payload) if size is None else size
    head = bytes([FINAL | opcode, MASKED | 127]) + struct.pack("!Q", size)
    return head + bytes(4) + payload


def frame_of_nothing(opcode: int) -> bytes:
    return bytes([FINAL | opcode, MASKED]) + bytes(4)


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


def pings() -> list[bytes]:
    return [frame_of_nothing(PING) * 40_000] * 4


def nothing() -> list[bytes]:
    return [frame_of_nothing(BINARY) * 40_000] * 4


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
    Attack("turns behind a commit", "model=aside", 10, turns_behind_a_commit),
    Attack("half messages", "model=aside", 100, half_a_message),
    Attack(
        "wide answers not read",
        "model=hasty&output_format=float32&output_rate=192000",
        10,
        speech,
        False,
    ),
    Attack("pings", "model=aside", 100, pings),
    Attack("empty messages", "model=aside", 100, nothing),
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
        sock = self.socket.sock
        with suppress(OSError):
            while data := sock.recv(READ_BYTES):
                self.told.update(code.decode() for code in CODE.findall(data))

    def leave(self) -> None:
        with suppress(OSError):
            self.socket.sock.shutdown(socket.SHUT_RDWR)
        self.join(TIMEOUT_S)
        self.socket.shutdown()
