"""Try mutants of the pure rooms, and show what no test noticed, and a table of files.

python -m tests.mutants --each 30 --only 'tornado_app.session.*'
"""

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

BIN = Path(sys.executable).parent
RESULTS = Path("mutants/tornado_app")
KILLED = {1, 3}
"""Exit codes of mutmut 3: tests failed, in one way or another."""
SURVIVED, UNCOVERED, SKIPPED, WRONG_TYPES = 0, 33, 34, 37
CHILDREN = 2
WRITE = f"""
from mutmut.__main__ import *
copy_src_dir(), copy_also_copy_files(), setup_source_paths(), create_mutants({CHILDREN})
"""
"""`mutmut run` writes mutants and tries them at once; to be chosen, they have to be there."""
TYPES = ["mypy", "--config-file=", "--output", "json", "--ignore-missing-imports"]
TYPES += ["--strict-equality", "--check-untyped-defs"]
TYPES += ["--disable-error-code", "no-redef", "--disable-error-code", "has-type"]
"""mutmut's own lines are not strict."""
ROOMS = ["session", "protocol", "policy", "admission"]


def verdict(exit_code: int | None) -> str:
    """One word for how a mutant ended."""
    if exit_code is None or exit_code == SKIPPED:
        return "not tried"
    if exit_code in KILLED:
        return "killed"
    words = {SURVIVED: "survived", UNCOVERED: "no test", WRONG_TYPES: "types"}
    return words.get(exit_code, "timeout")


def results() -> Iterator[Path]:
    """What mutmut keeps of each file."""
    yield from sorted(RESULTS.rglob("*.meta"))


def verdicts() -> Iterator[tuple[str, str, str]]:
    """File, mutant and verdict, of all that mutmut has made."""
    for path in results():
        name = str(path.relative_to(RESULTS)).removesuffix(".meta")
        for mutant, exit_code in json.loads(path.read_text())["exit_code_by_key"].items():
            yield name, mutant, verdict(exit_code)


def choose(each: int | None, seed: int, only: str) -> None:
    """Mark what `mutmut run` is to try: all, or a sample of `each` file, of names like `only`.

    A larger sample of the same seed holds the smaller one. Killed mutants stay killed until
    their function changes; those that lived are tried again, by the tests of today.
    """
    for path in results():
        kept = json.loads(path.read_text())
        codes = kept["exit_code_by_key"]
        names = sorted(name for name in codes if fnmatch(name, only))
        random.Random(f"{seed} {path}").shuffle(names)
        chosen = set(names[:each])
        for name, code in codes.items():
            if name not in chosen:
                codes[name] = SKIPPED
            elif code not in KILLED | {WRONG_TYPES}:
                codes[name] = None
        path.write_text(json.dumps(kept, indent=4))


def judge_types() -> None:
    """Leave out, of those chosen, what mypy finds wrong: that is not left to the tests.

    mutmut can do it, but parses twenty megabytes of mutants for it, however few are chosen.
    """
    rooms = [f"tornado_app/{room}" for room in ROOMS]
    command = [str(BIN / TYPES[0]), *TYPES[1:], *rooms]
    found = subprocess.run(command, cwd="mutants", check=False, capture_output=True, text=True)
    assert found.returncode in {0, 1}, found.stderr
    wrong: dict[str, list[int]] = {}
    for error in map(json.loads, filter(None, found.stdout.splitlines())):
        if error["severity"] == "error":
            wrong.setdefault(error["file"], []).append(error["line"])
    for path in results():
        source = path.with_suffix("")
        lines = wrong.get(str(source.relative_to("mutants")), [])
        spans = json.loads(Path(f"{source}.spans").read_text())["spans"]
        kept = json.loads(path.read_text())
        codes = kept["exit_code_by_key"]
        for name, code in codes.items():
            first, last = spans[name.rpartition(".")[2]]
            if code is None and any(first <= line <= last for line in lines):
                codes[name] = WRONG_TYPES
        path.write_text(json.dumps(kept, indent=4))


def run_mutmut() -> None:
    """Have mutmut write the mutants of today's code, and try those chosen."""
    subprocess.run([str(BIN / "mutmut"), "run", "--max-children", str(CHILDREN)], check=True)


def show_table() -> None:
    """Print the mutants alive, and how many each file has.

    What mypy shows is no merit of the tests, and is left out of their percentage.
    """
    counts: dict[str, Counter[str]] = {}
    for name, mutant, word in verdicts():
        counts.setdefault(name, Counter())[word] += 1
        if word in {"survived", "no test"}:
            print(f"{word}: {mutant}")
    tried = {name: count for name, count in counts.items() if count.keys() - {"not tried"}}
    tried["all"] = sum(tried.values(), Counter())
    print(
        f"{'file':36} {'tried':>6} {'types':>6} {'killed':>6} {'timeout':>7} {'alive':>6} {'%':>6}"
    )
    for name, count in tried.items():
        types, dead = count["types"], count["killed"] + count["timeout"]
        alive = count["survived"] + count["no test"]
        print(
            f"{name:36} {types + dead + alive:6} {types:6} {count['killed']:6} "
            f"{count['timeout']:7} {alive:6} {100 * dead / max(1, dead + alive):6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, help="how many mutants of each file; without it, all")
    parser.add_argument("--seed", type=int, default=1, help="another one chooses other mutants")
    parser.add_argument("--only", default="*", help="what the names of mutants are like")
    parser.add_argument("--table", action="store_true", help="show the last results only")
    args = parser.parse_args()
    if not args.table:
        subprocess.run([sys.executable, "-c", WRITE], check=True)
        choose(args.each, args.seed, args.only)
        judge_types()
        run_mutmut()
    show_table()


if __name__ == "__main__":
    main()
