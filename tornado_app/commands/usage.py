"""``run.py usage``: what calls used and cost, as a table, as CSV or as the records themselves."""

import argparse
import csv
import io
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from terminal.words import answer, complain, plain
from tornado_app.settings.schema import Settings, Usage
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.record import Record
from tornado_app.usage.summing import Sum, summed
from tornado_app.usage.usage import wrong_postgres

ROOT = Path(__file__).resolve().parents[2]
HEADS = ("calls", "minutes", "answers", "tools", "tokens", "cached", "cost")
FAR = date(9999, 12, 30)


class Database(Protocol):
    """Where records are read."""

    def read(self, since_ms: int, until_ms: int) -> Iterator[Record]: ...

    def close(self) -> None: ...


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 when it is said, 1 if the database cannot be read, 2 if there is none."""
    usage = settings.usage
    if usage.postgres_url:
        return _say_postgres(options, usage)
    if not usage.database:
        complain(
            "Nothing is written down that can be read here: usage.postgres_url and usage.database "
            "(PARLEY_USAGE_DATABASE) are empty."
        )
        return 2
    path = ROOT / usage.database
    if not path.exists():
        complain(f"There is no {path} yet: it is made with the first record.")
        return 2
    opened = partial(UsageDatabase, path, is_read_only=True)
    return _say_all(options, str(path), opened, (sqlite3.Error, ValueError))


def _say_postgres(options: argparse.Namespace, usage: Usage) -> int:
    if (wrong := wrong_postgres(usage)) is not None:
        complain(f"usage.postgres_url: {wrong}")
        return 2
    from tornado_app.usage.postgres import ERRORS, PostgresDatabase  # noqa: PLC0415

    address = usage.postgres_url.reveal()
    opened = partial(PostgresDatabase, address, is_read_only=True)
    return _say_all(options, "PostgreSQL (usage.postgres_url)", opened, ERRORS)


def _say_all(
    options: argparse.Namespace,
    name: str,
    opened: Callable[[], Database],
    errors: tuple[type[Exception], ...],
) -> int:
    try:
        with closing(opened()) as database:
            _say(options, _wanted(options, database))
    except errors as error:
        complain(f"{name} cannot be read: {plain(str(error)) or type(error).__name__}")
        return 1
    return 0


def _wanted(options: argparse.Namespace, database: Database) -> Iterator[Record]:
    since = _unix_ms(options.since or date(1970, 1, 1))
    until = _unix_ms((options.until or FAR) + timedelta(days=1))
    for record in database.read(since, until):
        if options.user in {None, record.user_id}:
            yield record


def _unix_ms(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def _say(options: argparse.Namespace, records: Iterator[Record]) -> None:
    if options.json:
        for record in records:
            answer(msgspec.json.encode(record).decode())
        return
    sums, whole = summed(records, options.by)
    if options.csv:
        answer(*_csv(options.by, sums))
    elif not sums:
        answer("Nothing was used in that time.")
    else:
        answer(*_table(options.by, sums, whole))


def _csv(by: str, sums: Mapping[str, Sum]) -> Iterator[str]:
    heads = (by, "calls", "call_s", "received_s", "answered_s", "answers", "tools", "tokens")
    yield _row((*heads, "cached_tokens", "cost", "currency", "estimated", "unpriced"))
    for name, found in sums.items():
        figures = (
            found.calls,
            round(found.call_s, 3),
            round(found.received_s, 3),
            round(found.answered_s, 3),
            found.answers,
            found.tools,
            found.tokens,
            found.cached_tokens,
        )
        # A line for each currency; whoever has none has one line all the same.
        for currency, cost in found.costs.items() or [("", "")]:
            yield _row((name, *figures, cost, currency, found.estimated, found.unpriced))


def _row(cells: tuple[object, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _table(by: str, sums: Mapping[str, Sum], whole: Sum) -> Iterator[str]:
    rows = [_cells(name, found) for name, found in sums.items()]
    rows.append(_cells("all", whole))
    heads = (by, *HEADS)
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, *rows):
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join((first.strip().ljust(widths[0]), *others))
    if whole.estimated:
        yield f"Answers that never ended: {whole.estimated}; what they used is estimated."
    if whole.unpriced:
        yield f"Without a price in usage.prices_file: {whole.unpriced}; they cost nothing here."


def _cells(name: str, found: Sum) -> tuple[str, ...]:
    costs = " + ".join(f"{cost:.4f} {currency}" for currency, cost in found.costs.items())
    return (
        plain(name) or "-",
        str(found.calls),
        f"{found.call_s / 60:.1f}",
        str(found.answers),
        str(found.tools),
        str(found.tokens),
        str(found.cached_tokens),
        costs or "-",
    )
