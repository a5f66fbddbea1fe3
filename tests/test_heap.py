"""Memory that is given back to the system: tornado_app/heap.py."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.heap import TRIM_BYTES, Heap, find_trim, new_heap

MIB = 1 << 20


class Process:
    """How large it is, and how much of that is held."""

    def __init__(self) -> None:
        self.resident_bytes = 60 * MIB
        self.held_bytes = 0
        self.heap = Heap(lambda: self.held_bytes, lambda: self.resident_bytes, lambda: None)

    def grow(self, resident_bytes: int, held_bytes: int) -> bool:
        self.resident_bytes += resident_bytes
        self.held_bytes += held_bytes
        return self.heap.is_slack()


def test_what_is_held_is_left_alone():
    """However much it is."""
    assert not Process().grow(500 * MIB, 500 * MIB)


def test_what_was_held_is_given_back():
    """The system has it still, and nobody needs it."""
    process = Process()
    process.grow(500 * MIB, 500 * MIB)

    assert process.grow(0, -500 * MIB)


def test_a_little_is_not_worth_its_while():
    """Every process breathes."""
    assert not Process().grow(TRIM_BYTES - 1, 0)


def test_what_came_down_counts_from_there():
    """A process that was large once is not large for ever."""
    process = Process()
    assert not process.grow(-20 * MIB, 0)

    assert process.grow(TRIM_BYTES, 0)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=30))
def test_no_order_of_readings_breaks_it(steps):
    """Readings are not taken at one moment, and may make no sense together."""
    process = Process()
    for resident, held in steps:
        process.grow(resident * MIB, held * MIB)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_the_c_library_of_linux_can():
    """And says 0 or 1."""
    trim = find_trim()

    assert trim is None or trim() in {0, 1}
    assert (trim is None) == (new_heap(lambda: 0) is None)


POOLS = """
import ctypes, os, sys, threading
from tornado_app.heap import take_from_one_pool

print(take_from_one_pool(os.environ), flush=True)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
meeting = threading.Barrier(4)
threads = [threading.Thread(target=lambda: (meeting.wait(), libc.malloc(5000))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""
"""malloc_info(3) has an element for each pool."""


@pytest.mark.skipif(find_trim() is None, reason="glibc")
@pytest.mark.parametrize(
    ("said", "is_one"),
    [
        ({}, True),
        ({"GLIBC_TUNABLES": "glibc.malloc.tcache_count=7"}, True),
        ({"MALLOC_ARENA_MAX": "3"}, False),
        ({"GLIBC_TUNABLES": "glibc.malloc.arena_max=3"}, False),
    ],
)
def test_threads_take_memory_from_one_pool(said, is_one):
    """But where an operator has said from how many."""
    environ = {name: os.environ[name] for name in os.environ if "MALLOC" not in name} | said
    run = subprocess.run(
        [sys.executable, "-c", POOLS], env=environ, capture_output=True, text=True, check=True
    )

    assert run.stdout.startswith(str(is_one))
    assert (run.stdout.count("<heap nr=") == 1) is is_one
