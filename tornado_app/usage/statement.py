"""The process that adds records up for somebody: ``python -m tornado_app.usage.statement``.

Its whole order comes as JSON on standard input, as an address with a password in an argument could
be seen by everybody on the computer; its answer goes as JSON to standard output.  Whoever started
it watches the clock, and kills.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TypeAlias

import msgspec

from tornado_app.usage.reading import (
    FIRST_DAY,
    LAST_DAY,
    Database,
    open_postgres,
    open_sqlite,
    records_of,
)
from tornado_app.usage.record import Record
from tornado_app.usage.summing import By, Sum, summed
from tornado_app.usage.trouble import word_of

NICENESS = 10
"""Whoever asks waits for speech, where there is one core for both."""
MEMORY_BYTES = 1 << 30
"""Of address space: a sum takes some 700 bytes, and there is one for each name."""
ALARM_S = 60
"""For a gateway that was killed, and watches no clock any more."""


class Wanted(msgspec.Struct, frozen=True):
    """Which sums."""

    by: By = "user"
    since: date = FIRST_DAY
    until: date = LAST_DAY
    """And with it."""
    user: str | None = None
    after: str | None = None
    """Those whose names are behind that."""
    limit: int = 100


class Order(msgspec.Struct, frozen=True):
    """From whoever starts it; its repr has a password."""

    wanted: Wanted
    database: str = ""
    """A path of SQLite."""
    postgres_url: str = ""
    """Is asked in its place."""


class Statement(msgspec.Struct, frozen=True, tag=True):
    """A page of sums, in the order of their names."""

    sums: dict[str, Sum]
    whole: Sum
    """Of all pages."""
    next: str | None
    """For `Wanted.after`; None: these were the last."""


class Unreadable(msgspec.Struct, frozen=True, tag=True):
    """There is none."""

    why: str
    """In a word."""


Answer: TypeAlias = Statement | Unreadable


def state(records: Iterable[Record], wanted: Wanted) -> Statement:
    """All are added up for every page: which names are on it only the last record tells."""
    sums, whole = summed(records, wanted.by)
    after = wanted.after
    names = [name for name in sums if after is None or name > after]
    shown = names[: wanted.limit]
    has_more = len(names) > len(shown)
    return Statement({name: sums[name] for name in shown}, whole, shown[-1] if has_more else None)


def answer(order: Order) -> Answer:
    """Raises nothing, whatever the place is."""
    wanted = order.wanted
    try:
        with closing(_opened(order)) as database:
            records = records_of(database, wanted.since, wanted.until, wanted.user)
            return state(records, wanted)
    except Exception as error:  # noqa: BLE001  whatever a library says of a disk
        return Unreadable(word_of(error))


def _opened(order: Order) -> Database:
    if order.postgres_url:
        return open_postgres(order.postgres_url)
    return open_sqlite(Path(order.database))


def main() -> None:
    signal.alarm(ALARM_S)
    os.nice(NICENESS)
    # macOS knows the name of this limit and sets none.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(answer(order)))


if __name__ == "__main__":
    main()
