"""What people pin and what is installed are the same, to the hash."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.calls.house import ROOT

WRITTEN = sorted(ROOT.glob("requirements*.in"))
BY_HAND = {"requirements-clients.txt", "requirements-mutants.txt"}
"""Tools of single targets of make, in environments that nothing is shipped from."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("linux", "darwin")


def requirements(text):
    """Each requirement of a file, without hashes and comments."""
    text = re.sub(r"\\\n\s*", "", text)
    lines = (line.split(" --hash")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def written(path):
    """Of a file and those that it names with -r."""
    text = path.read_text()
    found = requirements(text)
    for name in re.findall(r"(?m)^-r (\S+)", text):
        found += written(path.with_name(name))
    return found


def compiled(path):
    return requirements(path.with_suffix(".txt").read_text())


def version_of(requirement):
    (only,) = requirement.specifier
    assert only.operator == "=="
    return only.version


def test_every_file_is_written_or_compiled():
    """One that is neither would be installed without a hash."""
    texts = {path.name for path in ROOT.glob("requirements*.txt")}

    assert "requirements.txt" in texts
    assert texts - BY_HAND == {path.with_suffix(".txt").name for path in WRITTEN}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_what_is_compiled_has_what_is_written(path):
    """After a change of a pin, `make requirements`."""
    pinned = {canonicalize_name(each.name): version_of(each) for each in compiled(path)}
    for each in written(path):
        assert pinned[canonicalize_name(each.name)] in each.specifier, str(each)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_everything_has_a_hash(path):
    """Pip refuses a whole file for one that has none."""
    text = re.sub(r"\\\n\s*", "", path.with_suffix(".txt").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert lines
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}\b", line) for line in lines)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_files_that_are_installed_together_agree(python, platform):
    """One version of a package in all files, on each Python and platform."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    versions = {}
    for path in WRITTEN:
        if path.stem in {"requirements-sbom", "requirements-supply"}:
            continue
        for each in compiled(path):
            if each.marker is None or each.marker.evaluate(environment):
                versions.setdefault(canonicalize_name(each.name), set()).add(
                    Version(version_of(each))
                )

    assert len(versions) > 60
    assert not {name: found for name, found in versions.items() if len(found) > 1}
