"""The report of an examination: a table for people, or JSON for programs and bug reports."""

import json
import sys
from collections.abc import Mapping, Sequence

from terminal.colours import Colour, coloured
from terminal.words import WordWrap, columns, plain
from tornado_app.commands.doctor.finding import Finding, Status

NARROW = 64
"""Below that, what is said stands below the step, not beside it."""
NAME, STATUS, TIME = 15, 9, 10
_COLOURS: dict[Status, Colour] = {"ok": "good", "failed": "bad", "skipped": "quiet"}


def row(finding: Finding) -> str:
    """A row of the table, as wide as the terminal, with its colours."""
    width = columns(sys.stdout)
    took = "" if finding.took_ms is None else _took(finding.took_ms)
    status = coloured(finding.status, _COLOURS[finding.status], sys.stdout)
    head = f"{finding.step:{NAME}}{status}{' ' * (STATUS - len(finding.status))}"
    lines = [finding.says, *([f"To do: {finding.advice}"] if finding.advice else [])]
    if width is not None and width < NARROW:
        indent = "  "
        shown = [head + took, *(_wrapped(indent, line, width) for line in lines)]
    else:
        indent = " " * (NAME + STATUS + TIME)
        first, *rest = (_wrapped(indent, line, width) for line in lines)
        shown = [f"{head}{took:>{TIME - 2}}  {first.lstrip()}", *rest]
    return "".join(f"{line.rstrip()}\n" for line in shown)


def summary(findings: Sequence[Finding]) -> str:
    """The last line: how it went, in one sentence."""
    count = {status: sum(f.status == status for f in findings) for status in _COLOURS}
    if not count["failed"]:
        skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
        return f"All is well: {count['ok']} steps went well{skipped}."
    first = next(f.step for f in findings if f.status == "failed")
    return (
        f"Not all is well: {count['ok']} ok, {count['failed']} failed, "
        f"{count['skipped']} skipped. Begin with: {first}."
    )


def as_json(facts: Mapping[str, str], findings: Sequence[Finding]) -> str:
    """All of it, as one object."""
    steps = [
        {
            "step": finding.step,
            "status": finding.status,
            "took_ms": None if finding.took_ms is None else round(finding.took_ms, 1),
            "says": finding.says,
            "advice": finding.advice,
        }
        for finding in findings
    ]
    good = all(finding.status != "failed" for finding in findings)
    return json.dumps({"ok": good, **facts, "steps": steps}, indent=2, ensure_ascii=False)


def _took(took_ms: float) -> str:
    return f"{took_ms:.0f} ms" if took_ms < 10_000 else f"{took_ms / 1000:.1f} s"


def _wrapped(indent: str, text: str, width: int | None) -> str:
    wrap = WordWrap(width, indent)
    line = indent + plain(text)
    return wrap.feed(line) + wrap.end()
