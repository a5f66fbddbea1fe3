"""The usage of a process: what it costs, and where it is written down."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tornado_app.session.config import SessionConfig
from tornado_app.session.totals import Totals
from tornado_app.settings.schema import Usage as UsageSettings
from tornado_app.usage.call_usage import CallUsage
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.keeper import Keeper, Sink
from tornado_app.usage.lines import UsageLines
from tornado_app.usage.prices import Prices, read_prices
from tornado_app.usage.record import Record

ROOT = Path(__file__).resolve().parents[2]


def prices_of(settings: UsageSettings) -> Prices:
    """What the operator's file says.

    Raises:
        OSError: If it cannot be read.
        ValueError: With a sentence, if it is none.
    """
    if not settings.prices_file:
        return Prices()
    return read_prices((ROOT / settings.prices_file).read_bytes())


def new_usage(settings: UsageSettings) -> "Usage":
    """One that has begun; raises as `prices_of`."""
    sinks: dict[str, Callable[[], Sink]] = {}
    if settings.database:
        sinks["usage.database"] = partial(UsageDatabase, ROOT / settings.database)
    if settings.lines_file:
        path, most_bytes = ROOT / settings.lines_file, settings.lines_bytes
        sinks["usage.lines_file"] = partial(UsageLines, path, most_bytes)
    days = settings.keep_days
    keepers = [Keeper(sink, days, setting=setting) for setting, sink in sinks.items()]
    usage = Usage(keepers, prices_of(settings))
    for keeper in usage.keepers:
        keeper.start()
    return usage


class Usage:
    """Thread: loop."""

    def __init__(self, keepers: Sequence[Keeper], prices: Prices) -> None:
        self.keepers = keepers
        """Of each place where records are written; none: nothing is written down."""
        self._prices = prices

    def begin(
        self,
        config: SessionConfig,
        organisation: str,
        trace_id: str,
        totals: Callable[[], Totals],
    ) -> CallUsage:
        """Who counts what that call uses."""
        return CallUsage(
            config,
            totals,
            self._put,
            prices=self._prices,
            organisation=organisation,
            trace_id=trace_id,
        )

    def go_by(self, prices: Prices) -> None:
        """Those of calls that begin from now on."""
        self._prices = prices

    async def stop(self, timeout_s: float) -> None:
        """Write what is left, as far as that is possible in time."""
        for keeper in self.keepers:
            await keeper.stop(timeout_s)

    def _put(self, record: Record) -> None:
        for keeper in self.keepers:
            keeper.put(record)
