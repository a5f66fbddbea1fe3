"""What came of `make mutants`: a table of files, and the mutants that no test noticed.

python -m tests.mutants          # after mutmut has run
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path("mutants/tornado_app")
KILLED = {1, 3, 37}
"""Exit codes of mutmut 3: tests failed, in one way or another, or the types did not hold."""
SURVIVED, UNCOVERED, SKIPPED = 0, 33, 34


def verdict(exit_code: int | None) -> str:
    """One word for how a mutant ended."""
    if exit_code is None or exit_code == SKIPPED:
        return "not tried"
    if exit_code in KILLED:
        return "killed"
    return {SURVIVED: "survived", UNCOVERED: "no test"}.get(exit_code, "timeout")


def verdicts() -> Iterator[tuple[str, str, str]]:
    """File, mutant and verdict, of all that mutmut has made."""
    for path in sorted(RESULTS.rglob("*.meta")):
        results = json.loads(path.read_text())["exit_code_by_key"]
        name = str(path.relative_to(RESULTS)).removesuffix(".meta")
        for mutant, exit_code in results.items():
            yield name, mutant, verdict(exit_code)


def main() -> None:
    counts: dict[str, Counter[str]] = {}
    alive = []
    for name, mutant, word in verdicts():
        counts.setdefault(name, Counter())[word] += 1
        if word in {"survived", "no test"}:
            alive.append(f"{word}: {mutant}")
    tried = {name: count for name, count in counts.items() if count.keys() - {"not tried"}}
    tried["all"] = sum(tried.values(), Counter())
    print(f"{'file':44} {'tried':>6} {'killed':>6} {'timeout':>7} {'alive':>6} {'%':>6}")
    for name, count in tried.items():
        of = count.total() - count["not tried"]
        dead = count["killed"] + count["timeout"]
        print(
            f"{name:44} {of:6} {count['killed']:6} {count['timeout']:7} {of - dead:6} "
            f"{100 * dead / max(1, of):6.1f}"
        )
    print(*alive, sep="\n")


if __name__ == "__main__":
    main()
