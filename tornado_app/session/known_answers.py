"""Which answers the model has spoken of: the one that runs, and the last ones that ended."""

from collections.abc import Collection
from dataclasses import dataclass

from tornado_app.errors import Ref
from tornado_app.protocol.realtime.events import ResponseFacts

OVER_KEPT = 16


@dataclass(slots=True)
class Running:
    response_id: str
    """Empty: the model does not say."""
    is_muted: bool = False
    """It was interrupted or given up: what still comes of it is not for the client."""
    is_told: bool = False
    """The client knows that it is over."""
    ref: Ref | None = None
    """What the client calls the turn that it answers."""
    is_filler: bool = False
    """It is said while a tool takes long; the answer to the turn follows."""
    cancel: int = 0
    """The number of our last ``response.cancel`` for it; 0: there was none."""
    refused: ResponseFacts | None = None
    """What its model said of its end, where another is asked in its place."""


class KnownAnswers:
    """Says to which answer an event belongs, and whether that is for the client.  Thread: loop.

    An event without an id is of the answer that runs.
    """

    __slots__ = ("_over", "is_expected", "is_unwanted", "running")

    def __init__(self) -> None:
        self.running: Running | None = None
        self.is_expected = False
        """The model begins an answer by itself, and has not yet."""
        self.is_unwanted = False
        """It may begin one by itself that is not wanted: until then nothing is asked for."""
        self._over: dict[str, bool] = {}
        """The last answers that ended, and whether they were muted."""

    @property
    def is_heard(self) -> bool:
        """An answer runs that the client hears."""
        return self.running is not None and not self.running.is_muted

    @property
    def ref(self) -> Ref | None:
        """What the client calls the turn that is being answered."""
        return self.running.ref if self.running is not None else None

    def runs(self, response_id: str) -> bool:
        """Whether this answer has not ended, whoever hears it."""
        running = self.running
        return running is not None and (running.response_id == response_id or not response_id)

    def may_begin(self, response_id: str) -> bool:
        """Whether this can be an answer not heard of before; the model has but one at a time."""
        if self.running is None:
            return not self.has_ended(response_id)
        are_named = bool(response_id and self.running.response_id)
        return are_named and not self.has_ended(response_id)

    def has_ended(self, response_id: str) -> bool:
        return response_id in self._over

    def has_muted(self, response_id: str) -> bool:
        """Whether this answer is known, and not for the client."""
        running = self.running
        if running is not None and (running.response_id == response_id or not response_id):
            return running.is_muted
        return self._over.get(response_id, False)

    @property
    def names(self) -> frozenset[str]:
        """Of all that are, or were, for the client."""
        names = {name for name, is_muted in self._over.items() if not is_muted}
        if self.running is not None and not self.running.is_muted:
            names.add(self.running.response_id)
        return frozenset(names)

    def unmute(self, names: Collection[str]) -> None:
        """These are for the client again, but for one that was told to stop."""
        running = self.running
        if running is not None and running.response_id in names:
            running.is_muted = bool(running.cancel) or running.is_told
        self._over |= dict.fromkeys(self._over.keys() & names, False)

    def begin(self, response_id: str, ref: Ref | None, *, is_filler: bool) -> Running:
        self.running = Running(response_id, ref=ref, is_filler=is_filler)
        return self.running

    def end(self) -> None:
        """The answer that runs is over."""
        running, self.running = self.running, None
        if running is not None and running.response_id:
            self._over[running.response_id] = running.is_muted
            if len(self._over) > OVER_KEPT:
                del self._over[next(iter(self._over))]

    def mute_ended(self) -> None:
        """Nothing more of any answer that ended is for the client."""
        self._over = dict.fromkeys(self._over, True)

    def forget_ended(self) -> None:
        """The model is another, and has its own names."""
        self._over.clear()
