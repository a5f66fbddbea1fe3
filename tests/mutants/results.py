"""What became of each mutant, in a file that has all that is known whenever a run is stopped."""

import json
from collections import Counter
from pathlib import Path

ALIVE = {"survived", "no test"}


class Results:
    """By the names of the mutants.  Thread: main."""

    def __init__(self, path: Path, *, goes_on: bool) -> None:
        """*goes_on*: with what is there of the last time."""
        self._path = path
        self._verdicts: dict[str, str] = json.loads(path.read_text()) if goes_on else {}

    def note(self, name: str, verdict: str) -> None:
        """Keep it at once: whoever is stopped, or killed, has no time left."""
        self._verdicts[name] = verdict
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(self._verdicts, indent=0))
        written.replace(self._path)

    def is_alive(self, name: str) -> bool:
        """No test has noticed it, and mypy has not, if it was asked."""
        return self._verdicts.get(name) in ALIVE

    def table(self) -> list[str]:
        """How many of each file ended how.

        What mypy shows is no merit of the tests, and is left out of their percentage.
        """
        counts: dict[str, Counter[str]] = {}
        for name, verdict in self._verdicts.items():
            counts.setdefault(name.partition(":")[0], Counter())[verdict.split()[0]] += 1
        counts["all"] = sum(counts.values(), Counter())
        lines = [f"{'file':52} {'tried':>6} {'types':>6} {'dead':>6} {'alive':>6} {'%':>6}"]
        for name, count in counts.items():
            dead, alive = count["killed"] + count["timeout"], count["survived"] + count["no"]
            rate = 100 * dead / max(1, dead + alive)
            tried = f"{count.total():6} {count['types']:6} {dead:6} {alive:6} {rate:6.1f}"
            lines.append(f"{name:52} {tried}")
        return lines
