"""``python -m deploy.audit FILE...``: which pinned versions have known faults.

Compiled requirement files only: what stands there is looked up, nothing is installed or resolved.
Exit code 1 if there is a fault; where the database cannot be reached that is said, and is no fault.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

DEADLINE_S = 120


def asked(files: Iterable[str]) -> list[dict[str, Any]]:
    """What pip-audit says of each package; empty if it did not get so far."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--progress-spinner", "off", "--format", "json"]
    for file in files:
        command += ["--requirement", file]
    try:
        done = subprocess.run(  # noqa: S603  our own arguments
            command, capture_output=True, text=True, check=False, timeout=DEADLINE_S
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return []
    return found


def judged(packages: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Lines to print, and the exit code."""
    lines = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version'}"
        for package in packages
        for fault in package.get("vulns", ())
    ]
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        return ["Known faults were not looked up: the database cannot be reached."], 0
    if missed := len(packages) - len(known):
        lines.append(f"{missed} packages could not be looked up.")
    lines.append(f"{len(known)} packages were looked up.")
    return lines, int(any(package.get("vulns") for package in known))


def main() -> int:
    lines, code = judged(asked(sys.argv[1:]))
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
