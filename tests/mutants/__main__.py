"""Try mutants of the pure rooms or of others, and show what no test noticed, and a table of files.

python -m tests.mutants --each 30 --only 'tornado_app/session/*'
"""

import argparse
import random
import signal
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

import pytest

from tests.mutants.making import Mutant, mutants
from tests.mutants.results import Results
from tests.mutants.trying import HOUSES, Trying, mirrored
from tests.mutants.typing_errors import BUILD, wrong_types

ROOMS = [
    f"tornado_app/{room}" for room in ("session", "protocol", "policy", "failover", "admission")
]
"""Whose mutants are tried unless others are asked for."""
APART = "admission/machines"
"""What asks Redis is tried with a real one, in seconds and not in milliseconds."""
RESULTS = BUILD / "results.json"
PYTEST = ["-p", "no:terminal", "--timeout", "900"]
PYTEST += ["--hypothesis-profile", "mutants", "--hypothesis-seed", "8"]
PYTEST += [f"--ignore=tests/{APART}"]


def files(only: str | None) -> Iterator[str]:
    """Those like *only*, or of all rooms that are tried."""
    asked = [only] if only else [f"{room}/*" for room in ROOMS]
    for house in HOUSES:
        for path in map(str, sorted(Path(house).rglob("*.py"))):
            is_apart = path.startswith(f"tornado_app/{APART}/")
            if not is_apart and any(fnmatch(path, like) for like in asked):
                yield path


def chosen(each: int | None, seed: int, only: str | None) -> list[Mutant]:
    """All of the files like *only*, or so many of each; the first of each file, then the second.

    So many of each have been tried whenever it is stopped. A larger sample of the same seed holds
    the smaller one, as long as the file does not change.
    """
    by_file: list[list[Mutant]] = []
    for path in files(only):
        by_file.append(mutants(path))
        random.Random(f"{seed} {path}").shuffle(by_file[-1])
    rounds = zip_longest(*(of_file[:each] for of_file in by_file))
    return [mutant for together in rounds for mutant in together if mutant]


def stop(*_: object) -> NoReturn:
    """A time limit is told as Ctrl-C is."""
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, help="how many mutants of each file; without it, all")
    parser.add_argument("--seed", type=int, default=1, help="another one chooses other mutants")
    parser.add_argument("--only", help="what the paths of files are like, of other rooms too")
    parser.add_argument("--again", action="store_true", help="those that lived the last time")
    parser.add_argument("tests", nargs="*", default=[mirrored(room) for room in ROOMS])
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    results = Results(RESULTS, goes_on=args.again)
    found = chosen(args.each, args.seed, args.only)
    if args.again:
        found = [mutant for mutant in found if results.is_alive(mutant.name)]

    def told(mutant: Mutant, verdict: str) -> None:
        results.note(mutant.name, verdict)
        if results.is_alive(mutant.name):
            print(f"{verdict}: {mutant.name}", flush=True)

    print(f"seed {args.seed}: {len(found)} mutants", flush=True)
    exit_code = pytest.main([*PYTEST, *args.tests], plugins=[Trying(found, told)])
    try:
        for name in wrong_types([mutant for mutant in found if results.is_alive(mutant.name)]):
            results.note(name, "types")
            print(f"mypy: {name}", flush=True)
    except KeyboardInterrupt:
        exit_code = pytest.ExitCode.INTERRUPTED
        print("Stopped: mypy has not seen all of those alive.")
    print("\n".join(results.table()))
    return int(exit_code)


if __name__ == "__main__":
    sys.exit(main())
