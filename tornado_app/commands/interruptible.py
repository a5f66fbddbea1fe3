"""A command that cleans up when a signal ends it."""

import asyncio
import signal
from collections.abc import Coroutine
from functools import partial
from typing import Any

from terminal.signals import ENDING, sentence
from terminal.words import complain


async def until_told(work: Coroutine[Any, Any, int]) -> int:
    """The exit code of *work*, which is cancelled when a signal comes: 128 and its number then."""
    told: list[int] = []
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def stop(number: int) -> None:
        told.append(number)
        task.cancel()

    for number in ENDING:
        loop.add_signal_handler(number, partial(stop, number))
    try:
        return await task
    except asyncio.CancelledError:
        by = told[0] if told else int(signal.SIGINT)
        complain(sentence(by))
        return 128 + by
