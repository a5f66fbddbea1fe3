"""A stream that changes its format: what was held back comes out of the one conversion, and the
other goes on where the stream is.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workers.blocks import Block, Cut, Payload
from workers.level import SILENCE_DBFS
from workers.pcm import BadAudio
from workers.pool import Conversion

NOTHING = Block(b"", 0, 0.0, SILENCE_DBFS, 0.0)


class Joinable(Conversion, Protocol):
    """A conversion that a stream can be taken out of, and into which it can be put."""

    @property
    def stream(self) -> Hashable:
        """Conversions of equal ones take each other's states."""

    def cut(self, state: Any) -> Cut:
        """End a stream that goes on elsewhere; `flush` is for one that does not."""

    def go_on(self, cut: Cut) -> Any:
        """The state of a stream that goes on behind *cut*."""


@dataclass(frozen=True, slots=True, eq=False)
class Changing:
    """The conversion of a lane while it changes: takes one flush, and what comes of it is the last
    of *old* and a state for *new*.
    """

    old: Joinable
    new: Joinable
    has_begun: bool
    """False: nothing has come since the stream began; the new one begins, too."""

    def start(self) -> Any:
        """See `Conversion`."""
        return self.old.start()

    def run_all(
        self, streams: Sequence[tuple[Any, Sequence[Payload]]]
    ) -> Sequence[tuple[Sequence[Block | BadAudio], Any]]:
        """See `Conversion`."""
        return [self._change(state) for state, _ in streams]

    def _change(self, state: Any) -> tuple[Sequence[Block | BadAudio], Any]:
        if self.old.stream == self.new.stream:
            return [NOTHING], state
        if not self.has_begun:
            return [NOTHING], self.new.start()
        cut = self.old.cut(state)
        return [cut.block], self.new.go_on(cut)
