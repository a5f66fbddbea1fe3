"""What stands behind the handlers: everybody who is in, and what all of them share."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tornado_app.admission import tokens
from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.counting import Places, Seat
from tornado_app.audio.file_decoder import FileDecoder
from tornado_app.audio.pipeline import AudioPipeline
from tornado_app.client_side.client import Client
from tornado_app.client_side.gathered_writes import GatheredWrites
from tornado_app.client_side.read_watch import new_read_watch
from tornado_app.client_side.traffic import Traffic
from tornado_app.connection import Connection
from tornado_app.equipment import Equipment
from tornado_app.house_rules import file_rules, session_config
from tornado_app.keeping_out import KeepingOut
from tornado_app.logs import session_logger
from tornado_app.mailbox import Mailbox
from tornado_app.metering import new_metering
from tornado_app.metrics.pool_times import PoolTimes
from tornado_app.metrics.tally import Tally
from tornado_app.metrics.translation import hear
from tornado_app.models import Models
from tornado_app.policy.grants import Policy
from tornado_app.protocol.close import GOING_AWAY
from tornado_app.protocol.told import LimitUse
from tornado_app.reception import Guest, Reception
from tornado_app.recordings.recorder import new_recorder
from tornado_app.returning import Returning
from tornado_app.running_calls import RunningCalls
from tornado_app.seating import Seating
from tornado_app.session import events
from tornado_app.session.config import SessionConfig
from tornado_app.session.totals import Totals
from tornado_app.settings.schema import Settings
from tornado_app.tools.found import read_tools
from tornado_app.tools.succession import Succession
from tornado_app.tools.toolbox import Toolbox
from tornado_app.tracing.tracing import new_tracing
from tornado_app.trust import Trust
from tornado_app.upstream import endpoint
from tornado_app.usage.call_usage import CallUsage
from tornado_app.usage.usage import new_usage
from workers.pool import AudioPool

TRACES_S = 3.0
"""How long the last spans have to reach their collector; the process may have to be gone soon."""
CLOSE_WAIT_S = 2.0
"""How long clients have to answer the last close frame."""


class Gateway:
    """Makes connections of guests, ends them all.  Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        rules: tokens.TokenRules | None,
        find_model: Callable[[], endpoint.Endpoint],
        policy: Policy,
        find_local: Callable[[], endpoint.Endpoint] | None = None,
        *,
        places: Places | None = None,
        ticket_prefix: str = "",
    ) -> None:
        """*find_model*: where the first upstream is; *find_local*: the model on this computer, if
        it is one of the others; *places*: counted with other processes; *ticket_prefix*: what
        resume tokens begin with, so that those know whose they are.
        """
        self.settings = settings
        self.memory = ProcessBudget(settings.limits.process_bytes, settings.limits.connections)
        self._loop = asyncio.get_running_loop()
        self.calls = RunningCalls(self._loop)
        self.returning = Returning(self.calls, ticket_prefix)
        self.seating = Seating(settings, self._loop, self.hear, places)
        self.metering = new_metering(settings, self.seating.run, lambda: self.seating.is_away)
        gather_s = settings.audio.gather_ms / 1000
        self.mailbox = Mailbox(self._loop)
        self.read_watch = new_read_watch(self._loop, gather_s)
        self.gathered_writes = GatheredWrites(self._loop)
        self.tally = Tally()
        self.traffic = Traffic()
        self.pool_times = PoolTimes()
        self.pool = AudioPool(
            settings.audio.threads,
            timed=self.pool_times.observe if settings.metrics.enabled else None,
        )
        pipeline = AudioPipeline(
            self.pool,
            self.mailbox,
            self._loop,
            jobs=settings.audio.threads,
        )
        self.files = FileDecoder(file_rules(settings), self._loop)
        links = Mailbox(self._loop, gather_s)
        self._toolboxes = Succession(
            read_tools(settings.tools, self.mailbox.post_threadsafe).toolbox
        )
        self.tools.begin()
        self.trust = Trust(
            settings, rules, self._loop, self.mailbox.post_threadsafe, self._on_revoked
        )
        self.trust.begin()
        self.keeping_out = KeepingOut(
            settings, self.trust, self.seating.run, lambda: self.seating.is_away
        )
        self.seating.start()
        self.metering.start()
        self.keeping_out.start()
        self.recorder = new_recorder(settings.recordings)
        self.tracing = new_tracing(settings.traces, endpoint.provider(settings))
        self.usage = new_usage(settings.usage)
        self.models = Models(
            settings,
            links,
            self.mailbox,
            find_first=find_model,
            find_local=find_local or find_model,
            server_tools=lambda: self.tools.all_told,
            hear=self.hear,
        )
        self.reception = Reception(
            settings,
            rules,
            policy,
            self.tools,
            trust=self.trust,
            seating=self.seating,
            metering=self.metering,
            running=self.returning,
            most_of_first=self.usage.most_of_first,
        )
        self._equipment = self._equip(pipeline, links)
        self.calls.begin()

    def _equip(self, pipeline: AudioPipeline, links: Mailbox) -> Equipment:
        """Of calls that begin now; *links*: where what their models say is posted."""
        return Equipment(
            self._loop,
            links,
            pipeline,
            self.files,
            self.models.dial,
            self.models.retire,
            self.memory,
            self.models.on_call,
            self.reception.check_token,
            keys_for=self.trust.awaited,
            tools=self.tools,
            recorder=self.recorder,
            tally=self.tally,
            several=self.models.several,
            spares=self.models.spares,
        )

    def go_by(
        self,
        settings: Settings,
        rules: tokens.TokenRules | None,
        policy: Policy,
        tools: Toolbox | None,
    ) -> Coroutine[Any, Any, None]:
        """Take from now on what the operator has changed; calls that run go on as they began.

        *tools* are other ones, asked and `ready`; None: those that are there.  To be awaited: the
        end of what is not used any more.

        Raises:
            OSError: If a file of keys cannot be read any more; nothing has changed then.
            ValueError: If it is none.
        """
        retiring = self.trust.go_by(settings, rules)
        limit = settings.limits
        self.settings = self.models.settings = settings
        self.seating.go_by(settings)
        self.memory.resize(limit.process_bytes, limit.connections)
        self.files.rules = file_rules(settings)
        if tools is not None:
            self._toolboxes.follow(tools)
            self._equipment = replace(self._equipment, tools=tools)
        self.reception.go_by(settings, rules, policy, self.tools)
        return retiring

    @property
    def tools(self) -> Toolbox:
        """Those of calls that begin now."""
        return self._toolboxes.current

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Something that belongs to no call has happened, and counts."""
        hear(self.tally, event, fields)

    @property
    def connections(self) -> frozenset[Connection]:
        return self.calls.all

    def resume(self, guest: Guest, client: Client, last_seq: int | None) -> Connection | Guest:
        """As `Returning.resume`."""
        found = self.returning.resume(guest, client, last_seq)
        if isinstance(found, Connection):
            self._end_if_revoked(found)
        return found

    def connect(self, guest: Guest, client: Client) -> Connection:
        """A new connection for a client that was let in; it dials the model at once."""
        config = session_config(
            guest.standing.settings,
            guest.caller,
            guest.opening,
            guest.terms,
            self.tools,
            client_conducts=guest.dialect.client_conducts,
            currency=self.usage.currency,
        )
        log = session_logger(config.session_id, config.user_id).bind(ip=guest.ip)
        trace = self.tracing.begin(config, guest.traceparent) if self.tracing else None
        trace_id = trace.context.trace_id if trace is not None and trace.context.is_sampled else ""
        if trace_id:
            log = log.bind(trace_id=trace_id)
        connection = Connection(
            config,
            client,
            guest.dialect,
            self._equipment,
            log,
            on_finished=self._forget,
            trace=trace,
            meter=self.metering.new_meter(guest.standing.quotas),
            usage=self._usage_of(config, guest, trace_id),
        )
        connection.ip = guest.ip
        self.calls.add(connection, guest.place)
        self._toolboxes.hold(config.session_id)
        connection.feed(events.Opened(self.returning.first_token(connection)))
        self._end_if_revoked(connection)  # it may have been since it was admitted
        return connection

    def _usage_of(
        self, config: SessionConfig, guest: Guest, trace_id: str
    ) -> Callable[[Callable[[], Totals]], CallUsage] | None:
        standing = guest.standing
        if not (self.usage.keepers or standing.counts_money or self.settings.admin.keys):
            return None
        return partial(self.usage.begin, config, standing.organisation, trace_id)

    def limits_of(self, connection: Connection) -> dict[str, LimitUse]:
        """What `get_status` tells of the limits that are counted here."""
        return self.seating.uses(self.calls.seats_of(connection.config.session_id))

    def limits_used(self) -> dict[str, LimitUse]:
        """What is counted for all together."""
        limit = self.settings.limits
        return {
            **self.seating.uses([Seat("connections", "", limit.connections)]),
            "process_bytes": LimitUse(self.memory.held_bytes, limit.process_bytes),
        }

    def drain(self, deadline_s: float) -> None:
        """Tell every client that it has *deadline_s* left.  Nobody new is let in from now on."""
        self.reception.close()
        deadline = time.monotonic() + deadline_s
        for connection in self.connections:
            connection.feed(events.Drain(deadline))

    async def clients_gone(self, timeout_s: float) -> bool:
        """Wait until nobody is connected; False if somebody still is after *timeout_s*."""
        return await self.calls.ended(timeout_s)

    async def stop(self, timeout_s: float) -> bool:
        """End every session and every thread; False if something was still there in the end."""
        self.reception.close()
        self.calls.look_no_more()
        await self.models.stop()
        for connection in self.connections:
            connection.feed(events.Stop(GOING_AWAY))
        clean = await _wait(self.models.links_gone, timeout_s)
        # A process that ends on a socket with unread audio resets it, and the close frame is lost.
        await _wait(self.reception.sockets_gone, CLOSE_WAIT_S)
        self.read_watch.close()
        await self.files.stop()
        await self.keeping_out.stop()
        await self.trust.stop()
        await self._toolboxes.stop()
        if self.recorder is not None:
            await self.recorder.stop(timeout_s)
        await self.usage.stop(timeout_s)
        if self.tracing is not None:
            await self.tracing.exporter.stop(TRACES_S)
        self.pool.stop()
        await self.models.join()
        await self.metering.stop()
        await self.seating.stop()
        joined = await self._loop.run_in_executor(None, self.pool.join, timeout_s)
        return clean and joined

    def _on_revoked(self) -> None:
        for connection in self.connections:
            self._end_if_revoked(connection)

    def _end_if_revoked(self, connection: Connection) -> None:
        if self.trust.has_taken_back(connection.config.user_id, connection.token_id):
            connection.feed(events.TokenRevoked())

    def _forget(self, connection: Connection) -> None:
        session_id = connection.config.session_id
        self.returning.forget(session_id)
        self._toolboxes.leave(session_id)
        self.calls.forget(session_id)


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
