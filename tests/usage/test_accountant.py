"""Tests of tornado_app/usage/accountant.py, with the process and with programs that are none."""

import asyncio
import json
import os
import signal
import sys
from contextlib import closing

import pytest

from tests.calls.house import house_settings, until, whole_log
from tests.usage.test_keeper import record
from tornado_app.usage.accountant import Accountant, Busy, NoPlace, Unstated
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.statement import Wanted

HANGS = ("sleep", "1000")
# Its words would be an answer, if they were all of it.
SAYS_MUCH = (sys.executable, "-c", "while True: print('{}' * 10_000)")
SEES = """
import json, os
seen = [open("/proc/self/cmdline").read(), dict(os.environ)]
print(json.dumps({"type": "Unreadable", "why": json.dumps(seen)}))
"""
SHOWS_ALL = (sys.executable, "-c", SEES)


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "usage.sqlite3"
    with closing(UsageDatabase(path)) as database:
        database.write([record(number) for number in range(3)])
    return house_settings(usage_database=str(path)).usage


@pytest.fixture
def processes(monkeypatch):
    """All that were started."""
    started, start = [], asyncio.create_subprocess_exec

    async def noted(*words, **how):
        started.append(await start(*words, **how))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    return started


@pytest.mark.gen_test(timeout=60)
async def test_it_is_added_up_by_another_process(place, processes):
    """Of which nothing is left."""
    accountant = Accountant()
    with whole_log("info") as log:
        for _ in range(2):
            assert 3 == (await accountant.state(place, Wanted())).sums["alice"].answers

    assert 2 == len(processes)
    assert None not in {process.returncode for process in processes}
    assert "" == log.getvalue()


@pytest.mark.parametrize(
    ("program", "timeout_s", "why"),
    [
        (HANGS, 0.1, "timeout"),
        (SAYS_MUCH, 60, "died"),
        (("false",), 60, "died"),
        (("/nowhere/no-program",), 60, "ENOENT"),
    ],
)
@pytest.mark.gen_test(timeout=120)
async def test_what_goes_wrong_is_a_word_and_the_end_of_the_process(
    place, processes, program, timeout_s, why
):
    """And the next who asks is not refused for it."""
    accountant = Accountant(program, timeout_s)
    with whole_log("info") as log:
        for _ in range(2):
            with pytest.raises(Unstated) as unstated:
                await accountant.state(place, Wanted())
            assert ("usage.database", why) == (unstated.value.setting, unstated.value.why)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert [("usage_unread", "warning", "usage.database", why)] * 2 == [
        (line["event"], line["level"], line["setting"], line["why"]) for line in lines
    ]
    assert None not in {process.returncode for process in processes}


@pytest.mark.gen_test(timeout=60)
async def test_one_is_made_at_a_time_and_ends_with_whoever_asked(place, processes):
    accountant = Accountant(HANGS)
    asking = asyncio.create_task(accountant.state(place, Wanted()))
    await until(lambda: processes, "no process is started")
    with pytest.raises(Busy):
        await accountant.state(place, Wanted())
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert [-signal.SIGKILL] == [process.returncode for process in processes]


@pytest.mark.gen_test
async def test_where_nothing_is_written_nothing_is_started(processes):
    with pytest.raises(NoPlace):
        await Accountant().state(house_settings().usage, Wanted())

    assert not processes


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
@pytest.mark.gen_test(timeout=60)
async def test_no_secret_is_where_others_see_it(monkeypatch):
    """Neither in arguments nor in the environment; what PostgreSQL's library reads is there."""
    url = "postgresql://parley:a-password@db.internal/billing"
    monkeypatch.setenv("PARLEY_USAGE_POSTGRES_URL", url)
    monkeypatch.setenv("PARLEY_AUTH_SECRET", "a-secret")
    monkeypatch.setenv("PGPASSFILE", "/run/secrets/pgpass")
    usage = house_settings(usage_postgres_url=url).usage
    with pytest.raises(Unstated) as unstated:
        await Accountant(SHOWS_ALL).state(usage, Wanted())

    assert "usage.postgres_url" == unstated.value.setting
    arguments, environment = json.loads(unstated.value.why)
    assert "a-password" not in str(arguments)
    assert not [name for name in environment if name.startswith("PARLEY_")]
    assert (os.environ["PATH"], "/run/secrets/pgpass") == (
        environment["PATH"],
        environment["PGPASSFILE"],
    )
