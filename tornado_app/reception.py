"""Who may come in: what is asked of a request before it is a call, and of a token that follows."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

from tornado_app.admission import tokens
from tornado_app.admission.claims import Caller
from tornado_app.admission.counting import Lease, LimitName, Seat
from tornado_app.admission.origins import OriginRules
from tornado_app.admission.places import Place
from tornado_app.admission.quotas import Owner, Quota
from tornado_app.errors import Refused
from tornado_app.house_rules import opening_rules
from tornado_app.issuing import Issuer
from tornado_app.metering import Metering
from tornado_app.policy.grants import Policy
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.opening import Opening
from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.resuming.tickets import Ticket
from tornado_app.seating import Seating
from tornado_app.session.config import SessionConfig, ToolRules
from tornado_app.settings.schema import Settings
from tornado_app.standing import Standing, Standings
from tornado_app.terms import CallTerms, Terms
from tornado_app.tools.toolbox import Toolbox
from tornado_app.trust import Trust


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
    """A request that was let in; `Reception.release` gives its place back."""

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


class Running(Protocol):
    """The calls that run, as far as a request may go on with one."""

    def resumed_by(self, caller: Caller, opening: Opening, dialect: Dialect) -> Ticket | None:
        """What a client may go on with, by its resume token: a session that is there."""

    def seats_of(self, session_id: str) -> Sequence[Seat]:
        """The places that this call has."""


class Reception:
    """Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        rules: tokens.TokenRules | None,
        policy: Policy,
        toolbox: Toolbox,
        *,
        trust: Trust,
        seating: Seating,
        metering: Metering,
        running: Running,
        most_of_first: Callable[[ModelSession, Sequence[Function | HandedServer]], Decimal],
    ) -> None:
        """*rules* are those of our own tokens, if there are any; a policy may name the tools of
        *toolbox*; *most_of_first*: what the first answer of such a call may cost.
        """
        self._most_of_first = most_of_first
        self.is_closed = False
        """Nobody is let in any more."""
        self.seating = seating
        self.metering = metering
        self._trust = trust
        self._running = running
        self._opening_rules = opening_rules()
        self._expected: set[Callable[[Refused], None]] = set()
        """Tells those who are open, and have not said who they are, that they may not stay."""
        self.sockets_gone = asyncio.Event()
        """Set while nobody has a place, and nobody is expected."""
        self.sockets_gone.set()
        self.go_by(settings, rules, policy, toolbox)

    def go_by(
        self,
        settings: Settings,
        rules: tokens.TokenRules | None,
        policy: Policy,
        toolbox: Toolbox,
    ) -> None:
        """What the operator has written by now."""
        self._toolbox = toolbox
        self._origins = _origin_rules(settings)
        self._terms = Terms(settings, policy, toolbox.all_names, toolbox.names)
        self._standings = Standings(settings)
        self.issuer = Issuer(settings, rules, self._terms)

    def close(self) -> None:
        """Let nobody in any more, and send those away who have not said who they are."""
        self.is_closed = True
        for turn_away in tuple(self._expected):
            turn_away(_going_away())

    @property
    def expects(self) -> int:
        """How many are open, and have not said who they are."""
        return len(self._expected)

    def coming_in(self, knock: Knock) -> "Coroutine[Any, Any, Guest] | None":
        """As `admit`, to be awaited, where others have to be asked; None: `admit` it at once.

        Raises:
            Refused: If this request may not come in, whoever it is of.
        """
        self._check_door(knock.origin)
        keys = self._trust.awaited(knock.token)
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
        if (keys := self._trust.awaited(token)) is not None:
            await keys
        return self._trust.identify(token)

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
        caller = self._trust.identify(knock.token)
        opening = knock.dialect.read_opening(knock.query, self._opening_rules)
        now = time.time()  # noqa: TID251  the date that people know
        terms = self._terms.settle(caller, opening.choices, now)
        resumes = self._running.resumed_by(caller, opening, knock.dialect)
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
        left = {seat.key for seat in self._running.seats_of(ticket.session_id)}
        return all(seat.key in left for seat in lease.seats if seat.limit == of_organisation)

    def _check_quotas(self, asked: _Asked | Guest) -> None:
        """A call that goes on ends by itself, as every other."""
        quotas, held = asked.standing.quotas, Decimal(0)
        if asked.standing.counts_money:
            scopes, toolbox = asked.caller.scopes, self._toolbox
            tools = ToolRules(toolbox.functions(scopes), handed=toolbox.handed(scopes)).told
            held = self._most_of_first(asked.terms.model_session, tools)
        used_up = self.metering.exceeded(quotas, held)
        if used_up is not None and asked.resumes is None:
            raise used_up.refused(time.time_ns() // 1_000_000)

    def _guest(self, knock: Knock, asked: _Asked) -> Guest:
        self.sockets_gone.clear()
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
        self.sockets_gone.clear()

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
        if self.is_closed:
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
        if self.is_closed:
            raise _going_away()

    def check_token(self, token: str, config: SessionConfig) -> Caller:
        """Who shows *token*, if the call of *config* may go on with it.

        It is checked as the first one was, and has to give what the call has: a right that was
        taken away is not kept by going on.

        Raises:
            Refused: ``token_invalid``, whatever is wrong with it, or ``server_busy`` if that cannot
                be known now.
        """
        try:
            caller = self._trust.identify(token)
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

    def of_owner(self, owner: Owner, whose: str, plan: str) -> tuple[Settings, tuple[Quota, ...]]:
        """As `Standings.of_owner`, by the settings of now."""
        return self._standings.of_owner(owner, whose, plan)

    def _check_door(self, origin: str | None) -> None:
        """What is asked of everybody, whoever it is."""
        if self.is_closed:
            raise _going_away()
        if not self.allows_origin(origin):
            raise Refused("origin_denied", "Pages of this origin may not connect.")

    def _give_back(self, lease: Lease) -> None:
        self.seating.give_back(lease)
        self._note_sockets()

    def _note_sockets(self) -> None:
        if not self.seating.here and not self._expected:
            self.sockets_gone.set()


def _origin_rules(settings: Settings) -> OriginRules:
    origins = settings.server.allowed_origins
    everything = settings.server.environment == "development" and not origins
    return OriginRules.read(origins, everything=everything)


def _going_away() -> Refused:
    return Refused("going_away", "This server is going away. Reconnect.", None, 1000)


def _not_taken(sentence: str, detail: str | None = None) -> Refused:
    return Refused("token_invalid", f"{sentence} The one before goes on.", "token", detail=detail)
