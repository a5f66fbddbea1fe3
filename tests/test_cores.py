"""Processes that keep to one core, and what they start, which does not: tornado_app/cores.py."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE

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


async def cores_of_a_child() -> set[int]:
    child = await cores.start_child(*WAITS, stdin=PIPE, stdout=PIPE)
    await child.stdout.readline()
    found = may_use(child.pid)
    await child.communicate(b"")  # or its input would stay open
    return found


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

    assert thread(lambda: asyncio.run(cores_of_a_child())) == every


def test_what_starts_in_a_process_that_is_not_kept_has_what_that_has(thread):
    """One that an operator has kept to a core, too."""
    thread(os.sched_setaffinity, 0, {min(may_use())})

    assert thread(lambda: asyncio.run(cores_of_a_child())) == {min(may_use())}


@pytest.mark.gen_test
async def test_what_has_ended_has_no_need(monkeypatch):
    monkeypatch.setattr(cores, "_all", {1 << 20})  # which is no core, so that it is refused
    child = await cores.start_child("true")

    assert await child.wait() == 0


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
