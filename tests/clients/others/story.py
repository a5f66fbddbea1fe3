"""What a story of a client is told, and how it tells what happened: lines of JSON."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

BYTES_PER_MS = 48
DEADLINE_S = 90
QUESTION = "What is twelve times seven?"
SPELL = "Spell cab."
WEATHER = "What is the weather in Paris?"
LONG = f"Say {'blue and green. ' * 100}"

_call = json.loads(os.environ["PARLEY_CALL"])
BASE_URL: str = _call["base_url"]
KEY: str = _call["key"]
MODEL: str = _call["model"]
SPEECH = Path(_call["speech"]).read_bytes()
QUESTION_ABOUT_PARIS = Path(_call["question"]).read_bytes()
SILENCE = bytes(900 * BYTES_PER_MS)
HOST = BASE_URL.removesuffix("/v1")
WEBSOCKET_URL = f"{BASE_URL.replace('http', 'ws', 1)}/realtime"


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


async def spoken(*parts: bytes) -> AsyncIterator[bytes]:
    """In pieces of 100 ms, somewhat faster than speech."""
    pcm = b"".join(parts)
    for start in range(0, len(pcm), 100 * BYTES_PER_MS):
        yield pcm[start : start + 100 * BYTES_PER_MS]
        await asyncio.sleep(0.02)


def run(stories: dict[str, Callable[[], Awaitable[None]]]) -> None:
    """The story that the command line names."""

    async def told() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await stories[sys.argv[1]]()

    asyncio.run(told())
