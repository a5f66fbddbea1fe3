"""The frame of every program: streams that are there, signals that end it, an exit code."""

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from terminal.signals import end_at_once_on_signals, sentence
from terminal.streams import OutputLost, hold_standard_streams, write_error, write_out
from terminal.words import complain

FAILED = 1
READER_GONE = 128 + signal.SIGPIPE
"""What shells say of a program whose reader has gone, as in ``run.py --help | head -1``."""
INTERRUPTED = 128 + signal.SIGINT
BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Read when numpy is loaded; one unless somebody has said otherwise."""

LOOK_AFTER = 20_000
"""Objects that are made and kept before the collector looks for garbage; Python's own are 700."""


def run(main: Callable[[], int], *, quiet: bool = False) -> int:
    """What *main* returns, or the exit code of what came between; never a traceback for that.

    *quiet*: a signal ends it without a word, because another program of ours sends it.
    """
    hold_standard_streams()
    end_at_once_on_signals(quiet=quiet)
    # Matrices are small here: threads, one for each core, would wait for each other longer than
    # they compute, and keep the cores from those who have something to do.
    os.environ.setdefault(BLAS_THREADS, "1")
    # What a program loads lives to its end: the collector finds nothing in it.
    gc.set_threshold(LOOK_AFTER)
    try:
        code = _code(main)
        write_out("")  # what a library printed and nobody has flushed
    except OutputLost as lost:
        if lost.reader_is_gone:
            return READER_GONE
        complain(f"What was to be said here cannot be written: {lost}.")
        return FAILED
    except KeyboardInterrupt:  # in the moment between a loop's signals and ours
        complain(sentence(signal.SIGINT))
        return INTERRUPTED
    finally:
        # A loop that ends gives back the signals as Python has them, with tracebacks.
        end_at_once_on_signals(quiet=quiet)
    return code


def leave(code: int) -> NoReturn:
    """End the process with *code*, whoever else still runs in it.

    Python waits for threads that are not daemons, and for all of `concurrent.futures`, also those
    of an asyncio loop: an operator's tool that waits in one for ever would have it wait for ever.
    Whatever of ours has to end has ended by now.
    """
    if threading.active_count() > 1:
        write_error("")  # what is left in the buffer; standard output has been flushed
        os._exit(code)
    sys.exit(code)


def _code(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED if end.code else 0
