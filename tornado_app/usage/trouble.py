"""What is wrong with a place where records are, in a word: no address, no path, no password."""

import errno
import sqlite3

from tornado_app.usage.record import Unfit


def word_of(error: BaseException) -> str:
    """What system or database call it: ENOSPC, SQLITE_READONLY, DiskFull."""
    if isinstance(error, Unfit):
        return str(error)
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", type(error).__name__)
    number = error.errno if isinstance(error, OSError) else None
    return type(error).__name__ if number is None else errno.errorcode.get(number, str(number))
