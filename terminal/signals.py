"""Signals before there is a loop that takes them, and after it."""

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


def end_at_once_on_signals(*, quiet: bool = False) -> None:
    """Let Ctrl-C and SIGTERM end the program in the middle of whatever it does, in one line.

    An exception would come up within an import, where packages swallow or print it.  Nothing has
    to be undone meanwhile: who starts a process or a loop takes the signals for itself first.
    The exit code is 128 and the signal's number, as shells have it.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        if not quiet:
            with contextlib.suppress(OSError):
                # A terminal has shown ^C in this line.
                begin = "\n" if os.isatty(2) else ""
                os.write(2, f"{begin}{sentence(number)}\n".encode())
        os._exit(128 + number)

    for number in ENDING:
        # One that is ignored stays so: nohup and shells' background jobs.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def hold_hangups() -> None:
    """Have SIGHUP wait until `take_hangups`.

    To a server it says that files have changed, and would kill one that has no loop yet.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def take_hangups(hear: Callable[[], object]) -> None:
    """Have *hear* called by each, in the main thread; what is started from here on does not inherit
    that they wait.

    No loop has the signal: one that ends gives it back as one that kills, before anybody can have
    it ignored.
    """

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop that hears has ended
            hear()

    signal.signal(signal.SIGHUP, pass_on)
    signal.siginterrupt(signal.SIGHUP, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def ignore_hangups() -> None:
    """The program is about to end."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def sentence(number: int) -> str:
    """What a person is told of a program that a signal has ended."""
    return f"Stopped by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}."
