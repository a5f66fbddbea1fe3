"""Which of the mutants that no test noticed mypy would not let pass."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from tests.mutants.making import Mutant

BUILD = Path("build/mutants")


def wrong_types(mutants: list[Mutant]) -> Iterator[str]:
    """The names of those; one mutant of each file is looked at in the same run of mypy."""
    by_file: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_file.setdefault(mutant.path, []).append(mutant)
    for together in zip_longest(*by_file.values()):
        yield from judge([mutant for mutant in together if mutant])


def judge(together: list[Mutant]) -> Iterator[str]:
    """Those of different files whose own function has an error."""
    command = [sys.executable, "-m", "mypy", "--output", "json"]
    command += ["--cache-dir", str(BUILD / "mypy")]
    for number, mutant in enumerate(together):
        shadow = BUILD / "shadows" / f"{number}.py"
        shadow.parent.mkdir(parents=True, exist_ok=True)
        shadow.write_text(mutant.source)
        command += ["--shadow-file", mutant.path, str(shadow)]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert found.returncode in {0, 1}, found.stderr
    errors = [json.loads(line) for line in found.stdout.splitlines() if line]
    for mutant in together:
        first, last = mutant.function_lines
        if any(error["file"] == mutant.path and first <= error["line"] <= last for error in errors):
            yield mutant.name
