"""A call through compiled modules beside interpreted ones, whichever half is which.

Any build is a mixture, as most modules are in none.  Here it goes through the middle of the hot
path: every other module of it is compiled, so that nearly every call of one to another crosses
from compiled code to interpreted, or back.  A build takes minutes: `make mixtures`.
"""

import ast
import os
import shutil
import subprocess
import sys

import pytest

from compiling import loading, making
from compiling.recipe import HOT_PATH
from tests.calls.house import ROOT

TREE = (
    *("compiling", "conf", "local_realtime", "parley_tools", "terminal", "tests"),
    *("tornado_app", "workers", "pyproject.toml", "run.py"),
)
CALLS = ("calls/test_first_call.py", "calls/test_messages.py", "calls/test_files.py")
"""Chunks, all messages of a client, answers, and files, in a process of their own."""


def of_bases(name):
    """The module of the hot path whose class one of *name* is made of, or *name*.

    These two are in one half: no class of Python's is made of a compiled one.
    """
    found = ast.parse((ROOT / (name.replace(".", "/") + ".py")).read_text())
    imports = [node for node in ast.walk(found) if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    classes = [node for node in ast.walk(found) if isinstance(node, ast.ClassDef)]
    bases = [ast.unparse(base) for each in classes for base in each.bases]
    [home] = {homes.get(base) for base in bases} & set(HOT_PATH.modules) or {name}
    return home


def half(which):
    modules = HOT_PATH.modules
    return tuple(name for name in modules if modules.index(of_bases(name)) % 2 == which)


HALVES = {"one half": 0, "the other": 1}

pytestmark = [
    pytest.mark.skipif(loading.code().kind == "python", reason="builds for minutes: make mixtures"),
    pytest.mark.timeout(3600),
]


@pytest.fixture(params=HALVES)
def tree(request, tmp_path):
    """A copy of Parley whose recipe, and so whose build, has half of the modules."""
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("node_modules"))
        else:
            shutil.copy(source, tmp_path)
    recipe = HOT_PATH._replace(modules=half(HALVES[request.param]), optimisation="0")
    with (tmp_path / "compiling" / "recipe.py").open("a") as file:
        file.write(f"\nHOT_PATH = {recipe}\n")
    making.make(tmp_path, recipe, sys.executable)
    return tmp_path


def test_calls_are_served_by_compiled_modules_beside_interpreted_ones(tree):
    """As well as by either alone; tests/conftest.py wants the build to be loaded."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"tests/{name}" for name in CALLS)],
        env={**os.environ, "PARLEY_COMPILED": "yes"},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
