"""How one kind of client speaks: the one value that a handler and a connection know of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tornado_app.protocol.asked import ClientMessage
from tornado_app.protocol.close import Close
from tornado_app.protocol.opening import Introduction, Opening, OpeningRules
from tornado_app.protocol.realtime.events import UpstreamEvent, parse_realtime
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.protocol.told import ServerMessage


def _as_it_is(close: Close) -> Close:
    return close


@dataclass(frozen=True, slots=True)
class Dialect:
    """Spelling, both ways.  Pure functions, without a state: one value serves all connections."""

    subprotocol: str
    """What a client offers in ``Sec-WebSocket-Protocol`` to be understood."""
    read_opening: Callable[[Mapping[str, Sequence[str]], OpeningRules], Opening]
    """What the query of an opening request chooses; raises `InvalidRequest`."""
    read_introduction: Callable[[str | bytes], Introduction]
    """What the first frame of a client without a token says of it; raises `Refused`."""
    read_place: Callable[[str | bytes], int | None]
    """The last message that a client has of the session which it resumes, if this frame says it;
    raises `InvalidMessage` if it says it wrongly."""
    parse: Callable[[str], ClientMessage]
    """What one text frame asks; raises `InvalidMessage`.  Binary frames are bare audio."""
    encode: Callable[[ServerMessage, int, int], bytes]
    """What is told, as a text frame; with its number and its time in Unix milliseconds.  Empty: it
    has no spelling, and is not said."""
    closing: Callable[[Close], Close] = _as_it_is
    """How an ending is spelled."""
    client_conducts: bool = False
    """The client asks the model itself, and is told what that says."""
    read_model: Callable[[str | bytes], UpstreamEvent | Overheard] = parse_realtime
    """What an event of the model is to a session."""
