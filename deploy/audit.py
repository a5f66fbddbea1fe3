"""``python -m deploy.audit FILE...``: which pinned versions have known faults.

Compiled requirement files only: what stands there is looked up, nothing is installed or resolved.
Exit code 1 if there is a fault; where the database cannot be reached that is said, and is no fault.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy import advisories

FIRST_DEADLINE_S = 20
"""For one package, which tells whether there is a database at all."""
DEADLINE_S = 120


class Unreachable(Exception):
    """The message says why."""


def asked(files: Iterable[Path], deadline_s: float) -> list[dict[str, Any]]:
    """What pip-audit says of each package, those that it did not find included.

    Raises:
        Unreachable: If it says nothing.
    """
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--progress-spinner", "off", "--format", "json", "--timeout", "5"]
    for file in files:
        command += ["--requirement", str(file)]
    try:
        done = subprocess.run(  # noqa: S603  our own arguments
            command, capture_output=True, text=True, check=False, timeout=deadline_s
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"it had not answered after {deadline_s:g} s") from None
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise Unreachable((done.stderr.strip().splitlines() or ["no word"])[-1]) from None
    if all("skip_reason" in package for package in found):
        raise Unreachable("what answers there is an index of packages alone, such as a mirror")
    return found


def first_of(file: Path) -> str:
    """The first requirement, with its hashes."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    begin = next(number for number, line in enumerate(lines) if line[0] not in "# -\n")
    end = next(n for n in range(begin, len(lines)) if not lines[n].rstrip().endswith("\\"))
    return "".join(lines[begin : end + 1])


def by_service(files: list[Path]) -> list[dict[str, Any]]:
    """One package first: where there is no database, asking for all of them takes minutes.

    Raises:
        Unreachable: If there is none, or it does not say all in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder, "requirements.txt")
        one.write_text(first_of(files[0]), "utf-8")
        asked([one], FIRST_DEADLINE_S)
    return asked(files, DEADLINE_S)


def judged(packages: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Lines to print, and the exit code."""
    lines = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version'}"
        for package in packages
        for fault in package.get("vulns", ())
    ]
    known = [package for package in packages if "skip_reason" not in package]
    if missed := len(packages) - len(known):
        lines.append(f"{missed} packages could not be looked up.")
    lines.append(f"{len(known)} packages were looked up.")
    return lines, int(any(package.get("vulns") for package in known))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.audit", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--database", type=Path, help="a copy of pypa/advisory-database")
    options = parser.parse_args()
    try:
        if options.database is None:
            lines, code = judged(by_service(options.files))
        else:
            lines, code = judged(advisories.looked_up(options.database, options.files))
            lines[-1] = f"{lines[-1][:-1]} in the database of {advisories.day(options.database)}."
    except advisories.NoDatabase as exc:
        lines, code = [str(exc)], 2
    except Unreachable as exc:
        lines, code = (
            [f"KNOWN FAULTS WERE NOT LOOKED UP: the database cannot be reached, {exc}."],
            0,
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
