"""Many talks, some of them at once, to try a deployment."""

import asyncio
from collections.abc import Awaitable, Callable

from tornado_app.commands.talk.result import Talked


async def many(
    one: Callable[[], Awaitable[Talked]],
    count: int,
    at_once: int,
    progress: Callable[[int, int], None],
) -> list[Talked]:
    """*count* talks, *at_once* of them; *progress* is told how many are done, and have failed.

    Raises:
        Failed: If not even one can begin.
    """
    begun = iter(range(count))
    talks: list[Talked] = []

    async def work() -> None:
        for _ in begun:
            talks.append(await one())
            progress(len(talks), sum(bool(talk.failure) for talk in talks))

    workers = [asyncio.ensure_future(work()) for _ in range(min(at_once, count))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
    return talks
