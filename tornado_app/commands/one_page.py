"""One page of metrics for several processes: the parent asks each, and adds up."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer

from terminal.addresses import in_url, reachable
from tornado_app.binding import bind_metrics
from tornado_app.commands.one_answer import answer_of
from tornado_app.handlers.metrics import Route, make_metrics_server
from tornado_app.metrics import definitions as d
from tornado_app.metrics.kinds import Metric
from tornado_app.metrics.page import PageOfFamilies, families_of
from tornado_app.metrics.tally import Series, Tally
from tornado_app.metrics.together import Parsed, Together, parse
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.settings.schema import Metrics

ASK_S = 2.0
"""How long a process has to answer: a scraper waits ten seconds, by default, for all of them."""
EACH_S = 5.0
"""What a process that dies has counted since it was asked last is lost."""
PAGE_BYTES = 16 << 20


class LocalModel(Protocol):
    """The model that all have together."""

    deaths: int

    @property
    def is_up(self) -> bool: ...


class OnePage:
    """Thread: loop."""

    def __init__(
        self,
        settings: Metrics,
        count: int,
        model: Callable[[], LocalModel | None],
        others: Sequence[Route] = (),
    ) -> None:
        """*others* are answered beside the page."""
        self._settings = settings
        self._host = reachable(settings.host)
        self._count = count
        self._model = model
        self._others = others
        self._together = Together()
        self._ports: dict[int, int] = {}
        self._answering: set[int] = set()
        self._tally = Tally()
        self._asking = asyncio.Lock()
        self._server: HTTPServer | None = None
        self._client: AsyncHTTPClient | None = None
        self._task: asyncio.Future[None] | None = None
        self.port: int | None = None
        """Where it may be scraped; None: nowhere."""

    def start(self) -> None:
        """Listen, if metrics are wanted.

        Raises:
            OSError: If the address cannot be listened on.
        """
        if not self._settings.enabled:
            return
        sockets = bind_metrics(self._settings)
        self.port = sockets[0].getsockname()[1]
        self._client = AsyncHTTPClient(
            force_instance=True, max_clients=self._count, max_body_size=PAGE_BYTES
        )
        self._server = make_metrics_server(self.look, VOICE_V1, self._others)
        self._server.add_sockets(sockets)
        self._task = asyncio.ensure_future(self._ask_again())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
        if self._client is not None:
            self._client.close()

    @property
    def ports(self) -> Mapping[int, int]:
        """Of the processes that listen, by their number."""
        return self._ports

    def listens(self, process: int, port: int | None) -> None:
        """That process has a page now, at *port* of loopback."""
        if port is not None:
            self._ports[process] = port

    def left(self, process: int, *, is_missed: bool) -> None:
        """It has ended; *is_missed*: nobody had told it to."""
        self._ports.pop(process, None)
        self._answering.discard(process)
        self._together.died(process)
        if is_missed:
            self._tally.add(d.PROCESS_DEATHS)

    async def look(self) -> PageOfFamilies:
        """What all have counted until now."""
        await self._ask_all()
        families = self._together.families(self._answering)
        metrics, readings = self._own()
        own = families_of(metrics, self._tally, readings)
        names = {family.name for family in own}
        return PageOfFamilies([*(f for f in families if f.name not in names), *own])

    def _own(self) -> tuple[list[Metric], dict[Metric, dict[Series, float]]]:
        """What the parent knows itself."""
        readings: dict[Metric, dict[Series, float]] = defaultdict(dict)
        metrics = [*d.OF_SEVERAL]
        readings[d.PROCESSES][()] = self._count
        for process in range(self._count):
            readings[d.PROCESS_ANSWERS][(str(process),)] = process in self._answering
        if (model := self._model()) is not None:
            metrics += [d.LOCAL_MODEL_UP, d.LOCAL_MODEL_DEATHS]
            readings[d.LOCAL_MODEL_UP][()] = model.is_up
            readings[d.LOCAL_MODEL_DEATHS][()] = model.deaths
        return metrics, readings

    async def _ask_again(self) -> None:
        while True:
            await asyncio.sleep(EACH_S)
            await self._ask_all()

    async def _ask_all(self) -> None:
        """One after the other, so that no older page follows a newer one."""
        async with self._asking:
            await asyncio.gather(*(self._ask(*each) for each in tuple(self._ports.items())))

    async def _ask(self, process: int, port: int) -> None:
        page = await self._page_at(port)
        if self._ports.get(process) != port:
            return  # it has ended meanwhile
        if page is None:
            self._answering.discard(process)
        else:
            self._together.heard(process, page)
            self._answering.add(process)

    async def _page_at(self, port: int) -> Parsed | None:
        """None: nobody answers there with one."""
        if self._client is None:
            return None
        url = f"http://{in_url(self._host, port)}/metrics"
        request = HTTPRequest(url, request_timeout=ASK_S)
        response = await answer_of(self._client, request, ASK_S)
        if response is None or response.code != 200:
            return None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ASK_S):
                return await loop.run_in_executor(None, parse, response.body.decode())
        except (ValueError, TimeoutError):
            return None
