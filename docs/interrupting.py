"""Writes docs/interrupting.md from the session's table: ``python -m docs.interrupting``."""

import ast
import inspect
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from tornado_app.session import interrupting
from tornado_app.session.interrupting import TABLE, Event, Heard, Step

TARGET = Path(__file__).resolve().parents[1] / "docs" / "interrupting.md"

HEAD = """# Interrupting

Made from `tornado_app/session/interrupting.py` by `make docs`; write there, not here.

What an interruption does is a table: for what the client hears, and what happens, the steps that are taken in their order, and what the client hears then.
The session acts by this table, and `tests/session/test_interrupting.py` tells a story of each of its rows.
[protocol.md](protocol.md#false-starts) says what a client sees of it.
"""

TAIL = """
Three things hold in every row:

- `response.cancel` names the answer that it is for, so that it cannot hit the next one; where the model cancels by itself, as at speech, none goes at all.
- What comes of an answer that was stopped is for nobody. If more of it comes than was known when it was stopped, the model is told of that, too.
- No item is cut behind the audio that there was of it.
"""


def page() -> str:
    """The whole of docs/interrupting.md."""
    parts = [HEAD.rstrip()]
    for title, kind in (("What the client hears", Heard), ("What happens", Event)):
        parts.append(f"## {title}\n\n{_words(kind)}")
    parts.append(f"## What is done\n\n{_words(Step)}")
    head = "| the client hears | happens | is done | then the client hears |\n|---|---|---|---|"
    rows = [
        f"| {state} | {event} | {', '.join(row.steps) or 'nothing'} | {row.then} |"
        for (state, event), row in TABLE.items()
    ]
    parts.append("## The table\n\n" + "\n".join([head, *rows]))
    note = _docstring_behind("TABLE")
    return "\n\n".join(parts) + f"\n\n{note}\n{TAIL}"


def _words(kind: type[StrEnum]) -> str:
    """Each member with what stands behind it in the source."""
    rows = [f"| {member} | {_docstring_behind(member.name, kind.__name__)} |" for member in kind]
    return "\n".join(["| | |", "|---|---|", *rows])


def _docstring_behind(name: str, of: str = "") -> str:
    """The text that explains an assignment."""
    body = ast.parse(inspect.getsource(interrupting)).body
    if of:
        body = next(n.body for n in body if isinstance(n, ast.ClassDef) and n.name == of)
    for assignment, text in pairwise(body):
        targets = assignment.targets if isinstance(assignment, ast.Assign) else []
        if isinstance(assignment, ast.AnnAssign):
            targets = [assignment.target]
        is_meant = any(isinstance(t, ast.Name) and t.id == name for t in targets)
        if is_meant and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            words = str(text.value.value).replace("``", "`").replace("*then*", "*Then*")
            return " ".join(words.split())
    return ""


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
