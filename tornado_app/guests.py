"""Who asks to come in, and who is in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tornado_app.admission.claims import Caller
from tornado_app.admission.places import Place
from tornado_app.errors import Refused
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.opening import Opening
from tornado_app.resuming.tickets import Ticket
from tornado_app.standing import Standing
from tornado_app.terms import CallTerms


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
    wrong: Refused | None = None
    """Why it may begin none itself."""
    traceparent: str | None = None
