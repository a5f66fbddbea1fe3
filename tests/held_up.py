"""Holds each test up once, as a computer without time for it does: `make held-up`.

The main thread stands still for HELD_UP_S within the first HELD_UP_WITHIN_MS of each test, so that
most tests that only compute are over before; threads go on.  A test that fails has a deadline
which it takes for granted.
"""

import os
import random
import signal
import threading
import time

import pytest

HELD_UP_S = float(os.environ.get("HELD_UP_S", "1"))
WITHIN_MS = float(os.environ.get("HELD_UP_WITHIN_MS", "40"))
SIGNAL = signal.SIGRTMIN + 5


class Clock(threading.Thread):
    """Wakes at the time of each test, and interrupts the main thread then.  Thread: its own."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="held-up", daemon=True)
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._at = float("inf")

    def run(self) -> None:
        """As long as the process."""
        with self._changed:
            while True:
                left_s = self._at - time.monotonic()
                if left_s > 0:
                    self._changed.wait(min(left_s, threading.TIMEOUT_MAX))
                else:
                    self._at = float("inf")
                    signal.pthread_kill(threading.main_thread().ident, SIGNAL)

    def begin(self) -> None:
        """A test; the main thread's, as is `end`."""
        with self._changed:
            self._at = time.monotonic() + self._random.uniform(1, WITHIN_MS) / 1000
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._at = float("inf")


class HoldsUp:
    def __init__(self) -> None:
        self._clock = Clock(int(os.environ.get("SEED", "1")))
        signal.signal(SIGNAL, lambda *_: time.sleep(HELD_UP_S))
        self._clock.start()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        self._clock.begin()
        yield
        self._clock.end()


def pytest_configure(config):
    """In those processes alone that run tests."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(HoldsUp())
