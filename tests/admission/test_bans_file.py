"""Tests of tornado_app/admission/bans_file.py."""

import subprocess
import sys
from functools import partial

import pytest

from tornado_app.admission.bans import Bans, read_bans
from tornado_app.admission.bans_file import change

WRITER = """
import sys
from functools import partial
from pathlib import Path
from tornado_app.admission.bans_file import change
from tornado_app.admission.bans import Bans
for number in range(20):
    add = partial(
        Bans.with_one, kind="user", name=f"{sys.argv[2]}-{number}", until_unix_s=9e9, unix_s=0.0
    )
    change(Path(sys.argv[1]), add)
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    """Each sees what the others wrote."""
    path = tmp_path / "state" / "bans.json"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)])
        for number in range(4)
    ]

    assert [0] * 4 == [writer.wait(60) for writer in writers]
    assert {f"{writer}-{number}" for writer in range(4) for number in range(20)} == {
        *read_bans(path.read_bytes()).users
    }


def test_a_file_that_has_no_directory_yet_gets_one(tmp_path):
    """Which nobody else may look into."""
    path = tmp_path / "var" / "state" / "bans.json"
    add = partial(Bans.with_one, kind="user", name="alice", until_unix_s=9e9, unix_s=0.0)

    assert change(path, add) == read_bans(path.read_bytes())
    assert 0o700 == path.parent.stat().st_mode & 0o777


def test_what_cannot_be_read_is_not_written_over(tmp_path):
    """A person must look at it: somebody was kept out."""
    path = tmp_path / "bans.json"
    path.write_text("{")

    with pytest.raises(ValueError, match=r"."):
        change(path, partial(Bans.without, kind="user", name="alice", unix_s=0.0))
    assert "{" == path.read_text()


def test_what_changes_nothing_is_not_written(tmp_path):
    """Each process of a machine learns it from Redis, and one writes it down."""
    path = tmp_path / "bans.json"
    change(path, partial(Bans.with_one, kind="user", name="alice", until_unix_s=9e9, unix_s=0.0))
    written = path.stat().st_ino

    change(path, lambda bans: bans)
    assert written == path.stat().st_ino
