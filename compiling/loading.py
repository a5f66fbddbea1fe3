"""Has the interpreter take modules of the hot path from a build, if there is one that fits.

The packages whose modules are compiled import this before any of those: whoever is the first to
want one, a server, a child, the process that decodes files or a test, runs the same code.  A
command that carries no calls does not look at a build, which takes as long as much of its start.
"""

import os
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from compiling.recipe import HOT_PATH, Recipe, place_of

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "PARLEY_COMPILED"
"""``no`` in the environment leaves a build alone."""


class Code(NamedTuple):
    """Which code of the hot path runs here.  Thread: any."""

    kind: Literal["compiled", "python"]
    fault: str = ""
    """Why a build that there is was not loaded, as the end of a sentence."""

    def for_children(self) -> dict[str, str]:
        """What the environment of a child needs, so that the same code runs there: a build may
        come, or go, meanwhile.
        """
        return {VARIABLE: "no"} if self.kind == "python" else {}


class BuildFinder:
    """Finds the modules of *recipe* in the build below *root*: all of them, or none.

    It looks at the build once, when the first of them is wanted or somebody asks.  Thread: any.
    """

    __slots__ = ("_code", "_files", "_lock", "_modules", "_recipe", "_root")

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self._root = root
        self._recipe = recipe
        self._modules = frozenset(recipe.modules)
        self._files: dict[str, Path] = {}
        self._code: Code | None = None
        # Two threads may want the first module at once.  Who has the lock imports nothing that
        # wants a module of a build, and so waits for none that another thread is importing.
        self._lock = threading.Lock()

    def code(self) -> Code:
        """Which code runs here, from the first answer on."""
        if self._code is None:
            with self._lock:
                if self._code is None:
                    self._code = self._look()
        return self._code

    def leave_alone(self) -> None:
        """Run as Python, unless somebody has looked."""
        with self._lock:
            if self._code is None:
                self._code = Code("python")

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  the package's: a build is beside it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname in self._modules:
            self.code()
        file = self._files.get(fullname)
        return None if file is None else spec_from_file_location(fullname, file)

    def _look(self) -> Code:
        place = place_of(self._root)
        if os.environ.get(VARIABLE) == "no" or not place.is_dir():
            return Code("python")
        from compiling import build  # noqa: PLC0415  of no use to those without one

        fault = build.fault(self._root, self._recipe)
        if fault:
            return Code("python", fault)
        names = (build.GROUP, *self._recipe.modules)
        self._files = {name: place / build.file_of(name) for name in names}
        try:
            # All code is in this one: where the system cannot load it, it can load none.
            __import__(build.GROUP)
        except ImportError as error:
            self._files = {}
            return Code("python", f"the system cannot load it: {error}")
        return Code("compiled")


def install(root: Path = ROOT, recipe: Recipe = HOT_PATH) -> BuildFinder:
    """Have the modules of *recipe* come from the build below *root*, if it fits."""
    finder = BuildFinder(root, recipe)
    sys.meta_path.insert(0, finder)
    return finder


_FINDER = install()


def code() -> Code:
    """Which code of the hot path runs in this process; it looks at the build if nobody has."""
    return _FINDER.code()


def leave_alone() -> None:
    """Have this process run as Python without a look at the build: it carries no calls."""
    _FINDER.leave_alone()
