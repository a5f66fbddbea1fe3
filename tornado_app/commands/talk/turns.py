"""What the user says, turn by turn: recordings, sentences, and lines as they are typed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from terminal.words import is_text
from tornado_app.commands.talk.failure import Failed
from workers.recordings import Recording

LINES_WAITING = 64
LINE_CHARACTERS = 32_768
"""What one typed turn may have (docs/protocol.md, section 2)."""


@dataclass(frozen=True, slots=True)
class Spoken:
    recording: Recording


@dataclass(frozen=True, slots=True)
class Typed:
    text: str
    is_seen: bool = False
    """Whether it stands on the terminal already, as who typed it sees it."""


Turn = Spoken | Typed


async def given(turns: Iterable[Turn]) -> AsyncIterator[Turn]:
    """Those that are known before the call."""
    for turn in turns:
        yield turn


async def typed_lines(
    prompt: Callable[[], None], end: Callable[[], None], stream: TextIO
) -> AsyncIterator[Turn]:
    """Each line of *stream* that is not empty, as it comes.

    *prompt* is called before each, and *end* when there are no more.  Raises `Failed` over one that
    is no text.

    A thread reads, as a terminal cannot be waited for otherwise.  It is left to itself when the
    talk ends first, and ends with the process.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str | None] = asyncio.Queue(LINES_WAITING)
    room = threading.Semaphore(LINES_WAITING - 1)

    def read() -> None:
        for line in iter(lambda: stream.readline(LINE_CHARACTERS), ""):
            if line.strip():
                room.acquire()
                loop.call_soon_threadsafe(waiting.put_nowait, line.strip())
        loop.call_soon_threadsafe(waiting.put_nowait, None)

    threading.Thread(target=read, name="typed-lines", daemon=True).start()
    prompt()
    while (line := await waiting.get()) is not None:
        room.release()
        if not is_text(line):
            raise Failed(f"A line of standard input is not {stream.encoding.upper()}.")
        yield Typed(line, is_seen=stream.isatty())
        prompt()
    end()
