"""``run.py recordings``: what it lists, and what it copies."""

import json
import os

import pytest

from tests.recordings.test_recorder import CALL, spooled
from tornado_app.commands.cli import main
from tornado_app.recordings.finishing import finish


@pytest.fixture
def directory(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith("PARLEY_"):
            monkeypatch.delenv(name)
    kept = tmp_path / "kept"
    monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PARLEY_RECORDINGS_DIRECTORY", str(kept))
    kept.mkdir()
    return kept


def test_without_any_it_says_so(directory, capsys):
    directory.rmdir()

    assert 0 == main(["recordings"])
    assert f"There are no recordings in {directory}." in capsys.readouterr().out


def test_it_lists_by_user_for_people_and_for_programs(directory, capsys):
    finish(spooled(directory, CALL))

    assert 0 == main(["recordings"])
    assert "2027-01-15 08:00    0:01   0.0  alice, sess_1\n" in capsys.readouterr().out
    assert 0 == main(["recordings", "--user", "bob"])
    assert "no recordings" in capsys.readouterr().out
    assert 0 == main(["recordings", "--json"])
    [line] = capsys.readouterr().out.splitlines()
    about = json.loads(line)
    assert ("sess_1", "made", True) == (about["session_id"], about["state"], about["is_whole"])
    assert "words" not in about


def test_it_copies_and_finishes_what_was_left(directory, capsys, tmp_path):
    spooled(directory, CALL[:-1])

    assert 0 == main(["recordings"])
    assert "sess_1, unfinished" in capsys.readouterr().out
    assert 0 == main(["recordings", "--export", "sess_1", "--to", str(tmp_path / "out")])
    names = {"sess_1.flac", "sess_1.vtt", "sess_1.json"}
    assert names == {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {path.name for path in directory.iterdir()}


def test_what_is_not_there_is_named(directory, capsys, tmp_path):
    to = ["--to", str(tmp_path / "out")]

    assert 2 == main(["recordings", "--export", "../state", *to])
    assert "There is no recording ../state" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
