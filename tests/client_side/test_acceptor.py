"""Tests of tornado_app/client_side/acceptor.py."""

import errno
from collections.abc import Callable

import pytest

from tornado_app.client_side.acceptor import AT_ONCE, REST_S, Acceptor


class Timer:
    cancelled = False

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """One reader and one timer."""

    def __init__(self) -> None:
        self.reader: Callable[[], None] | None = None
        self.timer: Timer | None = None

    def add_reader(self, _descriptor: int, callback: Callable[[], None]) -> None:
        self.reader = callback

    def remove_reader(self, _descriptor: int) -> None:
        self.reader = None

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        assert delay_s == REST_S
        self.timer = Timer(callback)
        return self.timer


class FakeSocket:
    """Connections and errors, in this order; then nobody is there."""

    def __init__(self, *arriving: int | str) -> None:
        self.arriving = list(arriving)

    def fileno(self) -> int:
        return 7

    def accept(self) -> tuple[str, str]:
        if not self.arriving:
            raise BlockingIOError
        one = self.arriving.pop(0)
        if isinstance(one, int):
            raise OSError(one, "no")
        return one, "address"


class Stage:
    def __init__(self, *arriving: int | str) -> None:
        self.loop = FakeLoop()
        self.sock = FakeSocket(*arriving)
        self.taken: list[str] = []
        self.shortages: list[int | None] = []
        self.acceptor = Acceptor(
            self.sock,
            lambda connection, _: self.taken.append(connection),
            lambda error: self.shortages.append(error.errno),
            self.loop,
        )


@pytest.mark.parametrize(
    "error", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL]
)
def test_it_rests_when_there_is_none_to_be_had(error):
    """It asks once, is not woken again for a while, and goes on where it was."""
    stage = Stage("a", error, error, "b")
    stage.loop.reader()
    assert (["a"], [error], None) == (stage.taken, stage.shortages, stage.loop.reader)
    stage.loop.timer.callback()
    stage.loop.reader()
    assert (["a"], [error, error], None) == (stage.taken, stage.shortages, stage.loop.reader)
    stage.loop.timer.callback()
    stage.loop.reader()

    assert ["a", "b"] == stage.taken
    assert stage.loop.reader is not None


@pytest.mark.parametrize("error", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM])
def test_one_that_went_before_it_was_taken_is_no_shortage(error):
    """The next is taken at once."""
    stage = Stage("a", error, "b")
    stage.loop.reader()

    assert (["a", "b"], []) == (stage.taken, stage.shortages)


def test_a_flood_leaves_a_turn_to_others():
    """So many are taken at once, and the rest when the loop comes round."""
    stage = Stage(*["a"] * (AT_ONCE + 1))
    stage.loop.reader()
    assert AT_ONCE == len(stage.taken)
    stage.loop.reader()

    assert AT_ONCE + 1 == len(stage.taken)


def test_stopped_while_it_rests():
    """No timer brings it back."""
    stage = Stage(errno.EMFILE)
    stage.loop.reader()
    stage.acceptor.stop()

    assert stage.loop.timer.cancelled
    assert stage.loop.reader is None
