"""Which Parley this is, and where else it stands."""

import re
import subprocess
import sys

from compiling import loading
from tests.calls.house import ROOT
from tornado_app.version import VERSION


def test_a_version_is_three_numbers():
    """And perhaps a word for one that is not out."""
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[a-z]+\.\d+)?", VERSION)


def test_the_command_line_says_it():
    """Whatever the settings are: they may be what is wrong."""
    done = subprocess.run(
        [sys.executable, ROOT / "run.py", "--version"],
        env={"PARLEY_LIMITS_CONNECTIONS": "none at all", **loading.code().for_children()},
        capture_output=True,
        text=True,
        check=False,
    )

    expected = f"Parley {VERSION} (hot path: {loading.code().kind})\n"
    assert (0, expected, "") == (done.returncode, done.stdout, done.stderr)


def test_the_changelog_knows_it():
    """A version that is out has a heading, and the newest of them is this one."""
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"(?m)^## \[?([^\]\s]+)", text)
    out = [heading for heading in headings if heading != "Unreleased"]

    assert "Unreleased" == headings[0]
    assert not out or out[0] == VERSION
