"""Tries mutants in one warm process: all is imported and collected once, and each has a fork.

In the fork the changed function gets the code of the mutant, and the tests that run its lines are
run, its own file's first, then the shortest, until one fails.
"""

import gc
import pickle
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest

from tests.mutants.forks import Say, in_a_fork
from tests.mutants.making import Mutant

NO_ANSWER_S = 300.0
"""Beside ten times what its tests compute: a fork that waits for what never comes is killed."""
TEST_SLACK_S = 2.0
"""Of computing, beside five times what a test takes: who needs more runs round in circles."""
Functions = dict[tuple[str, str, int], list[FunctionType]]
"""By file, qualified name and first line."""
HOUSES = ["tornado_app", "workers", "local_realtime"]
"""Whose functions can be changed."""


def mirrored(path: str) -> str:
    """Where the tests of a file or room are."""
    return f"tests/{path.removeprefix('tornado_app/')}"


@dataclass
class Runs:
    """Which test ran which lines, and how long it computed."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    by_line: dict[tuple[str, int], set[str]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that could notice it, in the order in which one will soon."""
        lines = [(mutant.path, line) for line in mutant.lines]
        names = set().union(*(self.by_line.get(line, ()) for line in lines))
        mirror = Path(mirrored(mutant.path))
        own = f"{mirror.with_name(f'test_{mirror.name}')}::"
        return sorted(names, key=lambda name: (not name.startswith(own), self.seconds[name]))


class Trying:
    """A plugin of pytest that runs mutants in place of tests. Lives on the main thread."""

    def __init__(self, mutants: list[Mutant], told: Callable[[Mutant, str], None]) -> None:
        self._mutants = mutants
        self._told = told
        self._items: dict[str, pytest.Item] = {}
        self._on_failure: Callable[[str], None] = lambda _: None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        found = functions()
        # Of a copy of this very process.
        runs: Runs = pickle.loads(in_a_fork(self._look, None))  # noqa: S301
        if runs.failed:
            print(f"Without any mutant these fail: {', '.join(sorted(runs.failed))}.")
            pytest.exit("tests fail", 1)
        for mutant in self._mutants:
            self._told(mutant, self._verdict(mutant, found, runs))
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """A failure is told before anybody writes pages about it, which takes longest of all."""
        if call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
            self._on_failure(item.nodeid)

    def _look(self, say: Say) -> None:
        """Run all tests, and see which lines each runs."""
        runs = Runs()
        self._on_failure = runs.failed.add
        seen = sorted({str(Path(mutant.path).absolute()) for mutant in self._mutants})
        looking = coverage.Coverage(data_file=None, config_file=False, include=seen)
        looking.start()
        for item, following in in_turn(self._items.values()):
            looking.switch_context(item.nodeid)
            began = time.process_time()
            run(item, following)
            runs.seconds[item.nodeid] = time.process_time() - began
        looking.stop()
        data = looking.get_data()
        # One text of each name, as it is told of thousands of lines.
        named = {name: name for name in runs.seconds}
        for path in data.measured_files():
            for line, names in data.contexts_by_lineno(path).items():
                runs.by_line[shown(path), line] = {named[name] for name in names if name}
        say(pickle.dumps(runs))

    def _verdict(self, mutant: Mutant, found: Functions, runs: Runs) -> str:
        """One word for how it ended, and the test that ended it."""
        names = runs.of(mutant)
        if not names:
            return "no test"

        def attempt(say: Say) -> None:
            self._on_failure = lambda name: say(f"killed {name}".encode())
            try:
                change(found, mutant)
            except (SyntaxError, ValueError):
                # No program at all, or one that closes over other variables.
                say(b"types")
            for item, following in in_turn(self._items[name] for name in names):
                most_s = TEST_SLACK_S + 5 * runs.seconds[item.nodeid]
                signal.setitimer(signal.ITIMER_PROF, most_s)
                run(item, following)
            say(b"survived")

        wait_s = NO_ANSWER_S + 10 * sum(runs.seconds[name] for name in names)
        return in_a_fork(attempt, wait_s).decode() or "timeout"


def in_turn(items: Iterable[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Each with the one after it, which may have the same fixtures."""
    order = list(items)
    return zip(order, [*order[1:], None], strict=True)


def run(item: pytest.Item, following: pytest.Item | None) -> None:
    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)


def shown(path: str) -> str:
    return str(Path(path).relative_to(Path.cwd()))


def functions() -> Functions:
    """All that there are, whoever holds them; several of one place, if each call makes one."""
    found: Functions = {}
    houses = tuple(f"{Path.cwd() / house}/" for house in HOUSES)
    # tests/conftest.py hides from the collector what was imported, and it shows nothing hidden.
    gc.unfreeze()
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(houses):
            code = one.__code__
            place = (shown(code.co_filename), code.co_qualname, code.co_firstlineno)
            found.setdefault(place, []).append(one)
    gc.freeze()
    return found


def change(found: Functions, mutant: Mutant) -> None:
    """Let the function that everybody has do what the mutant does, and those it has made before."""
    first, last = mutant.function_lines
    for code in codes(compile(mutant.source, mutant.path, "exec")):
        outermost = code.co_qualname.partition(".<locals>")[0]
        if outermost == mutant.qualified_name and first <= code.co_firstlineno <= last:
            for function in found.get((mutant.path, code.co_qualname, code.co_firstlineno), ()):
                function.__code__ = code


def codes(code: CodeType) -> Iterator[CodeType]:
    """What is compiled within, however deep."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from codes(constant)
