"""What stands behind the handlers: everybody who is in, and what all of them share."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tornado_app.admission import tokens
from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.claims import Caller
from tornado_app.admission.counting import Places, Seat
from tornado_app.admission.places import Place
from tornado_app.audio.file_decoder import FileDecoder
from tornado_app.audio.pipeline import AudioPipeline, nothing
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
from tornado_app.metrics.definitions import BRIEF_S
from tornado_app.metrics.distribution import Distribution
from tornado_app.metrics.tally import Tally
from tornado_app.metrics.translation import hear
from tornado_app.models import Models
from tornado_app.policy.grants import Policy
from tornado_app.protocol.close import GOING_AWAY, RESUMED_ELSEWHERE
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.opening import Opening
from tornado_app.protocol.told import LimitUse
from tornado_app.reception import Guest, Reception
from tornado_app.recordings.recorder import new_recorder
from tornado_app.resuming.tickets import Ticket, TicketDesk, TicketsHere
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

LOOK_S = 1.0
"""How often every call is asked what may go on, beside being told: some 10 us for each."""
LOOK_AT_ONCE = 25
"""So many before everybody else has a turn."""
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
        self._connections: dict[str, Connection] = {}
        """By the id of the session."""
        self._places: dict[str, Place] = {}
        self._tickets = TicketDesk(
            TicketsHere(), lambda size: f"{ticket_prefix}{secrets.token_urlsafe(size)}"
        )
        self._loop = asyncio.get_running_loop()
        self.seating = Seating(settings, self._loop, self.hear, places)
        self.metering = new_metering(settings, self.seating.run, lambda: self.seating.is_away)
        gather_s = settings.audio.gather_ms / 1000
        self.mailbox = Mailbox(self._loop)
        self.read_watch = new_read_watch(self._loop, gather_s)
        self.gathered_writes = GatheredWrites(self._loop)
        self.tally = Tally()
        self.traffic = Traffic()
        self.pool_waits, self.pool_runs = Distribution(BRIEF_S), Distribution(BRIEF_S)
        """Of its jobs.  Thread: one of the pool's at a time."""
        self.pool = AudioPool(
            settings.audio.threads, timed=self._on_job if settings.metrics.enabled else None
        )
        self._clients_gone = _set_event()
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
            running=self,
            most_of_first=self.usage.most_of_first,
        )
        self._equipment = Equipment(
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
        self.each_second: Callable[[], None] = nothing
        """What an administration has done beside looking after calls."""
        self._look_timer = self._loop.call_later(LOOK_S, self._look)

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

    def _on_job(self, waited_s: float, ran_s: float) -> None:
        self.pool_waits.observe(waited_s)
        self.pool_runs.observe(ran_s)

    @property
    def connections(self) -> frozenset[Connection]:
        return frozenset(self._connections.values())

    def resumed_by(self, caller: Caller, opening: Opening, dialect: Dialect) -> Ticket | None:
        """What a client may go on with, by its resume token: a session that is there."""
        if not opening.resume_token:
            return None
        opened = self._tickets.opened_by(opening.resume_token, caller.user_id, dialect.subprotocol)
        if opened is None:
            return None
        connection = self._connections.get(opened.ticket.session_id)
        if connection is None:
            return None
        # Of a client that was not heard since nobody knows whether it got the next token.
        is_good = opened.is_newest or not connection.is_heard
        return opened.ticket if is_good and connection.config.scopes <= caller.scopes else None

    def seats_of(self, session_id: str) -> Sequence[Seat]:
        """The places that this call has."""
        return self._places[session_id].seats

    def resume(self, guest: Guest, client: Client, last_seq: int | None) -> Connection | Guest:
        """The connection that *guest* goes on with behind *last_seq*; or if that cannot be, the
        guest as it may `begin_anew`.

        One that cannot be resumed any more is ended: its client has come.
        """
        ticket = self.resumed_by(guest.caller, guest.opening, guest.dialect)
        if ticket is None or ticket != guest.resumes:
            # The client came by another connection meanwhile.
            return replace(guest, resumes=None)
        session_id = ticket.session_id
        connection = self._connections[session_id]
        if last_seq is None or not connection.can_resume(last_seq):
            connection.feed(events.Stop(RESUMED_ELSEWHERE))
            return replace(guest, resumes=None, replaces=True)
        token = self._tickets.issue(
            session_id, guest.caller.user_id, guest.dialect.subprotocol, guest.opening.resume_token
        )
        self._places[session_id].leave()
        self._places[session_id] = guest.place.hold()
        back = events.ClientBack(token, guest.caller.call_ends_at, last_seq)
        connection.token_id, connection.ip = guest.caller.token_id, guest.ip
        connection.resume(client, last_seq, back)
        self._end_if_revoked(connection)
        return connection

    def connect(self, guest: Guest, client: Client) -> Connection:
        """A new connection for a client that was let in; it dials the model at once."""
        functions = self.tools.functions(guest.caller.scopes)
        handed = self.tools.handed(guest.caller.scopes)
        config = session_config(
            guest.standing.settings,
            guest.caller,
            guest.opening,
            guest.terms,
            functions,
            handed=handed,
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
        self._connections[config.session_id] = connection
        self._toolboxes.hold(config.session_id)
        self._places[config.session_id] = guest.place.hold()
        self._clients_gone.clear()
        token = None
        if config.resume_window_s:
            token = self._tickets.issue(
                config.session_id, config.user_id, guest.dialect.subprotocol
            )
        connection.feed(events.Opened(token))
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
        place = self._places.get(connection.config.session_id)
        return {} if place is None else self.seating.uses(place.seats)

    def call_of(self, session_id: str) -> Connection | None:
        """The call of that session, if it runs."""
        return self._connections.get(session_id)

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
        return await _wait(self._clients_gone, timeout_s)

    async def stop(self, timeout_s: float) -> bool:
        """End every session and every thread; False if something was still there in the end."""
        self.reception.close()
        self._look_timer.cancel()
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

    def _look(self) -> None:
        self._look_timer = self._loop.call_later(LOOK_S, self._look)
        self.each_second()
        self._look_at([*self._connections.values()])

    def _look_at(self, connections: list[Connection]) -> None:
        for connection in connections[:LOOK_AT_ONCE]:
            connection.look()
        if others := connections[LOOK_AT_ONCE:]:
            self._loop.call_soon(self._look_at, others)

    def _forget(self, connection: Connection) -> None:
        session_id = connection.config.session_id
        self._tickets.forget(session_id)
        self._toolboxes.leave(session_id)
        if self._connections.pop(session_id, None) is not None:
            self._places.pop(session_id).leave()
        if not self._connections:
            self._clients_gone.set()


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
