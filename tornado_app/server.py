"""Start, drain, stop; reads top to bottom."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

from tornado.httpserver import HTTPServer

from tornado_app import logs
from tornado_app.admin.administration import Administration, Hooks
from tornado_app.admission.call_counts import CallCounts
from tornado_app.admission.counting import Places
from tornado_app.admission.shared_places import SharedPlaces
from tornado_app.app import make_front_door, make_metrics_app, read_web, renew_front_door
from tornado_app.binding import bind_metrics, bind_server, close_all
from tornado_app.client_side.routing import Routing, ticket_prefix
from tornado_app.gateway import Gateway
from tornado_app.health import Health
from tornado_app.heap import new_heap
from tornado_app.logs import get_logger
from tornado_app.reloading import House, Outcome, Reading, read_again, refuse, tell, try_again
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings
from tornado_app.sharing import ASKED, Listening, Share
from tornado_app.upstream.embedded import EmbeddedModel, chat_environment
from tornado_app.upstream.endpoint import Endpoint, configured_endpoint, listed

STOP_TIMEOUT_S = 5.0


class Server:
    """The whole of a running gateway.  Thread: loop."""

    def __init__(
        self, settings: Settings, house: House, reading: Reading, share: Share | None = None
    ) -> None:
        """*reading*: how settings are read again; *share*: what it has of what several processes
        have together.
        """
        self._settings = settings
        self._house = house
        self._reading = reading
        self._reloading = asyncio.Lock()
        self._share = share
        self._counts: CallCounts | None = None
        self._beating: asyncio.Task[None] | None = None
        if share is not None:
            self._counts = CallCounts(share.places, share.index, len(share.outboxes))
        self._embedded: EmbeddedModel | None = None
        self._metrics: HTTPServer | None = None
        self.metrics_port: int | None = None
        """Where it may be scraped; None: nowhere."""
        self._log = get_logger()

    async def start(self) -> None:
        """Return when it listens.

        Raises:
            OSError: If the address cannot be listened on.
            RuntimeError: If the model on this computer does not start.
        """
        settings = self._settings
        sockets, scraped = self._listen()
        try:
            find_model = await self._find_model()
        except BaseException:
            close_all(sockets + scraped)
            raise
        self.model_host = find_model().host
        rules, policy = self._house.rules, self._house.policy
        self.gateway = Gateway(
            settings,
            rules,
            find_model,
            policy,
            self._find_local,
            places=self._places(),
            ticket_prefix=self._ticket_prefix(),
        )
        try:
            await self.gateway.tools.ready()
            await asyncio.get_running_loop().run_in_executor(None, read_web, settings)
        except BaseException:  # it is told to end meanwhile
            close_all(sockets + scraped)
            await self.gateway.stop(STOP_TIMEOUT_S)
            if self._embedded is not None:
                await self._embedded.stop()
            raise
        self._open(sockets, scraped)
        is_watched = self.gateway.models.several is not None
        if settings.upstream.try_at_start and not self.is_embedded and not is_watched:
            self.gateway.models.standing.start()
        heap = new_heap(lambda: self.gateway.memory.held_bytes)
        self._trimming = asyncio.ensure_future(heap.keep()) if heap is not None else None

    def _listen(self) -> tuple[list[socket.socket], list[socket.socket]]:
        """For clients, and for a scraper and operators; nobody is answered yet."""
        sockets = self._bind()
        self.port: int = sockets[0].getsockname()[1]
        try:
            return sockets, self._bind_metrics()
        except BaseException:
            close_all(sockets)
            raise

    def _open(self, sockets: list[socket.socket], scraped: list[socket.socket]) -> None:
        """Answer whoever comes."""
        self.health = Health(self.gateway, asyncio.get_running_loop())
        self.health.start()
        self._http = make_front_door(self.gateway, self.health)
        self._http.add_sockets(sockets)
        if self._share is not None and self._counts is not None:
            share = self._share
            self._http.route(
                Routing(
                    share.index,
                    share.inbox,
                    share.outboxes,
                    self._counts.choose,
                    has_died=self._counts.has_died,
                    header_bytes=self._http.doorstep.header_bytes,
                )
            )
            self._counts.tell(0)
            self._beating = asyncio.ensure_future(self._counts.keep_beating())
        if scraped:
            administration = Administration(self.gateway, self._hooks(), self._parent_key)
            self._metrics = make_metrics_app(
                self.gateway, self.health, self._http, self._embedded, administration
            )
            self._metrics.add_sockets(scraped)

    def listening(self) -> Listening:
        """What is told of it, once it has started."""
        return Listening(self.port, self.is_embedded, self.model_host, self.metrics_port)

    @property
    def is_embedded(self) -> bool:
        """The first model that is dialled is the one on this computer."""
        return configured_endpoint(self._settings) is None

    async def reload(self) -> Outcome:
        """Go by what the operator has written by now, if all of it is right; one at a time."""
        async with self._reloading:
            try:
                outcome = await self._reload()
            except Exception:
                self.gateway.hear("reload_failed", {})
                raise
            self.gateway.hear("reload_refused" if outcome.problems else "reloaded", {})
            return outcome

    async def try_reload(self) -> Outcome:
        """Whether it would be refused, of one of several: all go by it, or none."""
        async with self._reloading:
            post = self.gateway.mailbox.post_threadsafe
            return await try_again(self._settings, self._house, self._reading, post)

    async def _reload(self) -> Outcome:
        post = self.gateway.mailbox.post_threadsafe
        try:
            renewed = await read_again(self._settings, self._house, self._reading, post)
        except InvalidSettings as invalid:
            return refuse(*invalid.problems)
        house, settings, tools = renewed.house, renewed.settings, renewed.tools
        logging = self._settings.logging
        await asyncio.get_running_loop().run_in_executor(None, read_web, settings)
        try:
            retiring = self.gateway.go_by(settings, house.rules, house.policy, tools)
        except (OSError, ValueError) as error:  # a file that was good a moment ago
            if tools is not None:
                await tools.stop()
            return refuse(str(error))
        self.gateway.records.usage.go_by(house.prices)
        self._settings, self._house = settings, house
        renew_front_door(self._http, self.gateway, self.health)
        if renewed.settings.logging != logging:
            logs.configure(settings.logging.level, settings.logging.format)
        outcome = tell(renewed)
        await retiring
        return outcome

    async def drain(self) -> None:
        """Let clients go elsewhere: readiness first, then word to each, then the deadline."""
        server = self._settings.server
        self.health.leaving = True
        if self._counts is not None:
            self._counts.leave()
        self._log.info("draining", connections=len(self.gateway.connections))
        if self.gateway.connections:
            await asyncio.sleep(min(server.drain_notice_s, server.drain_s))
        left_s = max(0.0, server.drain_s - server.drain_notice_s)
        self.gateway.drain(left_s)
        # Sessions end themselves at the deadline; this is only in case one does not.
        await self.gateway.clients_gone(left_s + 1.0)

    async def stop(self) -> None:
        """End everything that is left, and every thread and process."""
        self._http.stop()
        if self._beating is not None:
            self._beating.cancel()
        if self._trimming is not None:
            self._trimming.cancel()
        if self._metrics is not None:
            self._metrics.stop()
        await self.gateway.models.standing.stop()
        clean = await self.gateway.stop(STOP_TIMEOUT_S)
        await self._http.close_all_connections()
        if self._metrics is not None:
            await self._metrics.close_all_connections()
        self.health.stop()
        if self._embedded is not None:
            await self._embedded.stop()
        self._log.info("stopped", clean=clean)

    def _bind(self) -> list[socket.socket]:
        server, share = self._settings.server, self._share
        if share is None:
            return bind_server(server.port, server.host)
        return bind_server(share.port, server.host, reuse_port=True)

    def _ticket_prefix(self) -> str:
        return "" if self._share is None else ticket_prefix(self._share.index)

    def _places(self) -> Places | None:
        """Those that are counted with the other processes."""
        if self._share is None or self._counts is None:
            return None
        later = asyncio.get_running_loop().call_later
        return SharedPlaces(self._share.places, later, self._counts.tell)

    def _hooks(self) -> Hooks:
        """What the administration has done to all processes."""
        process = os.getpid() if self._share is None else os.getppid()

        async def reload_all() -> None:
            os.kill(process, signal.SIGHUP)

        return Hooks(
            drain=partial(os.kill, process, ASKED),
            reload=self.reload if self._share is None else reload_all,
            reload_here=self.reload,
            try_here=self.try_reload,
            calls_elsewhere=self._counts.elsewhere if self._counts is not None else lambda: 0,
        )

    @property
    def _parent_key(self) -> str:
        return "" if self._share is None else self._share.parent_key

    def _bind_metrics(self) -> list[socket.socket]:
        """Where a scraper is answered, and operators: nowhere, if that is switched off; one of
        several behind the port of the page that they have together.
        """
        metrics = self._settings.metrics
        if not metrics.enabled:
            return []
        sockets = bind_metrics(metrics, 0 if self._share is None else 1 + self._share.index)
        self.metrics_port = sockets[0].getsockname()[1]
        return sockets

    async def _find_model(self) -> Callable[[], Endpoint]:
        """Where the first upstream is; the model on this computer is started, if it is any."""
        if None in listed(self._settings).values() and self._share is None:
            model = self._settings.model
            environment = chat_environment(model)
            embedded = EmbeddedModel(model.mode, model.pace, model.fault, environment)
            await embedded.start()
            self._embedded = embedded
        endpoint = configured_endpoint(self._settings)
        return self._find_local if endpoint is None else self._find_configured

    def _find_configured(self) -> Endpoint:
        endpoint = configured_endpoint(self._settings)
        if endpoint is None:
            raise LookupError("no model is configured")
        return endpoint

    def _find_local(self) -> Endpoint:
        if self._share is not None and self._share.model is not None:
            return self._share.model.endpoint
        if self._embedded is None:
            raise LookupError("no local model was started")
        return self._embedded.endpoint
