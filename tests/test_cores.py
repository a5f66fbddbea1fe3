"""Processes that keep to one core, and what they start, which does not: tornado_app/cores.py."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE, Popen

import psutil
import pytest

from tests.test_serving import program
from tornado_app import cores

pytestmark = pytest.mark.skipif(not cores.POSSIBLE, reason="only Linux keeps processes to cores")
WAITS = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]


@pytest.fixture
def thread():
    """One that may be kept to a core, as others of this process are not."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda do, *given: pool.submit(do, *given).result()


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(cores, "_all", set())


def may_use(pid: int = 0) -> set[int]:
    return os.sched_getaffinity(pid)


def started() -> Popen[bytes]:
    process = Popen(WAITS, stdin=PIPE, stdout=PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


@pytest.mark.parametrize("number", range(5))
def test_processes_take_turns(thread, number):
    every = sorted(may_use())

    kept = thread(cores.keep_to_one, number)

    assert kept == every[number % len(every)]
    assert thread(may_use) == {kept}


def test_a_single_one_takes_any(thread):
    offered = list[list[int]]()

    def last(found: list[int]) -> int:
        offered.append(found)
        return found[-1]

    assert thread(cores.keep_to_one, None, last) == max(may_use())
    assert offered == [sorted(may_use())]


def test_what_it_starts_may_use_them_all(thread):
    every = may_use()
    thread(cores.keep_to_one, 0)
    with thread(started) as process:
        inherited = may_use(process.pid)
        cores.give_all(process.pid)
        given = may_use(process.pid)
        process.communicate()

    assert (inherited, given) == ({min(every)}, every)


def test_what_has_ended_has_no_need(thread):
    thread(cores.keep_to_one, 0)
    with started() as process:
        process.communicate()

    cores.give_all(process.pid)


def test_who_is_not_kept_leaves_others_as_they_are():
    """One that an operator has kept to a core of its own, too."""
    with started() as process:
        os.sched_setaffinity(process.pid, {min(may_use())})
        cores.give_all(process.pid)
        left = may_use(process.pid)
        process.communicate()

    assert left == {min(may_use())}


def test_a_gateway_keeps_to_one_and_its_model_does_not(tmp_path):
    with program(tmp_path, server_one_core="true") as gateway:
        gateway.read_start()
        kept = may_use(gateway.process.pid)
        [model] = psutil.Process(gateway.process.pid).children()

        assert len(kept) == 1
        assert may_use(model.pid) == may_use()
        assert "core_kept" in gateway.stderr


def test_several_keep_to_one_each(tmp_path):
    with program(tmp_path, server_one_core="true", server_processes=2) as gateway:
        gateway.read_start()
        found = psutil.Process(gateway.process.pid).children()
        kept = [may_use(each.pid) for each in found if "--child" in each.cmdline()]

        assert [len(each) for each in kept] == [1, 1]
        assert len(set.union(*kept)) == min(2, len(may_use()))
        assert may_use(gateway.process.pid) == may_use()
