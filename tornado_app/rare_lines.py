"""Lines of the log that strangers can cause, and therefore only so many in a minute."""

from asyncio import AbstractEventLoop, TimerHandle
from collections import Counter
from collections.abc import Callable, Mapping

from tornado_app.log_levels import level_number
from tornado_app.logs import get_logger

MINUTE_S = 60.0


class RareLines:
    """Writes the first lines of a minute, and at its end how many more there would have been.

    Thread: loop.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        per_minute: int = 1,
        hear: Callable[[str, Mapping[str, object]], None] = lambda _event, _fields: None,
    ) -> None:
        """*hear* is told of each, written or not."""
        self._loop = loop
        self._per_minute = per_minute
        self._hear = hear
        self._written: Counter[str] = Counter()
        self._unlogged: Counter[str] = Counter()
        self._timer: TimerHandle | None = None
        self._log = get_logger()

    def log(self, event: str, **fields: object) -> None:
        """One line, unless this minute has enough of *event*."""
        self._hear(event, fields)
        if self._written[event] >= self._per_minute:
            self._unlogged[event] += 1
            return
        self._written[event] += 1
        self._log.log(level_number(event), event, **fields)
        if self._timer is None:
            self._timer = self._loop.call_later(MINUTE_S, self._end_minute)

    def close(self) -> None:
        """Say what was left out, and no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._say_unlogged()

    def _end_minute(self) -> None:
        self._timer = None
        self._say_unlogged()

    def _say_unlogged(self) -> None:
        left_out, self._unlogged = self._unlogged, Counter()
        self._written.clear()
        for event, lines in left_out.items():
            self._log.log(level_number(event), event, unlogged=lines)
