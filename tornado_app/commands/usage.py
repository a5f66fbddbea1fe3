"""``run.py usage``: what calls used and cost, as a table, as CSV or as the records themselves."""

import argparse
import csv
import io
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec

from terminal.words import answer, complain, plain
from tornado_app.settings.schema import Settings, Usage
from tornado_app.usage.reading import (
    NO_PLACE,
    Database,
    open_postgres,
    open_sqlite,
    records_of,
)
from tornado_app.usage.record import Record
from tornado_app.usage.summing import Sum, summed
from tornado_app.usage.usage import wrong_postgres

ROOT = Path(__file__).resolve().parents[2]
HEADS = ("calls", "minutes", "answers", "tools", "tokens", "cached", "cost")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 when it is said, 1 if the database cannot be read, 2 if there is none."""
    usage = settings.usage
    if usage.postgres_url:
        return _say_postgres(options, usage)
    if not usage.database:
        complain(NO_PLACE)
        return 2
    path = ROOT / usage.database
    if not path.exists():
        complain(f"There is no {path} yet: a gateway with these settings makes it when it starts.")
        return 2
    return _say_all(options, str(path), partial(open_sqlite, path), (sqlite3.Error, ValueError))


def _say_postgres(options: argparse.Namespace, usage: Usage) -> int:
    if (wrong := wrong_postgres(usage)) is not None:
        complain(f"usage.postgres_url: {wrong}")
        return 2
    from tornado_app.usage.postgres import ERRORS  # noqa: PLC0415

    opened = partial(open_postgres, usage.postgres_url.reveal())
    return _say_all(options, "PostgreSQL (usage.postgres_url)", opened, ERRORS)


def _say_all(
    options: argparse.Namespace,
    name: str,
    opened: Callable[[], Database],
    errors: tuple[type[Exception], ...],
) -> int:
    try:
        with closing(opened()) as database:
            found = records_of(database, options.since, options.until, options.user)
            _say(options, found)
    except errors as error:
        complain(f"{name} cannot be read: {plain(str(error)) or type(error).__name__}")
        return 1
    return 0


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
    heads = (by, *Sum().figures(), "cost", "currency", "estimated", "unpriced")
    yield _row(heads)
    for name, found in sums.items():
        figures = found.figures().values()
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
        what = "Answers and written turns without a price in usage.prices_file"
        yield f"{what}: {whole.unpriced}; they cost nothing here."


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
