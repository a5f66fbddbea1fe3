"""Try mutants of the pure rooms, and show what no test noticed, and a table of files.

python -m tests.mutants --each 30 --only 'tornado_app/session/*'
"""

import argparse
import json
import random
import sys
from collections import Counter
from fnmatch import fnmatch
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.mutants.making import Mutant, mutants
from tests.mutants.trying import Trying
from tests.mutants.typing_errors import BUILD, wrong_types

ROOMS = ["session", "protocol", "policy", "admission"]
APART = "admission/machines"
"""What asks Redis is tried with a real one, in seconds and not in milliseconds."""
ALIVE = {"survived", "no test"}
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


def lived(found: list[Mutant], results: dict[str, str]) -> list[Mutant]:
    """Those that no test noticed the last time."""
    return [mutant for mutant in found if results.get(mutant.name) in ALIVE]


def show_table(results: dict[str, str]) -> None:
    """How many of each file ended how.

    What mypy shows is no merit of the tests, and is left out of their percentage.
    """
    counts: dict[str, Counter[str]] = {}
    for name, verdict in results.items():
        counts.setdefault(name.partition(":")[0], Counter())[verdict.split()[0]] += 1
    counts["all"] = sum(counts.values(), Counter())
    print(f"{'file':52} {'tried':>6} {'types':>6} {'dead':>6} {'alive':>6} {'%':>6}")
    for name, count in counts.items():
        dead, alive = count["killed"] + count["timeout"], count["survived"] + count["no"]
        rate = 100 * dead / max(1, dead + alive)
        tried = f"{count.total():6} {count['types']:6} {dead:6} {alive:6} {rate:6.1f}"
        print(f"{name:52} {tried}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, help="how many mutants of each file; without it, all")
    parser.add_argument("--seed", type=int, default=1, help="another one chooses other mutants")
    parser.add_argument("--only", default="*", help="what the paths of files are like")
    parser.add_argument("--again", action="store_true", help="those that lived the last time")
    parser.add_argument("tests", nargs="*", default=[f"tests/{room}" for room in ROOMS])
    args = parser.parse_args()
    found = chosen(args.each, args.seed, args.only)
    before = json.loads(RESULTS.read_text()) if args.again else {}
    found = lived(found, before) if args.again else found
    results = dict(before)

    def told(mutant: Mutant, verdict: str) -> None:
        results[mutant.name] = verdict
        if verdict in ALIVE:
            print(f"{verdict}: {mutant.name}", flush=True)

    print(f"seed {args.seed}: {len(found)} mutants", flush=True)
    exit_code = pytest.main([*PYTEST, *args.tests], plugins=[Trying(found, told)])
    alive = lived(found, results)
    for name in wrong_types(alive):
        results[name] = "types"
        print(f"mypy: {name}")
    BUILD.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=0))
    show_table(results)
    return int(exit_code)


if __name__ == "__main__":
    sys.exit(main())
