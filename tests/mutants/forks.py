"""Work in a copy of this process, which may change it, hang it or kill it."""

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

Say = Callable[[bytes], NoReturn]
"""Ends the copy with an answer."""


def in_a_fork(work: Callable[[Say], None], timeout_s: float | None) -> bytes:
    """What a copy says; nothing if it was killed, or said nothing in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(reading)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)

        def say(answer: bytes) -> NoReturn:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(answer)
            os._exit(0)

        try:
            work(say)
        finally:
            os._exit(1)
    os.close(writing)
    try:
        return read_all(reading, timeout_s)
    finally:
        # With all that it has started: once its answer is there, nothing of it is wanted.
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def read_all(reading: int, timeout_s: float | None) -> bytes:
    """Until its end, or until nothing has come for so long."""
    said = bytearray()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], timeout_s)[0] and (piece := pipe.read(1 << 20)):
            said += piece
    return bytes(said)
