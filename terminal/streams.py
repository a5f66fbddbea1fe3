"""Standard input, output and errors: there, whatever the program was started with."""

import contextlib
import errno
import io
import os
import sys
from string import printable
from typing import TextIO

ASCII = printable.encode()


class OutputLost(Exception):
    """Standard output does not take what was said; `error` is the system's reason."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.error = error

    @property
    def reader_is_gone(self) -> bool:
        """Whoever read has enough, as ``head`` has: nothing is wrong."""
        return self.error.errno == errno.EPIPE


def hold_standard_streams() -> None:
    """Fill the places of closed streams, and let no character be one that cannot be written.

    A number below 3 that is free goes to the next file or socket that is opened: libraries in C
    then write into a client's socket, and libuv aborts.  What fills the place of standard output
    refuses to be written, as before: an answer that nobody gets is no success.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if not _is_open(number):
            _fill(number, os.O_WRONLY if number == 2 else os.O_RDONLY)
        if getattr(sys, name) is None:  # it was closed when Python began
            stream = open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        _tolerate(getattr(sys, name))


def write_out(text: str) -> None:
    """Write to standard output, now.

    Raises:
        OutputLost: If it cannot be.
    """
    try:
        if text:  # even nothing at all, written, fails on a disk that is full
            sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        drop(sys.stdout)
        raise OutputLost(error) from None


def write_error(text: str) -> None:
    """Write to standard error, if anybody is there."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """What *stream* still holds goes nowhere, so that nothing fails on it when the program ends."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a test's own
        return
    _fill(number, os.O_WRONLY)
    with contextlib.suppress(OSError):
        stream.flush()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _fill(number: int, flags: int) -> None:
    """Put the null device in the place of *number*, for this process and its children."""
    null = os.open(os.devnull, flags)
    if null == number:
        os.set_inheritable(null, True)
        return
    os.dup2(null, number)
    os.close(null)


def _tolerate(stream: TextIO) -> None:
    # PYTHONIOENCODING=utf-16: our programs read each other's lines as bytes of ASCII or UTF-8.
    if (
        isinstance(stream, io.TextIOWrapper)
        and printable.encode(stream.encoding, "replace") != ASCII
    ):
        stream.reconfigure(encoding="utf-8")
    # PYTHONIOENCODING=ascii, or a Latin-1 locale: transcripts hold every character there is.
    if isinstance(stream, io.TextIOWrapper) and stream.writable():
        stream.reconfigure(errors="backslashreplace")
    elif isinstance(stream, io.TextIOWrapper):  # whoever reads it says what is no text
        stream.reconfigure(errors="surrogateescape")
