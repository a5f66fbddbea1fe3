"""Calls talk while the places of their records are killed, full, held by others or hang."""

import itertools
import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House, until, whole_log
from tests.fakes.postgres_server import LONG_S, WRITE_S, PostgresServer, needs_postgres
from tornado_app.usage import keeper as keeper_module
from tornado_app.usage.database import UsageDatabase

needs_postgres()

CALLS = 6
CHUNKS = 8
CHUNK = bytes(960)
ALL_TIME = (0, 10**14)
PADDING = """
ALTER TABLE parley_usage ALTER COLUMN model SET STORAGE PLAIN;
INSERT INTO parley_usage SELECT n::text, 'call', 0, '', '', '', repeat('x', 7800), '', 0, 0, 0,
'{}', NULL, '', false, '', '' FROM generate_series(1, 140) n;
"""
"""A table that is larger than a segment of the server's own log: what grows is the table."""


class Disk:
    """That of SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.pages = 1 << 30

    def hang(self):
        self.goes_on.clear()

    def fill(self):
        with closing(sqlite3.connect(self.path)) as database:
            [(self.pages,)] = database.execute("PRAGMA page_count")

    def hold(self):
        self.holder = sqlite3.connect(self.path, isolation_level=None)
        self.holder.execute("BEGIN EXCLUSIVE")

    def mend(self):
        self.goes_on.set()
        self.pages = 1 << 30

    def release(self):
        self.holder.close()


def on(disk):
    """SQLite as it is, but for how much the disk takes, and when."""

    class OnDisk(UsageDatabase):
        def write(self, records):
            assert disk.goes_on.wait(60)
            self._connection.execute(f"PRAGMA max_page_count = {disk.pages}")
            super().write(records)

    return OnDisk


def fill(server):
    """No file of the server grows any more."""
    server.ask(PADDING)
    [(size_bytes,)] = server.ask("SELECT pg_relation_size('parley_usage')")
    server.bound_files(str(size_bytes))


def mend(server):
    server.bound_files("unlimited")


def hold(server):
    import psycopg  # noqa: PLC0415

    server.holder = psycopg.connect(server.url)
    server.holder.execute("LOCK TABLE parley_usage IN ACCESS EXCLUSIVE MODE")


def release(server):
    server.holder.close()


TROUBLES = {
    "hung and killed": (Disk.hang, Disk.mend, PostgresServer.kill, PostgresServer.start),
    "full": (Disk.fill, Disk.mend, fill, mend),
    "held": (Disk.hold, Disk.release, hold, release),
    "held and hung": (Disk.hold, Disk.release, PostgresServer.pause, PostgresServer.go_on),
}


@pytest.fixture(scope="module")
def server():
    with PostgresServer() as server:
        yield server


@pytest.fixture
def disk(server, tmp_path, monkeypatch):
    server.ask("DROP TABLE IF EXISTS parley_usage")
    disk = Disk(tmp_path / "usage.sqlite3")
    monkeypatch.setattr("tornado_app.usage.usage.UsageDatabase", on(disk))
    monkeypatch.setattr("tornado_app.usage.database.WAIT_S", 0.05)
    monkeypatch.setattr("tornado_app.usage.postgres.WRITE_S", WRITE_S)
    monkeypatch.setattr(keeper_module, "EACH_S", 0.05)
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.05)
    monkeypatch.setattr(keeper_module, "LINE_EACH_S", 0.0)
    yield disk
    server.go_on()  # a test that has failed harms no other


@pytest.fixture
def settings(server, disk):
    return {
        "usage_database": str(disk.path),
        "usage_postgres_url": server.url,
        "usage_lines_file": str(disk.path.with_suffix(".jsonl")),
    }


async def talk(clients):
    """Each says some, is told of every chunk of it, and gets an answer."""
    for client in clients:
        for _ in range(CHUNKS):
            await client.audio(CHUNK)
        await client.say("text", text="Say something.")
    for client in clients:
        # A typed turn waits for no chunk that was sent before it.
        left = Counter({"audio_received": CHUNKS, "response_done": 1})
        while +left:
            heard = await client.read()
            assert heard is not None
            if isinstance(heard, dict):
                left[heard["type"]] -= 1
        assert "error" not in client.types


async def talk_until(clients, is_so, why):
    """Round after round; the rounds."""
    deadline = time.monotonic() + LONG_S
    for rounds in itertools.count(1):
        await talk(clients)
        if is_so():
            return rounds
        assert time.monotonic() < deadline, why
    raise AssertionError


def written(settings, server):
    """The ids at each place; what is there twice counts twice."""
    lines = Path(settings["usage_lines_file"]).read_text("utf-8").splitlines()
    yield sorted(json.loads(line)["id"] for line in lines)
    with closing(UsageDatabase(Path(settings["usage_database"]), is_read_only=True)) as database:
        yield sorted(record.id for record in database.read(*ALL_TIME))
    yield sorted(name for (name,) in server.ask("SELECT id FROM parley_usage WHERE user_id <> ''"))


@asynccontextmanager
async def a_house(settings):
    """Before a local model that takes no time; and its clients."""
    model = LocalRealtime(ServerConfig(pace=0))
    url = f"ws://127.0.0.1:{model.listen('127.0.0.1', 0)}/v1/realtime"
    async with House(url, **settings) as house:
        users = [f"user-{number}" for number in range(CALLS)]
        yield house, [await house.connected("turn_detection=none", user=user) for user in users]
    await model.close()


def hurry(keeper):
    """Of the connection that is there; the next ones are patient with a busy computer."""
    keeper._sink._bound_s = keeper._sink._connection.bound_s = 1.0


@pytest.mark.gen_test(timeout=2 * LONG_S)
@pytest.mark.timeout(3 * LONG_S)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_call_notices_and_no_record_is_lost(server, disk, settings, trouble):
    """Nor is one there twice; and the log says of each place that answers what is wrong."""
    begin_disk, end_disk, begin_server, end_server = TROUBLES[trouble]
    with whole_log("error") as log:
        async with a_house(settings) as (house, clients):
            sqlite, postgresql, lines = house.gateway.records.usage.keepers
            rounds = await talk_until(clients, lambda: True, "")
            await until(lambda: sqlite.written == postgresql.written == CALLS, "not written")
            hurry(postgresql)
            begin_disk(disk)
            begin_server(server)
            rounds += await talk_until(
                clients,
                lambda: (
                    '"usage.postgres_url"' in log.getvalue()
                    and ("hung and" in trouble or '"usage.database"' in log.getvalue())
                    and sqlite.waiting
                    and postgresql.waiting
                ),
                "nobody complains",
            )
            rounds += await talk_until(clients, lambda: True, "")
            end_disk(disk)
            end_server(server)
            rounds += await talk_until(clients, lambda: True, "")
            keepers = (sqlite, postgresql, lines)
            await until(
                lambda: [rounds * CALLS] * 3 == [keeper.written for keeper in keepers],
                "not everything is written",
            )
            assert [0] * 3 == [keeper.lost for keeper in keepers]
    of_lines, of_sqlite, of_postgresql = written(settings, server)
    assert (rounds + 1) * CALLS == len(of_lines)
    assert of_lines == of_sqlite == of_postgresql


@pytest.mark.gen_test(timeout=2 * LONG_S)
@pytest.mark.timeout(3 * LONG_S)
async def test_what_is_lost_is_counted_and_told_of(server, disk, settings, monkeypatch):
    """Beyond the bound, and to the record: at each place that many are missing."""
    monkeypatch.setattr(keeper_module, "WAITING_MOST", 2 * CALLS)
    with whole_log("error") as log:
        async with a_house(settings) as (house, clients):
            sqlite, postgresql, _ = house.gateway.records.usage.keepers
            await talk(clients)
            await until(lambda: sqlite.written == postgresql.written == CALLS, "not written")
            hurry(postgresql)
            disk.hold()
            hold(server)
            rounds = 1 + await talk_until(
                clients, lambda: sqlite.lost and postgresql.lost, "nothing is lost"
            )
            await until(lambda: f'"lost": {sqlite.lost}' in log.getvalue(), "it is not told")
            page = await house.scrape()
            disk.release()
            release(server)
            await until(lambda: not sqlite.waiting and not postgresql.waiting, "not written")
            for keeper in (sqlite, postgresql):
                labels = {"setting": keeper.setting, "outcome": "lost"}
                assert keeper.lost == page("usage_records_total", **labels)
            keepers = house.gateway.records.usage.keepers
    # In the order of `written`: lines come first there.
    found = zip(written(settings, server), (keepers[2], *keepers[:2]), strict=True)
    assert [(rounds + 1) * CALLS] * 3 == [len(ids) + keeper.lost for ids, keeper in found]
