"""What stands behind the handlers: who may come in, and everybody who is in."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tornado_app.admission import tokens
from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.claims import Caller
from tornado_app.admission.counting import Lease, LimitName, Places, Seat
from tornado_app.admission.origins import OriginRules
from tornado_app.admission.places import Place
from tornado_app.audio.file_decoder import FileDecoder
from tornado_app.audio.pipeline import AudioPipeline
from tornado_app.client_side.client import Client
from tornado_app.client_side.gathered_writes import GatheredWrites
from tornado_app.client_side.read_watch import new_read_watch
from tornado_app.client_side.traffic import Traffic
from tornado_app.connection import Connection, Equipment
from tornado_app.errors import Refused
from tornado_app.house_rules import file_rules, opening_rules, session_config
from tornado_app.issuing import Issuer
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
from tornado_app.recordings.recorder import new_recorder
from tornado_app.resuming.tickets import Ticket, TicketDesk, TicketsHere
from tornado_app.seating import Seating
from tornado_app.session import events
from tornado_app.session.config import SessionConfig
from tornado_app.session.totals import Totals
from tornado_app.settings.schema import Settings
from tornado_app.standing import Standing, Standings
from tornado_app.terms import CallTerms, Terms
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


@dataclass(frozen=True, slots=True)
class Knock:
    """An opening request, as a handler read it."""

    dialect: Dialect
    origin: str | None
    token: str | None
    query: Mapping[str, Sequence[str]]
    ip: str
    traceparent: str | None = None
    """As its header says."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A request that was let in; `Gateway.release` gives its place back."""

    dialect: Dialect
    caller: Caller
    opening: Opening
    terms: CallTerms
    ip: str
    place: Place
    standing: Standing
    resumes: Ticket | None = None
    """The session that it may go on with."""
    replaces: bool = False
    """It has ended that one, and has its place."""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request that may come in is to have."""

    caller: Caller
    opening: Opening
    terms: CallTerms
    standing: Standing
    resumes: Ticket | None
    lease: Lease
    takes_over: bool
    """It comes in place of the call that it goes on with, and so may be one more for a moment."""


class Gateway:
    """Admits clients, makes their connections, ends them all.  Thread: loop."""

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
        self.draining = False
        self._origins = _origin_rules(settings)
        self._opening_rules = opening_rules()
        self._expected: set[Callable[[Refused], None]] = set()
        """Tells those who are open, and have not said who they are, that they may not stay."""
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
        self._sockets_gone = _set_event()
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
        self.seating.start()
        self.metering.start()
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
        self._settle_by(settings, rules, policy)
        self._equipment = Equipment(
            self._loop,
            links,
            pipeline,
            self.files,
            self.models.dial,
            self.models.retire,
            self.memory,
            self.models.on_call,
            self.check_token,
            keys_for=self.trust.awaited,
            tools=self.tools,
            recorder=self.recorder,
            tally=self.tally,
            several=self.models.several,
            spares=self.models.spares,
        )
        self._look_timer = self._loop.call_later(LOOK_S, self._look)

    def _settle_by(
        self, settings: Settings, rules: tokens.TokenRules | None, policy: Policy
    ) -> None:
        self._terms = Terms(settings, policy, self.tools.all_names, self.tools.names)
        self._standings = Standings(settings)
        self.issuer = Issuer(settings, rules, self._terms)

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
        self._origins = _origin_rules(settings)
        self.seating.go_by(settings)
        self.memory.resize(limit.process_bytes, limit.connections)
        self.files.rules = file_rules(settings)
        if tools is not None:
            self._toolboxes.follow(tools)
            self._equipment = replace(self._equipment, tools=tools)
        self._settle_by(settings, rules, policy)
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

    def coming_in(self, knock: Knock) -> "Coroutine[Any, Any, Guest] | None":
        """As `admit`, to be awaited, where others have to be asked; None: `admit` it at once.

        Raises:
            Refused: If this request may not come in, whoever it is of.
        """
        self._check_door(knock.origin)
        keys = self.trust.awaited(knock.token)
        if keys is None and self.seating.shared is None:
            return None
        return self._come_in(knock, keys)

    async def _come_in(self, knock: Knock, keys: "asyncio.Future[None] | None") -> Guest:
        if keys is not None:
            await keys
        if self.seating.shared is None:
            return self.admit(knock)
        asked = self._judge(knock)
        self._check_quotas(asked)
        # Both at once: of a Redis that hangs nobody waits for two answers.
        learning = asyncio.ensure_future(self.metering.learn(asked.standing.quotas))
        try:
            await self.seating.reserve(asked.lease, takes_over=asked.takes_over)
        except BaseException:
            learning.cancel()
            raise
        try:
            await learning
            self._check_quotas(asked)
            self._check_door(knock.origin)  # as it is by now
        except BaseException:  # nobody may wait any more
            self.seating.give_back(asked.lease)
            raise
        return self._guest(knock, asked)

    async def identify(self, origin: str | None, token: str | None) -> Caller:
        """Who asks something that is no call, from a page of that *origin* or from none.

        Raises:
            Refused: As `admit`.
        """
        self._check_door(origin)
        if (keys := self.trust.awaited(token)) is not None:
            await keys
        return self.trust.identify(token)

    def allows_origin(self, origin: str | None) -> bool:
        """Whether pages of it may connect; None is no page."""
        return self._origins.allows(origin)

    def models_for(self, caller: Caller) -> tuple[str, ...]:
        """Those that *caller* may ask for, the one first that it gets unasked.

        Raises:
            Refused: ``token_invalid``, if what its token says of a call cannot be.
        """
        return self._terms.models_for(caller)

    def admit(self, knock: Knock) -> Guest:
        """Let a request in, or say why not.  Cheap checks come first, the place is taken last.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        asked = self._judge(knock)
        self._check_quotas(asked)
        self.seating.take(asked.lease, takes_over=asked.takes_over)
        return self._guest(knock, asked)

    def _judge(self, knock: Knock) -> _Asked:
        """All that is asked of a request before it takes a place."""
        self._check_door(knock.origin)
        caller = self.trust.identify(knock.token)
        opening = knock.dialect.read_opening(knock.query, self._opening_rules)
        now = time.time()  # noqa: TID251  the date that people know
        terms = self._terms.settle(caller, opening.choices, now)
        resumes = self._resumed_by(caller, opening, knock.dialect)
        standing = self._standings.of(caller)
        goes_on = resumes is not None
        lease = self.seating.lease(caller, standing, knock.ip, goes_on=goes_on)
        takes_over = resumes is not None and self._has_place_of(resumes, lease)
        # What the token says has been read; it is kept no longer than it must.
        caller = replace(caller, claims={})
        return _Asked(caller, opening, terms, standing, resumes, lease, takes_over)

    def _has_place_of(self, ticket: Ticket, lease: Lease) -> bool:
        """Whether the call leaves a place to its client: not in another organisation."""
        of_organisation: LimitName = "connections_per_organisation"
        left = {seat.key for seat in self._places[ticket.session_id].seats}
        return all(seat.key in left for seat in lease.seats if seat.limit == of_organisation)

    def _check_quotas(self, asked: _Asked | Guest) -> None:
        """A call that goes on ends by itself, as every other."""
        used_up = self.metering.exceeded(asked.standing.quotas)
        if used_up is not None and asked.resumes is None:
            raise used_up.refused(time.time_ns() // 1_000_000)

    def _guest(self, knock: Knock, asked: _Asked) -> Guest:
        self._sockets_gone.clear()
        place = Place(asked.lease.seats, partial(self._give_back, asked.lease))
        return Guest(
            knock.dialect,
            asked.caller,
            asked.opening,
            asked.terms,
            knock.ip,
            place,
            asked.standing,
            asked.resumes,
            traceparent=knock.traceparent,
        )

    def release(self, guest: Guest) -> None:
        """The guest's socket is closed."""
        guest.place.leave()

    def expect(self, knock: Knock, turn_away: Callable[[Refused], None]) -> None:
        """Let a request in that will say who it is when it is open, or say why not.

        *turn_away* is called if the server goes away meanwhile; `dismiss` takes it back.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        self._check_door(knock.origin)
        opening = knock.dialect.read_opening(knock.query, self._opening_rules)
        self._terms.check_choices(opening.choices)
        self._expected.add(turn_away)
        self._sockets_gone.clear()

    def dismiss(self, turn_away: Callable[[Refused], None]) -> None:
        """It has been admitted, or is gone.  Nothing, if it was not expected."""
        self._expected.discard(turn_away)
        self._note_sockets()

    def begin_anew(self, guest: Guest) -> "Coroutine[Any, Any, None] | None":
        """Whether a call may begin for a guest that was let in to go on with another, and cannot:
        to be awaited, where others have to be asked.

        Raises:
            Refused: As `admit`, also when it is awaited.
        """
        if self.draining:
            raise _going_away()
        self._check_quotas(guest)
        if not guest.replaces:
            self.seating.check_room(guest.place.seats)
        lease = self.seating.beginning(guest.caller, guest.standing)
        if not lease.seats:
            return None
        if self.seating.shared is not None:
            return self._count_beginning(lease)
        self.seating.take(lease, takes_over=False)
        self.seating.give_back(lease)
        return None

    async def _count_beginning(self, lease: Lease) -> None:
        await self.seating.reserve(lease, takes_over=False)
        self.seating.give_back(lease)
        if self.draining:
            raise _going_away()

    def _resumed_by(self, caller: Caller, opening: Opening, dialect: Dialect) -> Ticket | None:
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

    def resume(self, guest: Guest, client: Client, last_seq: int | None) -> Connection | Guest:
        """The connection that *guest* goes on with behind *last_seq*; or if that cannot be, the
        guest as it may `begin_anew`.

        One that cannot be resumed any more is ended: its client has come.
        """
        ticket = self._resumed_by(guest.caller, guest.opening, guest.dialect)
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
        if self.usage is None:
            return None
        return partial(self.usage.begin, config, guest.standing.organisation, trace_id)

    def check_token(self, token: str, config: SessionConfig) -> Caller:
        """Who shows *token*, if the call of *config* may go on with it.

        It is checked as the first one was, and has to give what the call has: a right that was
        taken away is not kept by going on.

        Raises:
            Refused: ``token_invalid``, whatever is wrong with it, or ``server_busy`` if that cannot
                be known now.
        """
        try:
            caller = self.trust.identify(token)
            self._terms.check_caller(caller)
        except Refused as refused:
            sentence = refused.sentence
            if refused.retryable:
                sentence = f"{sentence} The one before goes on."
                raise replace(refused, sentence=sentence, field="token") from None
            if refused.code == "token_expired":
                sentence = "This token has expired, too."
            raise _not_taken(sentence, refused.detail) from None
        if caller.user_id != config.user_id:
            raise _not_taken("The token is of another user (sub).")
        if not config.scopes <= caller.scopes:
            raise _not_taken("The token lacks a scope that this call has.")
        return replace(caller, claims={})

    def offered(self) -> Mapping[str, Mapping[str, Any]]:
        """What a page can let its user choose before there is a call (`Terms.offered`)."""
        return self._terms.offered()

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
        self.draining = True
        self._send_strangers_away()
        deadline = time.monotonic() + deadline_s
        for connection in self.connections:
            connection.feed(events.Drain(deadline))

    async def clients_gone(self, timeout_s: float) -> bool:
        """Wait until nobody is connected; False if somebody still is after *timeout_s*."""
        return await _wait(self._clients_gone, timeout_s)

    async def stop(self, timeout_s: float) -> bool:
        """End every session and every thread; False if something was still there in the end."""
        self.draining = True
        self._send_strangers_away()
        self._look_timer.cancel()
        await self.models.stop()
        for connection in self.connections:
            connection.feed(events.Stop(GOING_AWAY))
        clean = await _wait(self.models.links_gone, timeout_s)
        # A process that ends on a socket with unread audio resets it, and the close frame is lost.
        await _wait(self._sockets_gone, CLOSE_WAIT_S)
        self.read_watch.close()
        await self.files.stop()
        await self.trust.stop()
        await self._toolboxes.stop()
        if self.recorder is not None:
            await self.recorder.stop(timeout_s)
        if self.usage is not None:
            await self.usage.stop(timeout_s)
        if self.tracing is not None:
            await self.tracing.exporter.stop(TRACES_S)
        self.pool.stop()
        await self.models.join()
        await self.metering.stop()
        await self.seating.stop()
        joined = await self._loop.run_in_executor(None, self.pool.join, timeout_s)
        return clean and joined

    def _check_door(self, origin: str | None) -> None:
        """What is asked of everybody, whoever it is."""
        if self.draining:
            raise _going_away()
        if not self.allows_origin(origin):
            raise Refused("origin_denied", "Pages of this origin may not connect.")

    def _send_strangers_away(self) -> None:
        for turn_away in tuple(self._expected):
            turn_away(_going_away())

    def _give_back(self, lease: Lease) -> None:
        self.seating.give_back(lease)
        self._note_sockets()

    def _note_sockets(self) -> None:
        if not self.seating.here and not self._expected:
            self._sockets_gone.set()

    def _on_revoked(self) -> None:
        for connection in self.connections:
            self._end_if_revoked(connection)

    def _end_if_revoked(self, connection: Connection) -> None:
        if self.trust.has_taken_back(connection.config.user_id, connection.token_id):
            connection.feed(events.TokenRevoked())

    def _look(self) -> None:
        self._look_timer = self._loop.call_later(LOOK_S, self._look)
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


def _origin_rules(settings: Settings) -> OriginRules:
    origins = settings.server.allowed_origins
    everything = settings.server.environment == "development" and not origins
    return OriginRules.read(origins, everything=everything)


def _going_away() -> Refused:
    return Refused("going_away", "This server is going away. Reconnect.", None, 1000)


def _not_taken(sentence: str, detail: str | None = None) -> Refused:
    return Refused("token_invalid", f"{sentence} The one before goes on.", "token", detail=detail)


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
