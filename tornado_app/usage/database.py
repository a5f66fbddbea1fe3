"""Records in SQLite: one row each, which is there once however often it is written.

Thread: that of whoever opened it.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path

import msgspec

from terminal.files import open_private
from tornado_app.usage.record import Record, Unfit

WAIT_S = 5.0
"""For another process that writes, or reads."""
SWEPT_AT_ONCE = 5000
VERSION = 1
TABLE = """
CREATE TABLE IF NOT EXISTS usage (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    seconds REAL NOT NULL,
    received_s REAL NOT NULL,
    answered_s REAL NOT NULL,
    tokens TEXT NOT NULL,
    cost TEXT,
    currency TEXT NOT NULL,
    is_estimated INTEGER NOT NULL,
    response_id TEXT NOT NULL,
    trace_id TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS usage_at ON usage (at);
CREATE INDEX IF NOT EXISTS usage_user ON usage (user_id, at);
"""
COLUMNS = Record.__struct_fields__
INSERT = (
    f"INSERT INTO usage ({', '.join(COLUMNS)}) "  # noqa: S608  names of ours
    f"VALUES ({', '.join('?' * len(COLUMNS))}) "
    "ON CONFLICT (id) DO NOTHING"  # OR IGNORE would pass over what any other constraint refuses
)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM usage WHERE at >= ? AND at < ? ORDER BY at, id"  # noqa: S608
SWEEP = "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE at < ? LIMIT ?)"


class UsageDatabase:
    """Raises `sqlite3.Error` where it cannot be had, read or written."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        """Made, with its directory, if it is not there, unless it is only read."""
        if is_read_only:
            address = f"{path.resolve().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, timeout=WAIT_S, uri=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError):  # SQLite says why, in words of its own
            os.close(open_private(path, os.O_RDWR))  # what it keeps beside it is as private
        self._connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
        try:
            # Readers do not keep a writer waiting, and one commit is one write.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(TABLE)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            self._connection.close()
            raise

    def write(self, records: Sequence[Record]) -> None:
        """All of them or none; those that are there already stay as they are."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.executemany(INSERT, map(_row, records))
                cursor.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    cursor.execute("ROLLBACK")
                if isinstance(error, sqlite3.IntegrityError):
                    raise Unfit(error.sqlite_errorname) from None
                raise

    def read(self, since_ms: int, until_ms: int) -> Iterator[Record]:
        """Those of that time, the oldest first."""
        with closing(self._connection.cursor()) as cursor:
            for row in cursor.execute(SELECT, (since_ms, until_ms)):
                yield _record(row)

    def sweep(self, before_unix_ms: int) -> bool:
        """Take older ones out, some at a time; whether there may be more."""
        with closing(self._connection.cursor()) as cursor:
            swept = cursor.execute(SWEEP, (before_unix_ms, SWEPT_AT_ONCE)).rowcount
        return swept >= SWEPT_AT_ONCE

    def close(self) -> None:
        self._connection.close()


def _row(record: Record) -> tuple[object, ...]:
    return tuple(_values(record))


def _values(record: Record) -> Iterable[object]:
    for name in COLUMNS:
        value = getattr(record, name)
        if isinstance(value, dict):
            yield json.dumps(value, sort_keys=True)
        elif isinstance(value, Decimal):
            yield format(value, "f")
        else:
            yield value


def _record(row: Sequence[object]) -> Record:
    fields = dict(zip(COLUMNS, row, strict=True))
    fields["tokens"] = json.loads(str(fields["tokens"]))
    fields["is_estimated"] = bool(fields["is_estimated"])
    return msgspec.convert(fields, Record, strict=False)
