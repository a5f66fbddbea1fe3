"""Records in PostgreSQL, for all gateways of all machines: a row each, however often it is written.

Thread: that of whoever opened it.  Nothing here waits without a bound: for a connection, for each
answer by our clock (a server that was stopped answers nothing, and its kernel still says that it is
there), and by the server's own for what it works at.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from tornado_app.usage.record import Record, Unfit

ERRORS = (psycopg.Error, TimeoutError, msgspec.ValidationError)
CONNECT_S = 5
"""To one host; an address may name several."""
WRITE_S = 5.0
READ_S = 60.0
"""An answer; 2,000 records of a table of millions come in a few milliseconds, sorted in seconds."""
WORK_PART, LOCK_PART = 0.8, 0.4
"""The server gives up before we do, and says whether it had to wait for somebody."""
SWEPT_AT_ONCE = 5000
FETCHED_AT_ONCE = 2000
ALWAYS: dict[str, str | int] = {
    "application_name": "parley",
    # A cable that was pulled says nothing; who waits for nothing asks now and then.
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Unless the operator's address says otherwise."""
TYPES = {
    "id": "text",
    "kind": "text",
    "at": "bigint",
    "session_id": "text",
    "user_id": "text",
    "organisation": "text",
    "model": "text",
    "status": "text",
    "seconds": "double precision",
    "received_s": "double precision",
    "answered_s": "double precision",
    "tokens": "jsonb",
    "cost": "numeric",
    "currency": "text",
    "is_estimated": "boolean",
    "response_id": "text",
    "trace_id": "text",
}
NAMES = ", ".join(TYPES)
RECORD = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
COLUMNS = ", ".join(
    f"{name} {kind}" if name == "cost" else f"{name} {kind} NOT NULL"
    for name, kind in TYPES.items()
)
TABLE = f"""
CREATE TABLE IF NOT EXISTS parley_usage ({COLUMNS}, PRIMARY KEY (id));
CREATE INDEX IF NOT EXISTS parley_usage_at ON parley_usage (at);
CREATE INDEX IF NOT EXISTS parley_usage_user ON parley_usage (user_id, at);
"""
IS_THERE = "SELECT to_regclass('parley_usage') IS NOT NULL"
ONE_MAKES_IT = "SELECT pg_advisory_xact_lock(hashtext('parley_usage'))"
BOUNDS = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)"
# One statement and one text, for any number of records.
INSERT = (
    f"INSERT INTO parley_usage ({NAMES}) "  # noqa: S608  names of ours
    f"SELECT {NAMES} FROM jsonb_to_recordset(%s::jsonb) AS record({RECORD}) "
    "ON CONFLICT DO NOTHING"
)
SELECT = f"SELECT {NAMES} FROM parley_usage WHERE at >= %s AND at < %s ORDER BY at, id"  # noqa: S608
SWEEP = "DELETE FROM parley_usage WHERE id IN (SELECT id FROM parley_usage WHERE at < %s LIMIT %s)"


def is_understood(address: str) -> bool:
    """Whether PostgreSQL's own library knows how to read it; nobody is asked."""
    try:
        conninfo_to_dict(address)
    except psycopg.Error:
        return False
    return True


class PostgresDatabase:
    """Raises `ERRORS` where it cannot be had, read or written."""

    def __init__(self, address: str, *, is_read_only: bool = False) -> None:
        """With its table, if there is none, unless it is only read."""
        self._bound_s = READ_S if is_read_only else WRITE_S
        found: dict[str, Any] = {**ALWAYS, **conninfo_to_dict(address)}
        wanted = found | {"connect_timeout": CONNECT_S, "client_encoding": "utf8"}
        # Poolers hand out another server for each transaction, which knows no statement of before.
        self._connection = _Bounded.connect(make_conninfo(**wanted), prepare_threshold=None)
        self._connection.bound_s = self._bound_s
        try:
            self._connection.read_only = is_read_only or None
            if not is_read_only:
                self._make()
        except BaseException:
            self._connection.close()
            raise

    def write(self, records: Sequence[Record]) -> None:
        """All of them or none; those that are there already stay as they are."""
        if not records:
            return
        try:
            self._begin()
            self._connection.execute(INSERT, (_text(records),))
            self._connection.commit()
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            self._connection.rollback()
            raise Unfit(type(error).__name__) from None

    def read(self, since_ms: int, until_ms: int) -> Iterator[Record]:
        """Those of that time, the oldest first."""
        self._begin()
        with self._connection.cursor("usage", row_factory=dict_row) as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            for row in cursor.execute(SELECT, (since_ms, until_ms)):
                yield msgspec.convert(row, Record)
        self._connection.commit()

    def sweep(self, before_unix_ms: int) -> bool:
        """Take older ones out, some at a time; whether there may be more."""
        self._begin()
        swept = self._connection.execute(SWEEP, (before_unix_ms, SWEPT_AT_ONCE)).rowcount
        self._connection.commit()
        return swept >= SWEPT_AT_ONCE

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> None:
        """For this transaction alone, as a pooler has others in the same session."""
        whole_ms, lock_ms = (round(self._bound_s * part * 1000) for part in (WORK_PART, LOCK_PART))
        self._connection.execute(BOUNDS, (str(whole_ms), str(lock_ms)))

    def _make(self) -> None:
        """Whoever made the table need not let a gateway make any."""
        self._begin()
        if not self._connection.execute(IS_THERE).fetchall()[0][0]:
            # Two that make it at once would fail in spite of IF NOT EXISTS.
            self._connection.execute(ONE_MAKES_IT)
            self._connection.execute(TABLE)
        self._connection.commit()


class _Bounded(psycopg.Connection[Any]):
    """One that gives up an answer for which it has waited for too long."""

    bound_s = WRITE_S

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As the package's own, below its public surface; closed is what may still be answered."""
        try:
            return super().wait(gen, interval, timeout or self.bound_s)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  it has no other name
            self.pgconn.finish()
            raise TimeoutError from None


def _text(records: Sequence[Record]) -> str:
    """A text of PostgreSQL has no NUL, and a name may be anything."""
    text = msgspec.json.encode(records)
    if b"\\u0000" in text:
        text = msgspec.json.encode(_without_nul(msgspec.to_builtins(records)))
    return text.decode()


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case dict():
            return {_without_nul(name): _without_nul(each) for name, each in value.items()}
        case list():
            return [_without_nul(each) for each in value]
    return value
