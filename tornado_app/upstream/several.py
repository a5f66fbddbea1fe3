"""The upstreams of a process that has more than one: raced for calls, tried beside them."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tornado_app.failover.breaker import BreakerRules
from tornado_app.failover.route import Route
from tornado_app.failover.upstreams import Upstream, Upstreams
from tornado_app.logs import get_logger
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.endings import Ending
from tornado_app.session.commands import NoteModel
from tornado_app.session.config import SessionConfig
from tornado_app.settings.schema import Settings
from tornado_app.upstream.any_link import AnyLink
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.race import Contender, Deliver, Race, RaceRules, Read
from tornado_app.upstream.spares import Spares
from tornado_app.upstream.standing import REST_S, advice

LOOK_S = 0.25
"""How often it is looked whose time has come; nothing is dialled for that."""

Try = Callable[[Upstream], Awaitable[Ending | None]]


class Several:
    """Thread: loop.

    An upstream whose breaker is open is tried here, by a session of its own that costs no tokens,
    and not by a caller, as long as there is another for callers.
    """

    def __init__(
        self,
        settings: Settings,
        listed: Sequence[Upstream],
        mailbox: Mailbox,
        *,
        dial: Callable[[SessionConfig, Upstream], Dial],
        opened: Callable[[], None],
        retire: Callable[[AnyLink], None],
        attempt: Try,
        hear: Callable[[str, Mapping[str, Any]], None],
        spares: Spares | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        upstream = settings.upstream
        """*opened* counts a race; *retire* takes it, and each link of it, at its end; *hear* is
        told what counts.
        """
        self._clock = clock
        self._dial = dial
        self._opened = opened
        self._hear = hear
        self._try = attempt
        self._usual_model = upstream.model
        self._upstreams = Upstreams(
            listed,
            BreakerRules(
                upstream.breaker_failures,
                upstream.breaker_window_s,
                upstream.breaker_open_s,
                upstream.breaker_open_max_s,
            ),
        )
        self._doubted: set[str] = set()
        """Those that refused a call what others may get, or were slow: a trial decides."""
        self._rules = RaceRules(
            loop=asyncio.get_running_loop(),
            mailbox=mailbox,
            clock=clock,
            after_s=upstream.fallback_after_ms / 1000,
            begin_s=upstream.connect_timeout_s,
            retire=retire,
            began=self._began,
            bad=self._lost_race,
            doubt=self._doubted.add,
            spares=spares,
        )
        self._tried_at: dict[str, float] = {}
        self._trials: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._log = get_logger()

    def begin(self, *, try_all: bool) -> None:
        """Keep an eye on them.  *try_all*: begin by trying each."""
        self._doubted.update(each.name for each in self._upstreams.listed if try_all)
        self._watch = asyncio.get_running_loop().create_task(self._keep_watch())

    async def stop(self) -> None:
        tasks = [*self._trials.values(), *([self._watch] if self._watch else [])]
        self._watch = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @property
    def rejected(self) -> bool:
        """All of them refuse every call, and will until a person acts."""
        return all(
            self._upstreams.breaker(each.name).is_rejected for each in self._upstreams.listed
        )

    @property
    def names(self) -> list[str]:
        """The operator's own, in order."""
        return [each.name for each in self._upstreams.listed]

    @property
    def out(self) -> dict[str, str]:
        """Those that calls are sent past, by name, and why."""
        breakers = {
            each.name: self._upstreams.breaker(each.name) for each in self._upstreams.listed
        }
        return {name: each.cause for name, each in breakers.items() if not each.is_closed}

    def new_route(self, config: SessionConfig) -> Route:
        """The way of a call that begins."""
        is_usual = config.model_session.model == self._usual_model
        return Route(self._upstreams, asks_the_usual=is_usual)

    def race(
        self,
        route: Route,
        config: SessionConfig,
        read: Read,
        deliver: Deliver,
        *,
        is_fresh: bool,
    ) -> Race:
        """A dial of that call; `Race` says what *deliver* gets.  Its owner retires it.

        *is_fresh*: by links that are dialled now.
        """
        self._opened()
        return Race(
            self._rules,
            route,
            lambda upstream: self._dial(config, upstream),
            config.session_id,
            read=read,
            deliver=deliver,
            is_fresh=is_fresh,
        )

    def note(self, route: Route, note: NoteModel) -> None:
        """What became of a call with the upstream that it had."""
        if note.accepted or note.ending is None:
            self._good(route, note.upstream)
        else:
            self._bad(route, note.upstream, note.ending)

    def _good(self, route: Route, name: str) -> None:
        if route.good(name):
            self._say_back(name)

    def _began(self, route: Route, name: str) -> None:
        if route.began(name):
            self._say_back(name)

    def _lost_race(self, route: Route, one: Contender, ending: Ending) -> None:
        name = one.upstream.name
        self._log.warning("upstream_passed_over", upstream=name, cause=ending.cause)
        self._hear("upstream_passed_over", {"upstream": name})
        self._bad(route, name, ending, is_probe=one.is_probe)

    def _bad(self, route: Route, name: str, ending: Ending, *, is_probe: bool = False) -> None:
        if route.bad(name, ending, self._clock(), is_probe=is_probe):
            self._say_out(name, ending)
        elif ending.code in {"upstream_rejected", "upstream_timeout"}:
            # Of the others a call says soon enough what they are worth; past these it went.
            self._doubted.add(name)

    async def _keep_watch(self) -> None:
        while True:
            now = self._clock()
            for each in self._upstreams.listed:
                breaker = self._upstreams.breaker(each.name)
                is_rested = now - self._tried_at.get(each.name, -math.inf) >= REST_S
                is_doubted = each.name in self._doubted and breaker.is_closed and is_rested
                if each.name not in self._trials and (is_doubted or breaker.is_due(now)):
                    breaker.begin_probe(now)
                    self._tried_at[each.name] = now
                    self._doubted.discard(each.name)
                    self._trials[each.name] = asyncio.ensure_future(self._examine(each))
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
                    self._say_back(upstream.name)
            elif breaker.bad(verdict, self._clock(), is_probe=True):
                self._say_out(upstream.name, verdict)
        finally:
            del self._trials[upstream.name]

    def _say_back(self, name: str) -> None:
        self._log.info("upstream_back", upstream=name)

    def _say_out(self, name: str, ending: Ending) -> None:
        for_s = round(self._upstreams.breaker(name).try_at - self._clock(), 1)
        facts = {"upstream": name, "cause": ending.cause, "for_s": for_s}
        words = advice(ending, name if name != self.names[0] else "")
        if ending.code == "upstream_rejected":
            self._log.error("model_rejects", **facts, advice=words)
        else:
            self._log.warning("upstream_out", **facts, advice=words)
