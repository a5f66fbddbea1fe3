"""Where the facts of one call go: to the metrics, to whoever listens, and to the log."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tornado_app.log_levels import level_number
from tornado_app.metrics.calls import count_totals
from tornado_app.metrics.definitions import ADDED_LATENCY
from tornado_app.metrics.tally import Tally
from tornado_app.metrics.translation import hear
from tornado_app.session import commands
from tornado_app.session.totals import Totals


class Listener(Protocol):
    """Is told of each, also of those that are not written down."""

    def hear(self, event: str, fields: Mapping[str, Any], now: float) -> None: ...


class CallFacts:
    """Thread: loop."""

    __slots__ = ("_clock", "_listeners", "_log", "_tally")

    def __init__(
        self,
        log: Any,
        tally: Tally,
        clock: Callable[[], float],
        listeners: tuple[Listener | None, ...],
    ) -> None:
        """*listeners* hear a fact in this order, and before it is written down; None: nobody."""
        self._log = log
        self._tally = tally
        self._clock = clock
        self._listeners = tuple(each for each in listeners if each is not None)

    def note(self, fact: commands.Log | commands.Timed) -> None:
        if isinstance(fact, commands.Timed):
            self._tally.observe(ADDED_LATENCY, fact.seconds, fact.direction)
            return
        hear(self._tally, fact.event, fact.fields)
        for listener in self._listeners:
            listener.hear(fact.event, fact.fields, self._clock())
        if fact.is_written:
            self._log.log(level_number(fact.event), fact.event, **fact.fields)

    def count(self, totals: Totals) -> None:
        """What there was in all, when the call is over."""
        count_totals(self._tally, totals)
