"""The upstreams of a process that has more than one: raced for calls, tried beside them."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
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
from tornado_app.settings.schema import Upstream as UpstreamSettings
from tornado_app.upstream.any_link import AnyLink
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.race import Contender, Deliver, Race, RaceRules, Read
from tornado_app.upstream.spares import Spares
from tornado_app.upstream.standing import advice
from tornado_app.upstream.trials import Trials, Try


class Several:
    """Thread: loop."""

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
        """*opened* counts a race; *retire* takes it, and each link of it, at its end; *hear* is
        told what counts.
        """
        self._clock = clock
        self._dial = dial
        self._opened = opened
        self._hear = hear
        self._usual_model = settings.upstream.model
        self._upstreams = Upstreams(listed, _breaker_rules(settings.upstream))
        self._trials = Trials(
            self._upstreams, attempt, back=self._say_back, out=self._say_out, clock=clock
        )
        self._rules = RaceRules(
            loop=asyncio.get_running_loop(),
            mailbox=mailbox,
            clock=clock,
            after_s=settings.upstream.fallback_after_ms / 1000,
            begin_s=settings.upstream.connect_timeout_s,
            retire=retire,
            began=self._began,
            bad=self._lost_race,
            doubt=self._trials.doubt,
            spares=spares,
        )
        self._log = get_logger()

    def begin(self, *, try_all: bool) -> None:
        """Keep an eye on them.  *try_all*: begin by trying each."""
        self._trials.begin(try_all=try_all)

    async def stop(self) -> None:
        await self._trials.stop()

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
            self._trials.doubt(name)

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


def _breaker_rules(settings: UpstreamSettings) -> BreakerRules:
    return BreakerRules(
        settings.breaker_failures,
        settings.breaker_window_s,
        settings.breaker_open_s,
        settings.breaker_open_max_s,
    )
