"""Clients that come back: with which call they may go on, and how they do."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from tornado_app.admission.claims import Caller
from tornado_app.admission.counting import Seat
from tornado_app.client_side.client import Client
from tornado_app.connection import Connection
from tornado_app.guests import Guest
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.opening import Opening
from tornado_app.resuming.tickets import Ticket, TicketDesk, TicketsHere
from tornado_app.running_calls import RunningCalls
from tornado_app.session import events

NOWHERE = -1
"""Where a client is that has not said so."""


class Returning:
    """Thread: loop."""

    def __init__(self, calls: RunningCalls, ticket_prefix: str) -> None:
        """*ticket_prefix*: what resume tokens begin with."""
        self._calls = calls
        self._tickets = TicketDesk(
            TicketsHere(), lambda size: f"{ticket_prefix}{secrets.token_urlsafe(size)}"
        )

    def first_token(self, connection: Connection) -> str | None:
        """By which the client of a call that begins may come back; None: it may not."""
        config = connection.config
        if not config.presence.resume_window_s:
            return None
        return self._tickets.issue(config.session_id, config.user_id, connection.dialect_name)

    def forget(self, session_id: str) -> None:
        """Its call is over."""
        self._tickets.forget(session_id)

    def resumed_by(self, caller: Caller, opening: Opening, dialect: Dialect) -> Ticket | None:
        """What a client may go on with, by its resume token: a session that is there."""
        return self._opened_by(caller, opening, dialect, opening.last_seq)

    def seats_of(self, session_id: str) -> Sequence[Seat]:
        """The places that this call has."""
        return self._calls.seats_of(session_id)

    def resume(self, guest: Guest, client: Client, last_seq: int | None) -> Connection | Guest:
        """The connection that *guest* goes on with behind *last_seq*; or if that cannot be, the
        guest as it may `begin_anew`.

        One that cannot be resumed any more is ended: its client has come.
        """
        place = NOWHERE if last_seq is None else last_seq
        ticket = self._opened_by(guest.caller, guest.opening, guest.dialect, place)
        connection = None if ticket is None else self._calls.find(ticket.session_id)
        if ticket is None or connection is None or ticket != guest.resumes:
            # The client came by another connection meanwhile.
            return replace(guest, resumes=None)
        session_id = ticket.session_id
        if last_seq is None or not connection.can_resume(last_seq):
            connection.feed(events.BegunAnew())
            return replace(guest, resumes=None, replaces=True)
        token = self._tickets.issue(
            session_id, guest.caller.user_id, guest.dialect.subprotocol, guest.opening.resume_token
        )
        self._calls.move(session_id, guest.place)
        back = events.ClientBack(token, guest.caller.call_ends_at, last_seq)
        connection.resume(client, last_seq, back, token_id=guest.caller.token_id, ip=guest.ip)
        return connection

    def _opened_by(
        self, caller: Caller, opening: Opening, dialect: Dialect, last_seq: int | None
    ) -> Ticket | None:
        """As of `resumed_by`; *last_seq* None: that is still to be said."""
        if not opening.resume_token:
            return None
        opened = self._tickets.opened_by(opening.resume_token, caller.user_id, dialect.subprotocol)
        if opened is None:
            return None
        connection = self._calls.find(opened.ticket.session_id)
        if connection is None:
            return None
        is_good = opened.is_newest or connection.may_lack_token(last_seq)
        return opened.ticket if is_good and connection.config.scopes <= caller.scopes else None
