"""The models of all calls: where they are, which of them will have us, and links until they end."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.house_terms import first_session
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.session.config import SessionConfig
from tornado_app.settings.schema import Settings
from tornado_app.upstream import endpoint
from tornado_app.upstream.any_link import AnyLink
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.several import Several
from tornado_app.upstream.spares import Spares
from tornado_app.upstream.standing import Standing
from tornado_app.upstream.trial import Trial

LINK_JOIN_S = 5.0


class Models:
    """Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        links: Mailbox,
        trials: Mailbox,
        *,
        find_first: Callable[[], endpoint.Endpoint],
        find_local: Callable[[], endpoint.Endpoint],
        server_tools: Callable[[], Sequence[Function | HandedServer]],
        hear: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        """*links* brings what models of calls say, *trials* what others do.  *find_first*: where
        the first upstream is; *find_local*: the model on this computer; *server_tools*: what a
        model is told of that has all of them; *hear* is told what counts.
        """
        self.settings = settings
        """As the operator has them now."""
        self._find_first = find_first
        self._find_local = find_local
        self._server_tools = server_tools
        self._trials = trials
        self._loop = asyncio.get_running_loop()
        self._reaper = ThreadPoolExecutor(1, thread_name_prefix="reaper")
        self._ended: list[AnyLink] = []
        """Links of which nobody has joined the thread yet."""
        self.links_open = 0
        """Links that have not ended."""
        self.links_gone = asyncio.Event()
        """Set while there is none."""
        self.links_gone.set()
        self.spares = self._spares(links)
        """Links that are open before a call needs one, if there are any."""
        self.several = self._several(links, hear)
        """The upstreams, if there are more than one."""
        self.standing = Standing(self._try, settings.upstream.model)

    @property
    def is_rejected(self) -> bool:
        """No model takes any call, and none will until a person acts."""
        return self.standing.rejected if self.several is None else self.several.rejected

    def on_call(self, accepted: bool) -> None:
        """A model took a session, or refused it for good."""
        self.standing.on_call(accepted=accepted)

    def new_trial(self, upstream: Upstream = PLAIN) -> Trial:
        """A dial that asks the model for what a call would, and has not begun."""
        wanted = upstream.asked(first_session(self.settings))
        dial = endpoint.trial_dial(self.settings, self._place_of(upstream), wanted.model)
        return Trial(dial, wanted, self._trials, self._server_tools())

    def dial(self, config: SessionConfig, upstream: Upstream = PLAIN) -> Dial:
        """Where that call's model is; a link to it counts from now on, until it is retired."""
        dial = endpoint.dial(self.settings, self._place_of(upstream), config, upstream)
        self._count_link()
        return dial

    def retire(self, link: AnyLink) -> None:
        """It has ended: its thread is joined off the loop."""
        self._uncount_link()
        if not self._ended:
            # When all that ended together are heard: to wake a thread takes the loop's turn away,
            # and first their clients are told.
            self._loop.call_soon(self._reap)
        self._ended.append(link)

    async def stop(self) -> None:
        """Nothing is tried or opened any more; links of calls end with those."""
        if self.spares is not None:
            await self.spares.stop()
        if self.several is not None:
            await self.several.stop()

    async def join(self) -> None:
        """Wait for the threads of all links that have ended."""
        self._reap()
        await self._loop.run_in_executor(None, partial(self._reaper.shutdown, wait=True))

    def _reap(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            with contextlib.suppress(RuntimeError):  # after `join`: it waited for all there were
                self._reaper.submit(_join_all, ended)

    async def _try(self, upstream: Upstream = PLAIN) -> Ending | None:
        return await self.new_trial(upstream).run(self.settings.upstream.ready_timeout_s)

    def _spares(self, links: Mailbox) -> Spares | None:
        upstream = self.settings.upstream
        if not upstream.spare_links:
            return None
        spares = Spares(
            upstream.spare_links,
            upstream.spare_link_s,
            links,
            dial=lambda: endpoint.spare_dial(self.settings, self._find_first()),
            opened=self._count_link,
            taken=self._uncount_link,
            retire=self.retire,
            jitter=random.SystemRandom().random,
        )
        spares.begin()
        return spares

    def _several(
        self, links: Mailbox, hear: Callable[[str, Mapping[str, Any]], None]
    ) -> Several | None:
        settings = self.settings
        if not settings.upstream.fallbacks:
            return None
        several = Several(
            settings,
            endpoint.upstreams(settings),
            links,
            dial=self.dial,
            opened=self._count_link,
            retire=self.retire,
            attempt=self._try,
            hear=hear,
            spares=self.spares,
        )
        several.begin(try_all=settings.upstream.try_at_start)
        return several

    def _place_of(self, upstream: Upstream) -> endpoint.Endpoint:
        if upstream.name in {"", self.settings.upstream.name}:
            return self._find_first()
        found = endpoint.listed(self.settings)[upstream.name]
        return self._find_local() if found is None else found

    def _count_link(self) -> None:
        self.links_open += 1
        self.links_gone.clear()

    def _uncount_link(self) -> None:
        self.links_open -= 1
        if not self.links_open:
            self.links_gone.set()


def _join_all(links: Sequence[AnyLink]) -> None:
    for link in links:
        link.join(LINK_JOIN_S)
