"""Records as they are read again: of some days, and of one user or of all.

Thread: that of whoever opened the database.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Protocol

from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.record import Record

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9999, 12, 31)
DAY_MS = 86_400_000
NO_PLACE = (
    "Nothing is written down that can be read here: usage.postgres_url and usage.database "
    "(PARLEY_USAGE_DATABASE) are empty."
)


class Database(Protocol):
    """Where records are read."""

    def read(self, since_ms: int, until_ms: int) -> Iterator[Record]: ...

    def close(self) -> None: ...


def open_postgres(address: str) -> Database:
    """Raises those of `postgres.ERRORS`, if it cannot be had."""
    # Its package is an option, and takes a while to be read.
    from tornado_app.usage.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(address, is_read_only=True)


def open_sqlite(path: Path) -> Database:
    """Raises `sqlite3.Error`, if it cannot be had."""
    return UsageDatabase(path, is_read_only=True)


def records_of(
    database: Database, since: date | None, until: date | None, user: str | None
) -> Iterator[Record]:
    """Those of the days from *since* up to *until*, and with it (UTC); of that *user* or of all."""
    first_ms = _unix_ms(since or FIRST_DAY)
    for record in database.read(first_ms, _unix_ms(until or LAST_DAY) + DAY_MS):
        if user in {None, record.user_id}:
            yield record


def _unix_ms(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)
