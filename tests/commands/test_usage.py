"""``run.py usage``: its tables, for people and for programs."""

import csv
import json
import os
from decimal import Decimal

import pytest

from tornado_app.commands.cli import main
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.record import Record

DAY_MS = 86_400_000
FIRST_MS = 20_700 * DAY_MS  # 2026-09-04


def record(number, kind, user, day, **more):
    at = FIRST_MS + day * DAY_MS + number
    return Record(
        id=f"s-{number}", kind=kind, at=at, session_id="s", user_id=user, **{"model": "m"} | more
    )


def answer(number, user, day, cost, **more):
    return record(
        number,
        "answer",
        user,
        day,
        tokens={"text_input": 90, "cached_text_input": 10},
        cost=cost and Decimal(cost),
        currency="USD" if cost else "",
        **more,
    )


RECORDS = [
    answer(1, "alice", 0, "0.00010"),
    answer(2, "alice", 1, "0.00020", is_estimated=True),
    record(3, "tool", "alice", 1, model="get_weather", seconds=1.0),
    record(4, "call", "alice", 1, seconds=90.0, received_s=30.0, answered_s=20.0),
    answer(5, "bob, \x1b[31mRed", 1, None),
]


@pytest.fixture
def path(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith("PARLEY_"):
            monkeypatch.delenv(name)
    path = tmp_path / "usage.sqlite3"
    monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PARLEY_USAGE_DATABASE", str(path))
    return path


@pytest.fixture
def filled(path):
    database = UsageDatabase(path)
    database.write(RECORDS)
    database.close()
    return path


def said(capsys, *words):
    assert 0 == main(["usage", *words])
    return capsys.readouterr().out


def test_people_get_a_table_with_a_sum(filled, capsys):
    """And what is not certain in it."""
    lines = said(capsys).splitlines()

    assert ["user", "calls", "minutes", "answers", "tools", "tokens", "cached", "cost"] == (
        lines[0].split()
    )
    assert ["alice", "1", "1.5", "2", "1", "200", "20", "0.0003", "USD"] == lines[1].split()
    assert "\x1b" not in lines[2]
    assert ["all", "1", "1.5", "3", "1", "300", "30", "0.0003", "USD"] == lines[3].split()
    assert "Answers that never ended: 1; what they used is estimated." == lines[4]
    assert lines[5].startswith(
        "Answers and written turns without a price in usage.prices_file: 1; "
    )


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["--by", "day"], [("2026-09-04", "100"), ("2026-09-05", "200")]),
        (["--by", "model"], [("m", "300")]),
        (["--since", "2026-09-05"], [("alice", "100"), ("bob, [31mRed", "100")]),
        (["--until", "9999-12-31"], [("alice", "200"), ("bob, [31mRed", "100")]),
        (["--until", "2026-09-04"], [("alice", "100")]),
        (["--user", "alice"], [("alice", "200")]),
        (["--since", "2030-01-01"], []),
    ],
)
def test_programs_get_csv(filled, capsys, words, rows):
    """Exact, and by what they want."""
    found = [*csv.DictReader(said(capsys, "--csv", *words).splitlines())]

    name = words[1] if words[0] == "--by" else "user"
    assert rows == [(row[name], row["tokens"]) for row in found]


def test_and_each_record(filled, capsys):
    lines = said(capsys, "--json").splitlines()

    assert [each.id for each in RECORDS] == [json.loads(line)["id"] for line in lines]
    assert "0.00010" == json.loads(lines[0])["cost"]


def test_where_there_is_nothing_it_says_so(path, capsys, monkeypatch):
    """No database yet, none at all, one that is none."""
    assert 2 == main(["usage"])
    assert "makes it when it starts" in capsys.readouterr().err
    path.write_bytes(b"no database" * 100)
    assert 1 == main(["usage"])
    assert "cannot be read" in capsys.readouterr().err
    monkeypatch.setenv("PARLEY_USAGE_DATABASE", "")
    assert 2 == main(["usage"])
    assert "usage.database" in capsys.readouterr().err
