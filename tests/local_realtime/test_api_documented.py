"""docs/local-api.md says what the code does."""

import re
from pathlib import Path

from local_realtime.session.protocol import EVENTS
from local_realtime.session.session_kinds import KINDS
from tests.local_realtime.wire_types import NEVER_SENT

TEXT = (Path(__file__).parents[2] / "docs" / "local-api.md").read_text(encoding="utf-8")


def chapter(heading):
    """The text under a heading."""
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_table_of_events_is_what_each_kind_of_session_takes():
    """Name by name."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| (\w+)[^|]*\| (\w+)", chapter("What a client may send"), re.MULTILINE
    )

    assert [row[0] for row in rows] == list(EVENTS)
    for column, kind in ((1, "realtime"), (2, "transcription")):
        taken = [row[0] for row in rows if row[column] == "yes"]
        assert taken == list(KINDS[kind].events)


def test_the_events_that_are_never_sent_are_named():
    """All of them, and no other."""
    named = re.findall(r"`((?:\w+\.)+\w+)`", chapter("What it sends"))

    assert set(named) - {"rate_limits.updated", "response.done"} == NEVER_SENT.keys()


def test_every_code_of_an_error_is_documented():
    """Those that some refusal of the sources names."""
    sources = Path(__file__).parents[2] / "local_realtime"
    files = [sources / "errors.py", *(sources / "session").glob("*.py")]
    found = {
        code
        for path in files
        for code in re.findall(r"Refused\(\s*\"(\w+)\"", path.read_text(encoding="utf-8"))
    }

    assert {code for code in found if f"`{code}`" not in chapter("What a client may send")} == set()
    assert len(found) > 10
