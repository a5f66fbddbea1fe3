"""What goes to the pool and comes back: values that loop and threads hand to each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from workers.blocks import Block, Payload
from workers.pcm import BadAudio


class Conversion(Protocol):
    """One direction of a stream, as a lane and a batch use it; `workers.chain.Chain` is one.

    It holds nothing of any stream: a state goes in and another comes out, and is never changed, so
    that a call may be tried again.  Streams of one conversion come together, in one call.
    """

    def start(self) -> Any:
        """The state of a stream that has not begun."""

    def run_all(
        self, streams: Sequence[tuple[Any, Sequence[Payload]]]
    ) -> Sequence[tuple[Sequence[Block | BadAudio], Any]]:
        """What became of each stream's payloads, one for one, and its state for the next call."""


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """In place of a block: a fault of ours.  The lane goes on after it."""

    error: str
    """The name of the exception's type; its text may hold what a client sent."""


class LaneWork(Struct, frozen=True):
    """What one stream asks of a batch.  Its lane lends *state* until the result is back."""

    chain: Conversion
    state: Any
    payloads: Sequence[Payload]


Outcome: TypeAlias = Block | BadAudio | WorkFailed


class LaneResult(Struct, frozen=True):
    """What became of a `LaneWork`: one result for each payload, in order."""

    state: Any
    results: Sequence[Outcome]
