"""Signals before there is a loop that takes them, and after it."""

import contextlib
import os
import signal
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


def sentence(number: int) -> str:
    """What a person is told of a program that a signal has ended."""
    return f"Stopped by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}."
