"""Tests of tornado_app/appending.py."""

import errno
import fcntl
import os

import pytest

from terminal import files
from tornado_app.appending import append


def test_a_line_that_the_disk_has_no_room_for_leaves_nothing(tmp_path, monkeypatch):
    """The next is whole, and nobody writes meanwhile, whose line would be cut off, too."""
    path, write = tmp_path / "lines", os.write
    append(path, b"one\n")

    def write_some(descriptor, text):
        with path.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return write(descriptor, text[:2])

    with monkeypatch.context() as full:
        full.setattr(os, "write", write_some)
        with pytest.raises(OSError, match="full") as refused:
            append(path, b"two\n", is_kept=True)
    append(path, b"three\n")

    assert errno.ENOSPC == refused.value.errno
    assert "one\nthree\n" == path.read_text()


def test_where_there_are_no_locks(tmp_path, monkeypatch):
    """It writes all the same."""

    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    append(tmp_path / "lines", b"one\n")

    assert b"one\n" == (tmp_path / "lines").read_bytes()


def test_a_file_that_another_does_not_let_go_of(tmp_path, monkeypatch):
    """It raises, for whoever writes to try again."""
    monkeypatch.setattr(files, "LOCK_S", 0.01)
    path = tmp_path / "lines"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            append(path, b"one\n")
    append(path, b"two\n")

    assert b"two\n" == path.read_bytes()


def test_a_line_that_somebody_was_killed_in_spoils_no_other(tmp_path):
    """It is a line of its own, and nothing stands before the first or is added for none."""
    path = tmp_path / "lines"
    append(path, b"first\n")
    with path.open("ab") as file:
        file.write(b"sec")
    append(path, b"")
    append(path, b"third\n")
    append(path, b"fourth\n")

    assert b"first\nsec\nthird\nfourth\n" == path.read_bytes()
