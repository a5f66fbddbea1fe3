"""The usage of a process: what it costs, and where it is written down."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from terminal.files import read_whole
from terminal.words import how_to_install
from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.session.config import SessionConfig
from tornado_app.session.totals import Totals
from tornado_app.settings.schema import Usage as UsageSettings
from tornado_app.settings.secret import Secret
from tornado_app.usage.call_usage import CallUsage, first_given, most_of_answer
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.keeper import Keeper, Sink
from tornado_app.usage.lines import UsageLines
from tornado_app.usage.prices import Prices, read_prices
from tornado_app.usage.record import Record

NOT_UNDERSTOOD = "is no address that PostgreSQL's library understands: a setting or a port in it"
ROOT = Path(__file__).resolve().parents[2]


def prices_of(settings: UsageSettings) -> Prices:
    """What the operator's file says.

    Raises:
        OSError: If it cannot be read.
        ValueError: With a sentence, if it is none.
    """
    if not settings.prices_file:
        return Prices()
    return read_prices(read_whole(ROOT / settings.prices_file))


def _postgres(address: Secret) -> Sink:
    """Its package is an option, and takes a while to be read.  Thread: the keeper's."""
    from tornado_app.usage.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(address.reveal())


def wrong_postgres(settings: UsageSettings) -> str | None:
    """What stands in the way of records in PostgreSQL, in a sentence without the address."""
    if not settings.postgres_url:
        return None
    if find_spec("psycopg") is None:
        return f"the package psycopg is not installed; {how_to_install('postgres')}"
    from tornado_app.usage.postgres import is_understood  # noqa: PLC0415

    return None if is_understood(settings.postgres_url.reveal()) else NOT_UNDERSTOOD


def new_usage(settings: UsageSettings) -> "Usage":
    """One that has begun; raises as `prices_of`."""
    sinks: dict[str, Callable[[], Sink]] = {}
    if settings.database:
        sinks["usage.database"] = partial(UsageDatabase, ROOT / settings.database)
    if settings.postgres_url:
        sinks["usage.postgres_url"] = partial(_postgres, settings.postgres_url)
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
        self.spent = Decimal(0)
        """What all that was used has cost, as far as it has a price."""

    @property
    def currency(self) -> str:
        return self._prices.currency

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

    def most_of_first(
        self, session: ModelSession, server_tools: Sequence[Function | HandedServer]
    ) -> Decimal:
        """What the first answer of a call may cost at the most that begins so and now."""
        today = datetime.now(UTC).date()
        given = first_given(session, server_tools)
        return most_of_answer(self._prices, session, given, session.max_output_tokens, today)

    def go_by(self, prices: Prices) -> None:
        """Those of calls that begin from now on."""
        self._prices = prices

    async def stop(self, timeout_s: float) -> None:
        """Write what is left, as far as that is possible in time."""
        await asyncio.gather(*(keeper.stop(timeout_s) for keeper in self.keepers))

    def _put(self, record: Record) -> None:
        self.spent += record.cost or 0
        for keeper in self.keepers:
            keeper.put(record)
