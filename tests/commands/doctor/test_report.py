"""The report, at every width, with colours and without."""

import contextlib
import io
import json

import pytest

from terminal.words import cells
from tornado_app.commands.doctor.finding import Finding
from tornado_app.commands.doctor.report import as_json, row, summary

GOOD = Finding("typed turn", "ok", "Answered after 34 ms, with 2.3 s of sound.", "", 258.4)
BAD = Finding(
    "key", "failed", "The key was refused (http_401).", "Check the key and its header.", 9
)
NOT = Finding("tools", "skipped", "It needs the step before: typed turn.")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(finding, monkeypatch, width, **environ):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with contextlib.redirect_stdout(Terminal()):
        return row(finding)


def test_without_a_terminal(capsys):
    """One line, and the advice below; no colour."""
    assert (
        "key            failed       9 ms  The key was refused (http_401).\n"
        f"{' ' * 34}To do: Check the key and its header.\n"
    ) == row(BAD)
    assert "tools          skipped            It needs the step before: typed turn.\n" == row(NOT)


@pytest.mark.parametrize("finding", [GOOD, BAD, NOT])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_on_a_terminal(monkeypatch, finding, width):
    """No line is wider, no word is broken, and nothing is missing."""
    text = shown(finding, monkeypatch, width, NO_COLOR="1")

    assert all(cells(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    words = f"{finding.step} {finding.status} {finding.says} {finding.advice}".split()
    assert all(word in text.split() for word in words)


@pytest.mark.parametrize(
    ("environ", "colours"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours(monkeypatch, environ, colours):
    """Only the status has one, and only where they are wanted."""
    text = shown(BAD, monkeypatch, 120, **environ)

    assert colours == ("\x1b[31mfailed\x1b[0m" in text)
    assert colours == ("\x1b" in text)


def test_the_last_line():
    """Where to begin is the first that failed."""
    assert "All is well: 1 steps went well, 1 skipped." == summary([GOOD, NOT])
    assert "Begin with: key." in summary([GOOD, BAD, NOT])


def test_for_programs():
    """Every finding, and one word on all."""
    told = json.loads(as_json({"python": "3"}, [GOOD, BAD, NOT]))

    assert (False, "3") == (told["ok"], told["python"])
    assert ["ok", "failed", "skipped"] == [step["status"] for step in told["steps"]]
    assert 258.4 == told["steps"][0]["took_ms"]
    assert json.loads(as_json({}, [GOOD, NOT]))["ok"]
