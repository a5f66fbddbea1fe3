"""docs/architecture.md and docs/decisions name what there is, and nothing else."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
DECISIONS = ROOT / "docs" / "decisions"
NAMED = set(re.findall(r"\w[\w/]*\.py\b", TEXT))
OURS = (
    "tornado_app",
    "workers",
    "local_realtime",
    "terminal",
    "compiling",
    "parley_tools",
    "tests",
)


def test_every_file_that_it_names_is_there():
    """By its path from the root, from the gateway, or in whichever room it stands."""
    files = {
        path.relative_to(ROOT).as_posix() for room in OURS for path in (ROOT / room).rglob("*.py")
    }
    files |= {path.name for path in ROOT.glob("*.py")}
    missing = {name for name in NAMED if not any(f"/{path}".endswith(f"/{name}") for path in files)}

    assert set() == missing


def test_every_file_of_the_spine_and_of_a_session_is_named():
    """A reader who looks for one finds what it is for."""
    rooms = (ROOT / "tornado_app", ROOT / "tornado_app" / "session")
    files = {path.name for room in rooms for path in room.glob("*.py")} - {"__init__.py"}

    assert set() == files - {name.rpartition("/")[2] for name in NAMED}


def test_it_is_read_in_one_sitting():
    """A map that is as large as the land is none."""
    assert len(TEXT.splitlines()) < 200


def test_the_index_of_decisions_names_each_by_its_title():
    """In the order of their numbers."""
    titles = {
        path.name: path.read_text("utf-8").splitlines()[0] for path in DECISIONS.glob("0*.md")
    }
    expected = [f"- [{titles[name].removeprefix('# ')}]({name})" for name in sorted(titles)]
    index = (DECISIONS / "README.md").read_text("utf-8").splitlines()

    assert expected == [line for line in index if line.startswith("- ")]
