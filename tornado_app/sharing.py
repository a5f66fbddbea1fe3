"""What one of several processes of a gateway is told by the one that started it, and tells it.

A line of JSON each way: to its standard input, which stays open for as long as the parent lives,
and from its standard output when it listens.
"""

import signal
from dataclasses import dataclass

import msgspec

from tornado_app.upstream.endpoint import Endpoint

LINE_BYTES = 65_536
ASKED = signal.SIGUSR1
"""Drain, as SIGTERM has it, and do not take the next signal for that of somebody who insists."""


class Model(msgspec.Struct, frozen=True):
    """The local model, which all have together."""

    url: str
    key: str

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, self.key, "authorization")


class Share(msgspec.Struct, frozen=True):
    """What a child has of what all have."""

    index: int
    """Its number, from 0."""
    port: int
    places: int
    """The descriptor of `SharedPlaces` and `CallCounts`."""
    inbox: int
    outboxes: list[int]
    """Descriptors, as of `Routing`."""
    model: Model | None
    """None: there is none."""
    parent_key: str
    """By which it knows what operators have asked the parent for."""


class Listening(msgspec.Struct, frozen=True):
    """It does."""

    port: int
    is_embedded: bool
    model_host: str
    metrics_port: int | None
    """Of its page of metrics."""


@dataclass(slots=True)
class Restarts:
    """When a child that has died is started again."""

    failures: int = 0

    def after(self, lived_s: float) -> float | None:
        """How long to wait for the next, in seconds; None: no more."""
        if lived_s >= STEADY_S:
            self.failures = 0
        self.failures += 1
        if self.failures > FAILURES_MAX:
            return None
        return min(FIRST_S * float(2 ** (self.failures - 1)), LONGEST_S)


STEADY_S = 60.0
"""One that has run so long has not died of how it was started."""
FAILURES_MAX = 7
FIRST_S = 0.25
LONGEST_S = 16.0
