"""Who may go on with which session: tokens that open one, once."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

TOKEN_BYTES = 32
BEFORE_KEPT = 64
"""So often a client may be lost again before it learns its next token."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a resume token opens, and for whom."""

    digest: bytes
    """Of the token, which is kept nowhere."""
    session_id: str
    user_id: str
    subprotocol: str
    before: tuple[bytes, ...] = ()
    """Digests of those that the client may have in its place: the one that it has shown last, and
    those that were given for that and that it may not have got.
    """


class Opened(NamedTuple):
    """What a token opens, and whether no other was given for it since."""

    ticket: Ticket
    is_newest: bool


class TicketStore(Protocol):
    """Keeps the one ticket of each session.  Another process may have it."""

    def put(self, ticket: Ticket) -> None:
        """In place of the one that this session had."""

    def find(self, digest: bytes) -> Ticket | None:
        """The ticket of this token, or that followed it."""

    def drop(self, session_id: str) -> None:
        """Nothing, if there is none."""


class TicketsHere:
    """In the memory of this process.  Thread: loop."""

    def __init__(self) -> None:
        self._by_session: dict[str, Ticket] = {}
        self._by_digest: dict[bytes, Ticket] = {}

    def put(self, ticket: Ticket) -> None:
        self.drop(ticket.session_id)
        self._by_session[ticket.session_id] = ticket
        for digest in _digests(ticket):
            self._by_digest[digest] = ticket

    def find(self, digest: bytes) -> Ticket | None:
        return self._by_digest.get(digest)

    def drop(self, session_id: str) -> None:
        ticket = self._by_session.pop(session_id, None)
        if ticket is not None:
            for digest in _digests(ticket):
                del self._by_digest[digest]


class TicketDesk:
    """Makes tokens and knows them again.  Thread: loop."""

    def __init__(
        self, store: TicketStore, make: Callable[[int], str] = secrets.token_urlsafe
    ) -> None:
        self._store = store
        self._make = make

    def issue(self, session_id: str, user_id: str, subprotocol: str, shown: str = "") -> str:
        """A token that opens this session, in place of the one before.

        *shown*: the one that it is given for.
        """
        token = self._make(TOKEN_BYTES)
        before: tuple[bytes, ...] = ()
        if shown:
            digest = _digest(shown)
            ticket = self._store.find(digest)
            before = (digest,)
            if ticket is not None and ticket.digest != digest:
                before = (*ticket.before, ticket.digest)[-BEFORE_KEPT:]
        self._store.put(Ticket(_digest(token), session_id, user_id, subprotocol, before))
        return token

    def opened_by(self, token: str, user_id: str, subprotocol: str) -> Opened | None:
        """What *token* opens for this user; None, whatever the reason."""
        digest = _digest(token)
        ticket = self._store.find(digest)
        if ticket is None:
            return None
        # A digest that is found is nearly equal to itself, but nothing here depends on how near.
        is_newest = hmac.compare_digest(ticket.digest, digest)
        is_theirs = (ticket.user_id, ticket.subprotocol) == (user_id, subprotocol)
        return Opened(ticket, is_newest) if is_theirs else None

    def forget(self, session_id: str) -> None:
        """The session is over."""
        self._store.drop(session_id)


def _digests(ticket: Ticket) -> list[bytes]:
    return [ticket.digest, *ticket.before]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
