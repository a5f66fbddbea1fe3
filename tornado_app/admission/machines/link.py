"""One server of Redis or Valkey, asked without ever waiting long."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from redis import asyncio as redis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript

SOCKETS = 8
"""Questions at a time; one takes less than a millisecond, so that more come to the same."""
QUEUE_S = 1.0
"""A question may wait so long until it can be put: some thousand calls that begin at once."""

LATE_TURNS = 10
"""What came while the loop was busy with something else is read, and is no fault of Redis."""
DIALS = 4
"""To dial and to be answered takes some answers."""
LOOKS = 5
"""The wait for an answer is so many waits: while the loop is busy, only one of them is over."""

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
        # Its own defaults try again ten times, which takes ten seconds of a server that hangs.  Its
        # time is longer than ours: it goes by the clock also while the loop is busy.
        most_s = self._most_s = DIALS * timeout_s
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=SOCKETS + 1,
            timeout=most_s,
            protocol=2,
            socket_timeout=most_s,
            socket_connect_timeout=most_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = redis.Redis.from_pool(pool)
        self._queue = asyncio.Semaphore(SOCKETS)
        self._asked: set[asyncio.Task[Any]] = set()
        self._is_closed = False
        self._silence: Cause | None = None
        """Why the last question had no answer; None: it had one."""

    @property
    def is_silent(self) -> bool:
        """The last question had no answer."""
        return self._silence is not None

    async def reach(self) -> None:
        """Have a socket that is open; nobody waits for it, and it may take as long as `DIALS` say.

        A Redis that is as fast as it has to be, and no faster, would never be found to be back by
        questions of which each has to dial first.  Raises `Away`.
        """
        await self._answer(self._ask(self._redis.ping), self._most_s)

    def script(
        self, text: str, *, has_own_socket: bool = False
    ) -> Callable[[Sequence[str], Sequence[int | str]], Any]:
        """Something to await: what *text* returns of keys and arguments.

        It raises `Busy` if it has found no socket, and `Away` if it had one and no answer within
        the link's time, or those had none that were before it.  *has_own_socket*: it waits for
        nobody, nobody waits for it, and it is asked once at a time.
        """
        script: AsyncScript = self._redis.register_script(text)

        async def run(keys: Sequence[str], arguments: Sequence[int | str]) -> Any:
            if not has_own_socket:
                await self._wait_for_socket()
            elif self.is_silent:
                await self.reach()
            asking = self._ask(lambda: script(keys=list(keys), args=list(arguments)))
            if not has_own_socket:
                asking.add_done_callback(lambda _: self._queue.release())
            return await self._answer(asking, self._timeout_s)

        return run

    def _ask(self, question: Callable[[], Any]) -> "asyncio.Task[Any]":
        # A task of its own: the package may take a cancellation for a failure, and go on.
        asking = asyncio.ensure_future(self._put(question))
        self._asked.add(asking)
        asking.add_done_callback(self._asked.discard)
        asking.add_done_callback(self._hear_out)
        return asking

    async def _put(self, question: Callable[[], Any]) -> Any:
        if self._is_closed:
            raise Away("unreachable")
        return await question()

    async def _answer(self, asking: "asyncio.Task[Any]", within_s: float) -> Any:
        """Raises `Away`, if there is none."""
        try:
            return await self._heard(asking, within_s)
        except (OSError, TimeoutError, exceptions.RedisError) as error:
            raise Away(_cause(error)) from None
        finally:
            asking.cancel()

    async def _heard(self, asking: "asyncio.Task[Any]", within_s: float) -> Any:
        for _ in range(LOOKS):
            if not asking.done():
                await asyncio.wait({asking}, timeout=within_s / LOOKS)
        for _ in range(LATE_TURNS):
            if not asking.done():
                await asyncio.sleep(0)
        # One that was cancelled from below would end whoever asks, and with it the look that finds
        # Redis back; who asks is cancelled at the waits above.
        if not asking.done() or asking.cancelled():
            self._silence = "timeout"
            raise TimeoutError
        return asking.result()

    def _hear_out(self, asking: "asyncio.Future[Any]") -> None:
        """Before its socket is another's; nobody else may be left to hear of a failure."""
        if asking.cancelled():
            return
        error = asking.exception()
        cause = _cause(error) if isinstance(error, Exception) else None
        self._silence = cause if cause in {"timeout", "unreachable"} else None

    async def _wait_for_socket(self) -> None:
        if not self._queue.locked():
            await self._queue.acquire()
            return
        try:
            async with asyncio.timeout(QUEUE_S):
                await self._queue.acquire()
        except TimeoutError:
            raise Busy from None
        if self._silence is not None:  # of one that hangs nobody waits for two answers
            self._queue.release()
            raise Away(self._silence)

    async def close(self) -> None:
        """Let go of every socket; nothing is asked any more, and who asks is told `Away`."""
        self._is_closed = True
        # The package closes the sockets that are open: what still dials would open one behind it.
        for _ in range(LOOKS):
            for asking in self._asked:
                asking.cancel()
            if self._asked:
                await asyncio.wait(self._asked, timeout=self._most_s / LOOKS)
        with suppress(OSError, exceptions.RedisError):
            await self._redis.aclose()


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
