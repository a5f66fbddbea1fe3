"""Known faults of what is pinned: what is asked, of whom, and what is said when nobody answers."""

import sys
from pathlib import Path

import pytest

from deploy import audit
from deploy.advisories import NoDatabase, looked_up
from deploy.audit import Unreachable, first_of, judged
from tests.calls.house import ROOT

HASH = "--hash=sha256:" + 64 * "0"
ADVISORY = """
id: {id}
{more}affected:
- package: {{ecosystem: PyPI, name: {name}}}
  ranges:
  - {{type: GIT, repo: x, events: [{{introduced: "0"}}]}}
  - {{type: ECOSYSTEM, events: [{events}]}}
  versions: [{versions}]
"""


@pytest.fixture
def database(tmp_path):
    """A function that puts an advisory into a database; it has one of a name with a dot."""

    def put(name, events="", versions="", more="", number=1):
        folder = tmp_path / "vulns" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = ADVISORY.format(
            id=f"PYSEC-{number}", name=name, events=events, versions=versions, more=more
        )
        (folder / f"PYSEC-{number}.yaml").write_text(text)
        return tmp_path

    put("zope-interface", '{introduced: "0"}, {fixed: "5.0"}')
    return put


def found(folder, *pins):
    file = folder / "requirements.txt"
    file.write_text("# by a program\n" + "".join(f"{pin} \\\n    {HASH}\n" for pin in pins))
    return {
        package["name"]: [(fault["id"], fault["fix_versions"]) for fault in package["vulns"]]
        for package in looked_up(folder, [file])
    }


@pytest.mark.parametrize(
    ("version", "events", "fixed"),
    [
        ("1.9", '{introduced: "0"}, {fixed: "2.0"}', ["2.0"]),
        ("2.0", '{introduced: "0"}, {fixed: "2.0"}', None),
        ("1.10", '{introduced: "1.9"}, {fixed: "1.11"}', ["1.11"]),
        ("1.8", '{introduced: "1.9"}, {fixed: "1.11"}', None),
        ("3.1", '{introduced: "1"}, {fixed: "2"}, {introduced: "3"}, {fixed: "4"}', ["4"]),
        ("2.5", '{introduced: "1"}, {fixed: "2"}, {introduced: "3"}, {fixed: "4"}', None),
        ("1.5", '{introduced: "1"}, {fixed: "2"}, {introduced: "3"}, {fixed: "4"}', ["2", "4"]),
        ("2.0", '{introduced: "0"}, {last_affected: "2.0"}', []),
        ("2.1", '{introduced: "0"}, {last_affected: "2.0"}', None),
        ("9", '{introduced: "0"}', []),
        ("2.0rc1", '{introduced: "0"}, {fixed: "2.0"}', ["2.0"]),
    ],
)
def test_ranges_of_an_advisory(database, version, events, fixed):
    """By the versions of Python, whose order is not that of their letters."""
    folder = database("tornado", events)

    faults = found(folder, f"tornado=={version}")["tornado"]

    assert ([] if fixed is None else [("PYSEC-1", fixed)]) == faults


def test_versions_of_an_advisory(database):
    """Those that are named one by one; one that is no version names none."""
    folder = database("pytz", versions='"2004b", "2.0"')

    assert [("PYSEC-1", [])] == found(folder, "pytz==2.0")["pytz"]
    assert [] == found(folder, "pytz==2.0.1")["pytz"]


def test_names_and_markers(database):
    """Each spelling of a name is that package, wherever it is installed."""
    folder = database("requests")
    pins = ("Zope.Interface==4.9 ; sys_platform == 'win32'", "requests[socks]==2.0")

    assert {"zope-interface": [("PYSEC-1", ["5.0"])], "requests": []} == found(folder, *pins)


def test_an_advisory_that_was_withdrawn(database):
    """Counts no more, and the others do."""
    everything = '{introduced: "0"}'
    folder = database("a", everything, more="withdrawn: 2024-01-01T00:00:00Z\n")
    database("a", everything, number=2)

    assert {"a": [("PYSEC-2", [])]} == found(folder, "a==1")


def test_a_folder_that_is_no_database(tmp_path):
    """Is not taken for one without faults."""
    with pytest.raises(NoDatabase, match="vulns"):
        looked_up(tmp_path, [])


def test_every_compiled_file_can_be_looked_up(database):
    """Each pin of ours is read."""
    files = [path.with_suffix(".txt") for path in ROOT.glob("requirements*.in")]
    packages = looked_up(database("tornado"), files)

    assert len(packages) > 100
    assert not [package for package in packages if package["vulns"]]


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.in")), ids=lambda path: path.name)
def test_the_first_of_a_file(path):
    """One requirement, with all of its hashes and none of another's."""
    text = path.with_suffix(".txt").read_text()
    first = first_of(path.with_suffix(".txt"))

    assert first in text
    assert 1 == first.count("==") == len([x for x in first.splitlines() if x[0] != " "])
    assert "--hash=sha256:" in first
    assert not first.rstrip().endswith("\\")


def test_a_known_fault_ends_the_audit():
    """With its number and the version that mends it."""
    fault = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    packages = [
        {"name": "a", "version": "1.0", "vulns": [fault]},
        {"name": "b", "version": "1.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]

    lines, code = judged(packages)

    assert code == 1
    assert lines[0] == "a 1.0: PYSEC-1, mended in 2.0"
    assert lines[1:] == ["1 packages could not be looked up.", "2 packages were looked up."]


def test_an_audit_without_faults():
    """Says how many it has seen."""
    lines, code = judged([{"name": "b", "version": "1.0", "vulns": []}])

    assert (["1 packages were looked up."], 0) == (lines, code)


def test_a_database_that_is_not_there_is_no_fault(monkeypatch, capsys):
    """It is said aloud, after one question about one package."""
    questions = []

    def nobody(files, deadline_s):
        questions.append((len([*files]), deadline_s))
        raise Unreachable("it had not answered after 20 s")

    monkeypatch.setattr(audit, "asked", nobody)
    monkeypatch.setattr(sys, "argv", ["audit", str(ROOT / "requirements.txt")])
    code = audit.main()

    assert 0 == code
    assert [(1, audit.FIRST_DEADLINE_S)] == questions
    assert capsys.readouterr().out == (
        "KNOWN FAULTS WERE NOT LOOKED UP: the database cannot be reached, "
        "it had not answered after 20 s.\n"
    )


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', "an index of packages"),
        ("", "no word"),
        ("no JSON", "no word"),
    ],
)
def test_answers_that_are_none(monkeypatch, tmp_path, said, because):
    """Of a program in the place of pip-audit."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    with pytest.raises(Unreachable, match=because):
        audit.asked([Path("x")], 20)


def test_one_that_hangs(monkeypatch, tmp_path):
    """Is given up."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    with pytest.raises(Unreachable, match=r"not answered after 0\.1 s"):
        audit.asked([Path("x")], 0.1)
