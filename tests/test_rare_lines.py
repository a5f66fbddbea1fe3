"""Lines that strangers can cause: tornado_app/rare_lines.py."""

import json
from collections.abc import Callable

import pytest

from tests.calls.house import whole_log
from tornado_app.rare_lines import MINUTE_S, RareLines


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """Keeps its timers until the test lets a minute pass."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        assert delay_s == MINUTE_S
        self.timers.append(Timer(callback))
        return self.timers[-1]

    def pass_a_minute(self) -> None:
        self.timers.pop().callback()


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def written():
    with whole_log() as log:
        yield lambda: [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_minute_has_so_many_lines_of_each_event(loop, written):
    """What is left out is counted, and said at the end of the minute."""
    lines = RareLines(loop, 2)
    for number in range(1000):
        lines.log("client_refused", code="token_missing", ip=str(number))
    lines.log("visitors_cut", limit="unauthenticated", ip="")
    first = written()
    loop.pass_a_minute()

    assert ["0", "1", ""] == [line["ip"] for line in first]
    assert ["info", "info", "warning"] == [line["level"] for line in first]
    [rest] = written()[3:]
    assert ("client_refused", 998) == (rest["event"], rest["unlogged"])


def test_the_next_minute_begins_anew(loop, written):
    """And without anything to say there is no timer."""
    lines = RareLines(loop)
    lines.log("client_refused", code="a", ip="")
    loop.pass_a_minute()
    assert [] == loop.timers
    lines.log("client_refused", code="b", ip="")

    assert ["a", "b"] == [line["code"] for line in written()]


def test_nothing_is_left_unsaid_at_the_end(loop, written):
    """The count of the last minute comes with the stop."""
    lines = RareLines(loop)
    for _ in range(3):
        lines.log("client_refused", code="a", ip="")
    lines.close()

    assert loop.timers[0].cancelled
    assert 2 == written()[-1]["unlogged"]
