"""Has the interpreter take modules of the hot path from a build, if there is one that fits.

The packages whose modules are compiled call `load` as they are imported, and so before any of
those: whoever imports them first, a server, a child, the process that decodes files or a test,
runs the same code.
"""

import os
import sys
from collections.abc import Mapping, Sequence
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
    """Finds the modules of a build where they lie.  Thread: any."""

    __slots__ = ("_files",)

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  the package's: a build is beside it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        return None if file is None else spec_from_file_location(fullname, file)


def load(root: Path = ROOT, recipe: Recipe = HOT_PATH) -> Code:
    """Have the modules of *recipe* come from the build below *root*, all of them or none."""
    place = place_of(root)
    if os.environ.get(VARIABLE) == "no" or not place.is_dir():
        return Code("python")
    from compiling import build  # noqa: PLC0415  of no use to those without one

    fault = build.fault(root, recipe)
    if fault:
        return Code("python", fault)
    names = (build.GROUP, *recipe.modules)
    finder = BuildFinder({name: place / build.file_of(name) for name in names})
    sys.meta_path.insert(0, finder)
    try:
        # All code is in this one: where the system cannot load it, it can load none.
        __import__(build.GROUP)
    except ImportError as error:
        sys.meta_path.remove(finder)
        return Code("python", f"the system cannot load it: {error}")
    return Code("compiled")


CODE = load()
"""Of this process, from its first import on."""
