"""Which of several upstreams are tried beside the calls, and when."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

from tornado_app.failover.upstreams import Upstream, Upstreams
from tornado_app.logs import get_logger
from tornado_app.protocol.endings import Ending
from tornado_app.upstream.standing import REST_S

LOOK_S = 0.25
"""How often it is looked whose time has come; nothing is dialled for that."""

Try = Callable[[Upstream], Awaitable[Ending | None]]


class Trials:
    """Thread: loop.

    An upstream whose breaker is open is tried here, by a session of its own that costs no tokens,
    and not by a caller, as long as there is another for callers.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        attempt: Try,
        *,
        back: Callable[[str], None],
        out: Callable[[str, Ending], None],
        clock: Callable[[], float],
    ) -> None:
        """*back* and *out* hear of each whose breaker a trial has closed, or opened."""
        self._upstreams = upstreams
        self._try = attempt
        self._back = back
        self._out = out
        self._clock = clock
        self._doubted: set[str] = set()
        self._tried_at: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._log = get_logger()

    def begin(self, *, try_all: bool) -> None:
        """Keep an eye on them.  *try_all*: begin by trying each."""
        self._doubted.update(each.name for each in self._upstreams.listed if try_all)
        self._watch = asyncio.get_running_loop().create_task(self._keep_watch())

    async def stop(self) -> None:
        tasks = [*self._running.values(), *([self._watch] if self._watch else [])]
        self._watch = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def doubt(self, name: str) -> None:
        """It refused a call what others may get, or was slow: a trial decides."""
        self._doubted.add(name)

    async def _keep_watch(self) -> None:
        while True:
            now = self._clock()
            for each in self._upstreams.listed:
                breaker = self._upstreams.breaker(each.name)
                is_rested = now - self._tried_at.get(each.name, -math.inf) >= REST_S
                is_doubted = each.name in self._doubted and breaker.is_closed and is_rested
                if each.name not in self._running and (is_doubted or breaker.is_due(now)):
                    breaker.begin_probe(now)
                    self._tried_at[each.name] = now
                    self._doubted.discard(each.name)
                    self._running[each.name] = asyncio.ensure_future(self._examine(each))
            await asyncio.sleep(LOOK_S)

    async def _examine(self, upstream: Upstream) -> None:
        breaker = self._upstreams.breaker(upstream.name)
        try:
            verdict = await self._try(upstream)
        except Exception:  # noqa: BLE001  the watch goes on
            self._log.exception("trial_failed", upstream=upstream.name)
            breaker.give_up()
        else:
            if verdict is None:
                if breaker.good():
                    self._back(upstream.name)
            elif breaker.bad(verdict, self._clock(), is_probe=True):
                self._out(upstream.name, verdict)
        finally:
            del self._running[upstream.name]
