"""What a link has to say: a message of the model nearly always, and how it fares itself."""

import math
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ErrorFacts


class LinkSaid(Struct, frozen=True):
    """One message, parsed.  Answer it with `Link.consumed(posted_bytes)`."""

    event: Any
    """Whatever the parser makes of a message: a link knows no dialect."""
    posted_bytes: int
    """The size of all messages up to this one, so that no answer depends on another."""
    read_at: float = math.inf
    """When it was whole."""


@dataclass(frozen=True, slots=True)
class LinkOpened:
    connect_ms: float
    served_by: str = ""
    """Who answers, if the server says so; else it is the model that was asked for."""
    upstream: Upstream = PLAIN
    """Which of several this is."""
    spare_s: float | None = None
    """It was open for nobody for so long (`Spares`); None: it was dialled for its call."""


@dataclass(frozen=True, slots=True)
class LinkDrained:
    """Everything that `Link.send` could not write at once has gone out."""


@dataclass(frozen=True, slots=True)
class LinkRoundTrip:
    latency_ms: float


@dataclass(frozen=True, slots=True)
class LinkLost:
    failure: Failure
    error: ErrorFacts | None = None
    """What the model said before, if nobody has been told."""
