"""Who may go on with which session: tokens that open one, once."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a resume token opens, and for whom."""

    digest: bytes
    """Of the token, which is kept nowhere."""
    session_id: str
    user_id: str
    subprotocol: str
    shown: bytes | None = None
    """The digest of the token that this one was given for: the client may not have got this one."""


class Opened(NamedTuple):
    """Which session a token opens, and whether no other was given for it since."""

    session_id: str
    is_newest: bool


class TicketStore(Protocol):
    """Keeps the one ticket of each session.  Another process may have it."""

    def put(self, ticket: Ticket) -> None:
        """In place of the one that this session had."""

    def find(self, digest: bytes) -> Ticket | None:
        """The ticket of this token, or that was given for it."""

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

        *shown*: the one that it is given for, which is known until the next is issued.
        """
        token = self._make(TOKEN_BYTES)
        before = _digest(shown) if shown else None
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
        return Opened(ticket.session_id, is_newest) if is_theirs else None

    def forget(self, session_id: str) -> None:
        """The session is over."""
        self._store.drop(session_id)


def _digests(ticket: Ticket) -> list[bytes]:
    return [ticket.digest] if ticket.shown is None else [ticket.digest, ticket.shown]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
