"""Known faults by a copy of the database of advisories, for where its services cannot be reached.

`git clone https://github.com/pypa/advisory-database`; the format is OSV's, of which
https://ossf.github.io/osv-schema/ says how ranges are read.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


class NoDatabase(Exception):
    """The folder is none; the message says what is missing."""


def day(folder: Path) -> str:
    """Of which day the copy is: it knows nothing that came later."""
    command = ["git", "-C", str(folder), "log", "-1", "--format=%cs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "an unknown day"


def looked_up(folder: Path, files: Iterable[Path]) -> list[dict[str, Any]]:
    """As pip-audit says it: each pinned package once, with its faults.

    Raises:
        NoDatabase: If there is none in *folder*.
    """
    if not (folder / "vulns").is_dir():
        raise NoDatabase(f"{folder} has no folder vulns/ as the database of advisories does")
    pins = sorted({pin for file in files for pin in pinned(file.read_text("utf-8"))})
    return [
        {"name": name, "version": version, "vulns": [*faults(folder, name, Version(version))]}
        for name, version in pins
    ]


def pinned(text: str) -> Iterator[tuple[str, str]]:
    """Name and version of each requirement of a compiled file."""
    for line in text.splitlines():
        if line and line[0] not in "# -":
            requirement = Requirement(line.rstrip("\\").partition(" --hash")[0].strip())
            (only,) = requirement.specifier
            yield canonicalize_name(requirement.name), only.version


def faults(folder: Path, name: str, version: Version) -> Iterator[dict[str, Any]]:
    """Those advisories that have not been withdrawn and name this version of it."""
    for path in sorted((folder / "vulns" / name).glob("*.yaml")):
        advisory = yaml.safe_load(path.read_text("utf-8"))
        if "withdrawn" in advisory:
            continue
        said = [one for one in advisory["affected"] if _names(one, name)]
        if any(_is_affected(one, version) for one in said):
            fixed = {v for one in said for each in _events(one) for v in _said(each, "fixed")}
            later = sorted(each for each in map(Version, fixed) if each > version)
            yield {"id": advisory["id"], "fix_versions": [str(each) for each in later]}


def _names(affected: Mapping[str, Any], name: str) -> bool:
    return canonicalize_name(affected["package"]["name"]) == name


def _is_affected(affected: Mapping[str, Any], version: Version) -> bool:
    listed = affected.get("versions", ())
    return version in {*_versions(listed)} or any(
        _is_within(version, events) for events in _events(affected)
    )


def _versions(texts: Iterable[str]) -> Iterator[Version]:
    """Old packages have versions that are none; a pinned one is not among them."""
    for text in texts:
        try:
            yield Version(text)
        except InvalidVersion:
            continue


def _events(affected: Mapping[str, Any]) -> Iterator[list[dict[str, str]]]:
    for each in affected.get("ranges", ()):
        if each["type"] == "ECOSYSTEM":
            yield each["events"]


def _said(events: Iterable[Mapping[str, str]], kind: str) -> list[str]:
    return [str(event[kind]) for event in events if kind in event]


def _is_within(version: Version, events: list[dict[str, str]]) -> bool:
    """Whether the last that began before this version has not ended by then."""
    begun = [each for each in map(Version, _said(events, "introduced")) if each <= version]
    if not begun:
        return False
    since = max(begun)
    fixed = [each for each in map(Version, _said(events, "fixed")) if since < each <= version]
    last = [each for each in map(Version, _said(events, "last_affected")) if since <= each]
    return not fixed and not (last and version > min(last))
