"""Try mutants of the pure rooms, and show what no test noticed, and a table of files.

python -m tests.mutants --each 30 --only 'tornado_app/session/*'
"""

import argparse
import random
import signal
import sys
from fnmatch import fnmatch
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

import pytest

from tests.mutants.making import Mutant, mutants
from tests.mutants.results import Results
from tests.mutants.trying import Trying
from tests.mutants.typing_errors import BUILD, wrong_types

ROOMS = ["session", "protocol", "policy", "admission"]
APART = "admission/machines"
"""What asks Redis is tried with a real one, in seconds and not in milliseconds."""
RESULTS = BUILD / "results.json"
PYTEST = ["-p", "no:terminal", "--timeout", "900"]
PYTEST += ["--hypothesis-profile", "mutants", "--hypothesis-seed", "8"]
PYTEST += [f"--ignore=tests/{APART}"]


def chosen(each: int | None, seed: int, only: str) -> list[Mutant]:
    """All of the files like *only*, or so many of each; the first of each file, then the second.

    So many of each have been tried whenever it is stopped. A larger sample of the same seed holds
    the smaller one, as long as the file does not change.
    """
    by_file: list[list[Mutant]] = []
    for room in ROOMS:
        for path in sorted(Path("tornado_app", room).rglob("*.py")):
            if fnmatch(str(path), only) and not path.is_relative_to(f"tornado_app/{APART}"):
                by_file.append(mutants(str(path)))
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
    parser.add_argument("--only", default="*", help="what the paths of files are like")
    parser.add_argument("--again", action="store_true", help="those that lived the last time")
    parser.add_argument("tests", nargs="*", default=[f"tests/{room}" for room in ROOMS])
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
