"""One server of Redis or Valkey, asked without ever waiting long."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

from redis import asyncio as redis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript

SOCKETS = 8
"""Questions at a time; one takes less than a millisecond, so that more come to the same."""
QUEUE_PART = 0.5
"""So much of its time may a question wait until it can be put: the rest is for the answer."""

LATE_TURNS = 10
"""What came while the loop was busy with something else is read, and is no fault of Redis."""

Cause = Literal["timeout", "unreachable", "read_only", "refused", "error", "busy"]


class Away(Exception):
    """It has not answered, or not as it should; *cause* says how."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


class Busy(Away):
    """It was not asked, as others asked so much: that says nothing of it."""

    def __init__(self) -> None:
        super().__init__("busy")


class Link:
    """Sockets to one server, which come again by themselves.  Thread: loop."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Nobody is dialled yet.

        Raises:
            ValueError: If *url* is no address of Redis.
        """
        self._timeout_s = timeout_s
        # Its own defaults try again ten times, which takes ten seconds of a server that hangs.
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=SOCKETS + 1,
            timeout=timeout_s,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = redis.Redis.from_pool(pool)
        self._queue = asyncio.Semaphore(SOCKETS)

    def script(
        self, text: str, *, has_own_socket: bool = False
    ) -> Callable[[Sequence[str], Sequence[int | str]], Any]:
        """Something to await: what *text* returns of keys and arguments.

        It raises `Away` if that had a socket and no answer, and `Busy` if it had no socket; it
        waits no longer than the link's time.  *has_own_socket*: it waits for nobody, and is asked
        once at a time.
        """
        script: AsyncScript = self._redis.register_script(text)

        async def run(keys: Sequence[str], arguments: Sequence[int | str]) -> Any:
            left_s = self._timeout_s if has_own_socket else await self._wait_for_socket()
            asking = asyncio.ensure_future(script(keys=list(keys), args=list(arguments)))
            if not has_own_socket:
                asking.add_done_callback(lambda _: self._queue.release())
            asking.add_done_callback(_hear_out)
            try:
                # A task of its own: the package may take a cancellation for a failure, and go on.
                await asyncio.wait({asking}, timeout=left_s)
                for _ in range(LATE_TURNS):
                    if not asking.done():
                        await asyncio.sleep(0)
                if not asking.done():
                    raise Away("timeout")
                return asking.result()
            except (OSError, TimeoutError, exceptions.RedisError) as error:
                raise Away(_cause(error)) from None
            finally:
                asking.cancel()

        return run

    async def _wait_for_socket(self) -> float:
        """Returns how long its owner may wait for an answer."""
        if not self._queue.locked():
            await self._queue.acquire()
            return self._timeout_s
        loop = asyncio.get_running_loop()
        since = loop.time()
        try:
            async with asyncio.timeout(self._timeout_s * QUEUE_PART):
                await self._queue.acquire()
        except TimeoutError:
            raise Busy from None
        return self._timeout_s - min(loop.time() - since, self._timeout_s * QUEUE_PART)

    async def close(self) -> None:
        """Let go of every socket."""
        await self._redis.aclose()


def _hear_out(asking: "asyncio.Future[Any]") -> None:
    """Nobody may be left to hear of a failure."""
    if not asking.cancelled():
        asking.exception()


def _cause(error: Exception) -> Cause:
    match error:
        case TimeoutError() | exceptions.TimeoutError():
            return "timeout"
        case exceptions.ReadOnlyError():  # the one before is the leader no more
            return "read_only"
        case exceptions.AuthenticationError() | exceptions.NoPermissionError():
            return "refused"
        case OSError() | exceptions.ConnectionError():
            return "unreachable"
    return "error"
