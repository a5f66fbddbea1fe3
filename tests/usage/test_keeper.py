"""Tests of tornado_app/usage/keeper.py, with the places where records go."""

import json
import sqlite3
import threading
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from tests.calls.house import until, whole_log
from tornado_app.usage import database as database_module
from tornado_app.usage import keeper as keeper_module
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.keeper import Keeper
from tornado_app.usage.lines import UsageLines
from tornado_app.usage.record import Record


def record(number: int, at: int = 1_800_000_000_000, **more) -> Record:
    common = {"kind": "answer", "session_id": "s", "user_id": "alice"}
    return Record(id=f"s-{number}", at=at, **common | more)


class Flaky:
    """Fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.written: list[Record] = []
        self.is_away = threading.Event()

    def write(self, records):
        if self.failures:
            self.failures -= 1
            raise OSError("no")
        if self.is_away.is_set():
            raise OSError("away")
        self.written += records

    def sweep(self, before_unix_ms):
        pass

    def close(self):
        pass


@pytest.mark.gen_test
async def test_what_cannot_be_written_is_tried_again(monkeypatch):
    """In order, each once; and said in one line."""
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.01)
    sink = Flaky(failures=3)
    keeper = Keeper(lambda: sink, 1, setting="usage.database")
    with whole_log("info") as log:
        keeper.start()
        for number in range(1200):
            keeper.put(record(number))
        await until(lambda: keeper.written == 1200, "they are not written")
        assert await keeper.stop(5.0)

    assert [f"s-{number}" for number in range(1200)] == [each.id for each in sink.written]
    assert 0 == keeper.lost
    assert 1 == log.getvalue().count("usage_unwritten")


@pytest.mark.gen_test
async def test_there_is_room_for_so_many_and_the_rest_is_counted(monkeypatch):
    """Of a place that never comes back; the end does not wait for it."""
    monkeypatch.setattr(keeper_module, "WAITING_MOST", 10)
    sink = Flaky(0)
    sink.is_away.set()
    keeper = Keeper(lambda: sink, 1, setting="usage.database")
    with whole_log("info") as log:
        for number in range(25):
            keeper.put(record(number))
        assert 15 == keeper.lost
        keeper.start()
        await until(lambda: "usage_unwritten" in log.getvalue(), "nobody complains")
        keeper.put(record(25))
        assert not await keeper.stop(5.0)

    assert 26 == keeper.lost
    lines = [json.loads(text) for text in log.getvalue().splitlines()]
    # What had no room since the last line is told of at the end, with what never left.
    assert [("usage_unwritten", 15), ("usage_lost", 11)] == [
        (line["event"], line.get("lost", line.get("count"))) for line in lines
    ]


@pytest.mark.gen_test
async def test_what_comes_faster_than_a_place_takes_it_is_told_of(monkeypatch):
    """Nothing fails there, and yet there is no room."""
    monkeypatch.setattr(keeper_module, "WAITING_MOST", 10)
    monkeypatch.setattr(keeper_module, "EACH_S", 0.01)
    goes_on = threading.Event()

    class Slow(Flaky):
        def write(self, records):
            assert goes_on.wait(30)
            super().write(records)

    keeper = Keeper(lambda: Slow(0), 1, setting="usage.postgres_url")
    with whole_log("info") as log:
        keeper.start()
        for number in range(25):
            keeper.put(record(number))
        goes_on.set()
        await until(lambda: "usage_lost" in log.getvalue(), "it is not told")
        assert await keeper.stop(20.0)

    assert (10, 15) == (keeper.written, keeper.lost)
    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("usage_lost", "usage.postgres_url", 15) == (
        line["event"],
        line["setting"],
        line["count"],
    )


@pytest.mark.gen_test
async def test_what_an_operators_constraint_refuses_is_lost_and_told(tmp_path, monkeypatch):
    """And no other record; one that is there already was refused by nobody."""
    path, named = tmp_path / "usage.sqlite3", "user_id TEXT NOT NULL"
    theirs = database_module.TABLE.replace(named, f"{named} CHECK (user_id <> 'mallory')")
    monkeypatch.setattr(database_module, "TABLE", theirs)
    database = UsageDatabase(path)
    database.write([record(0)])
    database.close()
    keeper = Keeper(partial(UsageDatabase, path), 1e4, setting="usage.database")
    for number in range(4):
        keeper.put(record(number, user_id="mallory" if number == 2 else "alice"))
    with whole_log("info") as log:
        keeper.start()
        await until(lambda: keeper.waiting == 0, "they are not written")
        assert await keeper.stop(20.0)

    assert (3, 1) == (keeper.written, keeper.lost)
    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("usage_unwritten", "SQLITE_CONSTRAINT_CHECK", 1) == (
        line["event"],
        line["why"],
        line["lost"],
    )


def test_a_record_is_there_once_in_the_database(tmp_path):
    """However often it is written; exactly as it was."""
    database = UsageDatabase(tmp_path / "new" / "usage.sqlite3")
    one = record(1, tokens={"text_input": 3}, cost=Decimal("0.00000120"), currency="USD")
    other = record(2, at=1_900_000_000_000, is_estimated=True, seconds=1.5)
    database.write([one])
    database.write([one, other])

    assert [one, other] == [*database.read(0, 2_000_000_000_000)]
    assert [one] == [*database.read(0, other.at)]
    database.sweep(other.at)
    assert [other] == [*database.read(0, 2_000_000_000_000)]
    database.close()


@pytest.mark.gen_test
async def test_a_database_that_somebody_holds_is_waited_for(tmp_path, monkeypatch):
    """Longer than SQLite itself does."""
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.01)
    monkeypatch.setattr("tornado_app.usage.database.WAIT_S", 0.01)
    path = tmp_path / "usage.sqlite3"
    UsageDatabase(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    keeper = Keeper(partial(UsageDatabase, path), 1, setting="usage.database")
    with whole_log("info") as log:
        keeper.start()
        keeper.put(record(1))
        await until(lambda: "usage_unwritten" in log.getvalue(), "nobody complains")
        assert 1 == keeper.waiting
        holder.execute("ROLLBACK")
        await until(lambda: keeper.written == 1, "it is not written")
        await keeper.stop(5.0)
    holder.close()


@pytest.mark.parametrize(
    ("sink", "place", "why"),
    [
        (UsageDatabase, "gone/usage.sqlite3", "EEXIST"),
        (UsageDatabase, "folder", "SQLITE_CANTOPEN"),
        (UsageDatabase, "gone", "SQLITE_NOTADB"),
        (partial(UsageLines, most_bytes=1000), "gone/usage.jsonl", "EEXIST"),
        (partial(UsageLines, most_bytes=1000), "folder", "EISDIR"),
        (partial(UsageLines, Path("/dev/full"), 1000), None, "ENOSPC"),
    ],
)
@pytest.mark.gen_test
async def test_a_place_that_is_none_is_named_at_the_start(tmp_path, sink, place, why):
    """Before there is a call, with the word for what is wrong; nothing that is there is touched."""
    (tmp_path / "gone").write_text("no database, but a file that is long enough for one" * 20)
    (tmp_path / "folder").mkdir()
    made = partial(sink, tmp_path / place) if place else sink
    keeper = Keeper(made, 1, setting="usage.lines_file")
    with whole_log("info") as log:
        keeper.start()
        if not place:
            keeper.put(record(1))
        await until(lambda: "usage_unwritten" in log.getvalue(), "nobody complains")
        await keeper.stop(5.0)

    assert (tmp_path / "folder").is_dir()
    line = json.loads(log.getvalue().splitlines()[0])
    assert ("usage.lines_file", why) == (line["setting"], line["why"])


@pytest.mark.gen_test
async def test_a_place_is_made_before_there_is_anything_for_it(tmp_path):
    """Whoever looks for records finds none, and not that there is no such file."""
    database, lines = tmp_path / "new" / "usage.sqlite3", tmp_path / "other" / "usage.jsonl"
    sinks = (partial(UsageDatabase, database), partial(UsageLines, lines, 1000))
    keepers = [Keeper(sink, 1, setting="usage.database") for sink in sinks]
    for keeper in keepers:
        keeper.start()
    await until(lambda: database.exists() and lines.exists(), "they are not made")
    assert all([await keeper.stop(5.0) for keeper in keepers])

    read = UsageDatabase(database, is_read_only=True)
    assert [] == [*read.read(0, 10**14)]
    read.close()
    assert "" == lines.read_text()


def test_a_file_of_lines_is_renamed_when_it_is_large(tmp_path):
    """No line is cut, and old ones are deleted with their file."""
    path = tmp_path / "usage.jsonl"
    lines = UsageLines(path, 1000)
    for number in range(20):
        lines.write([record(number)])

    files = sorted(tmp_path.glob("usage*.jsonl"))
    assert len(files) > 1
    found = [json.loads(text) for file in files for text in file.read_text().splitlines()]
    assert {f"s-{number}" for number in range(20)} == {each["id"] for each in found}
    lines.sweep(0)
    assert files == sorted(tmp_path.glob("usage*.jsonl"))
    lines.sweep(10**14)
    assert [path] == sorted(tmp_path.glob("usage*.jsonl"))


def test_a_file_of_lines_that_cannot_be_deleted_keeps_no_other(tmp_path):
    """In whichever order they are found."""
    stays = [tmp_path / f"usage-20260101T000000000000Z-{number}.jsonl" for number in (1, 3)]
    for path in stays:
        path.mkdir()
    for number in range(4, 20):
        (tmp_path / f"usage-20260101T000000000000Z-{number}.jsonl").touch()

    with pytest.raises(OSError, match="directory"):
        UsageLines(tmp_path / "usage.jsonl", 1000).sweep(10**14)
    assert {*stays} == {*tmp_path.iterdir()}


def test_no_other_file_is_taken_for_one_of_lines(tmp_path):
    """Only what was renamed is deleted, though the file be named as a pattern is."""
    lines = UsageLines(tmp_path / "usage[1].jsonl", 1000)
    others = [tmp_path / name for name in ("usage[1]-prices.jsonl", "usage1-2.jsonl")]
    for other in others:
        other.touch()
    for number in range(20):
        lines.write([record(number)])

    lines.sweep(10**14)
    assert {tmp_path / "usage[1].jsonl", *others} == {*tmp_path.iterdir()}


def test_a_file_that_another_process_has_deleted_or_renamed_is_no_trouble(tmp_path, monkeypatch):
    """All processes have one file of lines, and delete the same old ones."""
    path = tmp_path / "usage.jsonl"
    lines = UsageLines(path, 1000)
    for number in range(20):
        lines.write([record(number)])
    gone = tmp_path / "usage-20260101T000000000000Z-1.jsonl"
    gone.symlink_to(tmp_path / "nowhere")
    lines.sweep(10**14)
    assert {path, gone} == {*tmp_path.iterdir()}

    rename = Path.rename

    def late(self, target):
        rename(self, tmp_path / "by another")
        rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    lines.write([record(number) for number in range(20, 40)])
    assert 20 == len(path.read_text().splitlines())
