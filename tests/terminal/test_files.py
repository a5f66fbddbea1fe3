"""Files that somebody has named: read as a whole, or too large to be what was meant."""

import errno
import fcntl
from pathlib import Path

import pytest

from local_realtime.cli import main as run_model
from terminal import files
from terminal.files import have_alone, read_whole
from tornado_app.commands.cli import main

ENDLESS = "/dev/zero"

pytestmark = pytest.mark.skipif(not Path(ENDLESS).exists(), reason="there is no endless file")


def test_all_of_a_file_is_read(tmp_path):
    """Byte for byte: who asked knows what they mean."""
    path = tmp_path / "file"
    path.write_bytes(b"\xff\r\n" * 10_000)

    assert path.read_bytes() == read_whole(path)


def test_a_file_without_an_end_is_given_up():
    """With a reason of the system's own, as for any file that cannot be read."""
    with pytest.raises(OSError, match="File too large") as caught:
        read_whole(Path(ENDLESS))

    assert errno.EFBIG == caught.value.errno


@pytest.mark.parametrize(
    "setting",
    [
        *("auth.issuers_file", "auth.revoked_file", "limits.plans_file"),
        *("session.policy_file", "tools.file", "usage.prices_file"),
    ],
)
def test_a_setting_that_names_one(setting, monkeypatch, capsys):
    """It is told, and no memory is filled meanwhile."""
    monkeypatch.setenv(f"PARLEY_{setting.upper().replace('.', '_')}", ENDLESS)

    assert 2 == main(["check-config"])
    assert "File too large" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["check-config", "--config", ENDLESS], ["usage", "--config", ENDLESS]]
)
def test_settings_without_an_end(arguments, capsys):
    """Of whatever command."""
    assert 2 == main(arguments)
    assert "File too large" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "reason"),
    [(ENDLESS, "File too large"), ("/nope", "No such file or directory"), ("/", "Is a directory")],
)
def test_a_script_that_cannot_be_read(path, reason, capsys):
    """The local model's; the reason is in words alone."""
    assert 2 == run_model(["--script", path])
    assert f"{path} cannot be read: {reason}\n" == capsys.readouterr().err


def test_a_file_that_another_process_does_not_let_go_of_is_given_up(tmp_path, monkeypatch):
    """As one that was stopped in the middle of a line; whoever dies lets go."""
    monkeypatch.setattr(files, "LOCK_S", 0.01)
    path = tmp_path / "file"
    with path.open("w") as other, path.open("a") as mine:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="does not let go"):
            have_alone(mine.fileno())

        monkeypatch.setattr("time.sleep", lambda _: fcntl.flock(other, fcntl.LOCK_UN))
        have_alone(mine.fileno())
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
