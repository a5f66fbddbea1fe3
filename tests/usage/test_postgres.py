"""Tests of tornado_app/usage/postgres.py, and of a keeper before it, with a real server."""

import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from functools import partial

import pytest

from tests.calls.house import ROOT, house_settings, until, whole_log
from tests.fakes.postgres_server import (
    LONG_S,
    PASSWORD,
    WRITE_S,
    PostgresServer,
    needs_postgres,
)
from tests.usage.test_keeper import record
from tornado_app.usage import keeper as keeper_module
from tornado_app.usage.accountant import Accountant, Unstated
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.keeper import Keeper
from tornado_app.usage.statement import Wanted

needs_postgres()

# They import the package.
from tornado_app.commands.cli import main  # noqa: E402
from tornado_app.usage import postgres  # noqa: E402
from tornado_app.usage.postgres import PostgresDatabase  # noqa: E402

ALL_TIME = (0, 10**14)
# What it has written, line by line, for as long as it lives.
PROGRAM = """
import sys, time
from functools import partial
from pathlib import Path
from tornado_app.usage import keeper
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.postgres import PostgresDatabase
from tornado_app.usage.record import Record

keeper.EACH_S = 0.01
path, url = sys.argv[1:]
sinks = (partial(UsageDatabase, Path(path)), partial(PostgresDatabase, url))
keepers = [keeper.Keeper(sink, 1e4, setting="usage.database") for sink in sinks]
for each in keepers:
    each.start()
for number in range(1_000_000):
    for each in keepers:
        each.put(Record(id=f"s-{number}", kind="tool", at=2 * 10**12, session_id="s", user_id="u"))
    print(min(each.written for each in keepers), flush=True)
    time.sleep(0.0005)
"""
FULL = """
CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_up BEFORE INSERT ON parley_usage EXECUTE FUNCTION full_up();
"""


@pytest.fixture(scope="module")
def server():
    with PostgresServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(postgres, "WRITE_S", WRITE_S)


@pytest.fixture
def table(server):
    """There is none yet, whatever the test before has left."""
    server.ask("DROP TABLE IF EXISTS parley_usage")
    server.ask("DROP FUNCTION IF EXISTS full_up")
    yield server
    server.go_on()  # a test that has failed harms no other


def read(server):
    with closing(PostgresDatabase(server.url, is_read_only=True)) as database:
        return [*database.read(*ALL_TIME)]


def test_a_record_is_there_once_and_as_it_was(table):
    """However often it is written."""
    one = record(1, tokens={"text_input": 3}, cost=Decimal("0.00000120"), currency="USD")
    other = record(2, at=1_900_000_000_000, is_estimated=True, seconds=1.5, user_id='a"\\é🎙')
    with closing(PostgresDatabase(table.url)) as database:
        database.write([one])
        database.write([one, other, other])
        assert [one, other] == [*database.read(*ALL_TIME)] == read(table)
        assert [one] == [*database.read(0, other.at)]
        assert database.sweep(other.at) is False
        assert [other] == [*database.read(*ALL_TIME)]


def test_what_is_old_goes_some_at_a_time(table, monkeypatch):
    monkeypatch.setattr(postgres, "SWEPT_AT_ONCE", 3)
    with closing(PostgresDatabase(table.url)) as database:
        database.write([record(number) for number in range(5)])
        assert [True, False, False] == [database.sweep(10**14) for _ in range(3)]
        assert [] == [*database.read(*ALL_TIME)]


def test_a_name_may_hold_what_postgresql_does_not(table):
    with closing(PostgresDatabase(table.url)) as database:
        database.write([record(1, user_id="a\0b", model="\\u0000", tokens={"text_input": 1})])

    [found] = read(table)
    assert ("a\N{REPLACEMENT CHARACTER}b", "\\u0000") == (found.user_id, found.model)


def test_many_processes_make_one_table(table):
    def write(_):
        with closing(PostgresDatabase(table.url)) as database:
            database.write([record(1)])

    with ThreadPoolExecutor(6) as pool:
        assert [None] * 6 == [*pool.map(write, range(6))]

    assert [record(1)] == read(table)


def test_a_gateway_needs_no_more_than_rows(table):
    """Of a table that somebody else has made for it."""
    PostgresDatabase(table.url).close()
    table.ask("DROP ROLE IF EXISTS gateway")
    table.ask("CREATE ROLE gateway LOGIN PASSWORD 'other'")
    table.ask("GRANT SELECT, INSERT, DELETE ON parley_usage TO gateway")
    url = table.url.replace(f"parley:{PASSWORD}", "gateway:other")
    with closing(PostgresDatabase(url)) as database:
        database.write([record(1)])
        database.sweep(0)
    table.ask("DROP OWNED BY gateway")

    assert [record(1)] == read(table)


def hold(server):
    """Another program has the table; what gives it back."""
    import psycopg  # noqa: PLC0415

    holder = psycopg.connect(server.url)
    holder.execute("LOCK TABLE parley_usage IN ACCESS EXCLUSIVE MODE")
    return holder.close


def pause(server):
    server.pause()
    return server.go_on


def kill(server):
    server.kill()
    return server.start


def fill(server):
    server.ask(FULL)
    return lambda: server.ask("DROP FUNCTION full_up CASCADE")


@pytest.mark.gen_test(timeout=2 * LONG_S)
@pytest.mark.timeout(3 * LONG_S)
@pytest.mark.parametrize(
    ("begin", "whys"),
    [
        (hold, {"LockNotAvailable"}),
        (pause, {"TimeoutError"}),
        (kill, {"OperationalError", "AdminShutdown"}),
        (fill, {"DiskFull"}),
    ],
)
async def test_what_cannot_be_written_waits_and_is_there_once(table, monkeypatch, begin, whys):
    """Also what was under way; the log says why, and no password."""
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.05)
    keeper = Keeper(partial(PostgresDatabase, table.url), 1e4, setting="usage.postgres_url")
    with whole_log("info") as log:
        keeper.start()
        keeper.put(record(1))
        await until(lambda: keeper.written == 1, "the first is not written")
        # Of the connection that is there already: the next has its own.
        keeper._sink._connection.bound_s = keeper._sink._bound_s = 1.0
        end = begin(table)
        for number in range(2, 1300):
            keeper.put(record(number))
        await until(lambda: "usage_unwritten" in log.getvalue(), "nobody complains", LONG_S)
        assert keeper.waiting
        end()
        await until(lambda: keeper.written == 1299, "they are not written")
        assert await keeper.stop(20.0)

    assert {f"s-{number}" for number in range(1, 1300)} == {each.id for each in read(table)}
    assert (0, 0) == (keeper.lost, keeper.waiting)
    line = json.loads(log.getvalue().splitlines()[0])
    assert "usage.postgres_url" == line["setting"]
    assert line["why"] in whys
    assert PASSWORD not in log.getvalue()


@pytest.mark.gen_test
async def test_one_that_is_never_taken_keeps_nobody_waiting(table):
    """It is lost, counted and told of."""
    PostgresDatabase(table.url).close()
    table.ask("ALTER TABLE parley_usage ADD CHECK (user_id <> 'mallory')")
    keeper = Keeper(partial(PostgresDatabase, table.url), 1e4, setting="usage.postgres_url")
    for number in range(5):
        keeper.put(record(number, user_id="mallory" if number == 2 else "alice"))
    with whole_log("info") as log:
        keeper.start()
        await until(lambda: keeper.written == 4, "the others are not written")
        assert await keeper.stop(20.0)

    assert ["s-0", "s-1", "s-3", "s-4"] == [each.id for each in read(table)]
    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("usage_unwritten", "CheckViolation", 1) == (line["event"], line["why"], line["lost"])


@pytest.mark.gen_test
async def test_the_end_does_not_wait_for_a_server_that_stands_still(table):
    """What it has not taken by then counts as lost, and is told of."""
    keeper = Keeper(partial(PostgresDatabase, table.url), 1e4, setting="usage.postgres_url")
    with whole_log("info") as log:
        keeper.start()
        keeper.put(record(1))
        await until(lambda: keeper.written == 1, "the first is not written")
        table.pause()
        try:
            for number in range(2, 5):
                keeper.put(record(number))
            assert not await keeper.stop(0.1)
        finally:
            table.go_on()
        await until(lambda: not keeper._thread.is_alive(), "the thread does not end")

    assert 3 == keeper.lost
    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("usage_lost", 3) == (line["event"], line["count"])


@pytest.mark.gen_test
async def test_a_server_that_lets_nobody_in_is_told_of_at_the_start(server):
    """Without what was tried."""
    url = server.url.replace(PASSWORD, "another-secret-word")
    keeper = Keeper(partial(PostgresDatabase, url), 1, setting="usage.postgres_url")
    with whole_log("info") as log:
        keeper.start()
        await until(lambda: "usage_unwritten" in log.getvalue(), "nobody complains")
        keeper.put(record(1))
        assert not await keeper.stop(20.0)

    assert 1 == keeper.lost
    assert "another-secret-word" not in log.getvalue()


def test_what_a_gateway_has_written_before_it_is_killed_is_there(table, tmp_path):
    """All up to some record, and none of those after it, at both places."""
    path = tmp_path / "usage.sqlite3"
    words = [sys.executable, "-c", PROGRAM, str(path), table.url]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as gateway:
        for line in gateway.stdout:
            if int(line) >= 200:
                break
        gateway.kill()
        said = max(map(int, gateway.stdout), default=200)

    with closing(sqlite3.connect(path)) as database:
        assert [("ok",)] == [*database.execute("PRAGMA integrity_check")]
    for opened in (UsageDatabase(path), PostgresDatabase(table.url)):
        with closing(opened) as database:
            found = {record.id for record in database.read(*ALL_TIME)}
        assert len(found) >= said
        assert {f"s-{number}" for number in range(len(found))} == found


@pytest.fixture
def operator(server, monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith("PARLEY_"):
            monkeypatch.delenv(name)
    (tmp_path / "address").write_text(server.url)
    monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PARLEY_USAGE_DATABASE", str(tmp_path / "usage.sqlite3"))
    return partial(monkeypatch.setenv, "PARLEY_USAGE_POSTGRES_URL_FILE", str(tmp_path / "address"))


def test_the_command_says_the_same_of_both(table, operator, tmp_path, capsys):
    """Tables, and rows for programs, by whatever is asked for."""
    records = [
        record(number, user_id=f"user-{number % 3}", tokens={"text_input": number}, model="m")
        for number in range(10)
    ]
    for database in (UsageDatabase(tmp_path / "usage.sqlite3"), PostgresDatabase(table.url)):
        database.write(records)
        database.close()
    wanted = [["--by", by] for by in ("user", "day", "model", "organisation")]
    wanted += [["--csv"], ["--json"], ["--csv", "--user", "user-1"], ["--since", "2030-01-01"]]

    def said():
        assert [0] * len(wanted) == [main(["usage", *words]) for words in wanted]
        return capsys.readouterr().out

    of_sqlite = said()
    operator()
    table.ask("DELETE FROM parley_usage WHERE id = 's-9'")
    assert of_sqlite != said()
    with closing(PostgresDatabase(table.url)) as database:
        database.write(records)
    assert of_sqlite == said()


def test_the_command_says_what_is_wrong(server, operator, capsys, monkeypatch):
    """And no password."""
    operator()
    server.ask("DROP TABLE IF EXISTS parley_usage")
    assert 1 == main(["usage"])
    assert "parley_usage" in capsys.readouterr().err
    monkeypatch.delenv("PARLEY_USAGE_POSTGRES_URL_FILE")
    monkeypatch.setenv("PARLEY_USAGE_POSTGRES_URL", f"{server.url}?{PASSWORD}=1")
    assert 2 == main(["usage"])
    assert PASSWORD not in capsys.readouterr().err


@pytest.mark.gen_test(timeout=120)
async def test_an_operator_is_told_what_is_in_it(table):
    """By a process that gets its address, and where it is away with no word of it."""
    with closing(PostgresDatabase(table.url)) as database:
        database.write([record(1, cost=Decimal("0.00000120"), currency="USD"), record(2)])
    found = await Accountant().state(house_settings(usage_postgres_url=table.url).usage, Wanted())
    wrong = table.url.replace(PASSWORD, f"{PASSWORD}-not")
    with whole_log("info") as log, pytest.raises(Unstated) as unstated:
        await Accountant().state(house_settings(usage_postgres_url=wrong).usage, Wanted())

    assert {"USD": Decimal("0.00000120")} == found.sums["alice"].costs
    assert "OperationalError" == unstated.value.why
    assert PASSWORD not in log.getvalue()
