"""What is compiled can be compiled, by what is pinned: compiling/recipe.py."""

import ast
import re
import shutil
import subprocess

import pytest

from compiling.recipe import HOT_PATH
from tests.calls.house import ROOT


def source(name):
    return ROOT / (name.replace(".", "/") + ".py")


def test_the_mypy_that_compiles_is_the_one_that_is_pinned():
    """A build by another is refused before it is loaded, and so would be all."""
    pinned = re.search(r"(?m)^mypy==(\S+)$", (ROOT / "requirements-compile.in").read_text())

    assert pinned[1] == HOT_PATH.mypy


def test_modules_stand_once_and_in_order():
    """So that two who add one do not both add it."""
    assert sorted(set(HOT_PATH.modules)) == list(HOT_PATH.modules)


@pytest.mark.parametrize("name", HOT_PATH.modules)
def test_no_class_loses_what_it_was_made_with(name):
    """Mypyc drops the keywords of a class: a frozen `msgspec.Struct` would not be frozen."""
    found = ast.parse(source(name).read_text())
    classes = [node for node in ast.walk(found) if isinstance(node, ast.ClassDef)]

    assert not [each.name for each in classes if each.keywords]


@pytest.mark.parametrize("name", HOT_PATH.modules)
def test_no_data_class_has_a_constant(name):
    """Mypyc hides `ClassVar` from `dataclass`, which then makes a field of it."""
    found = ast.parse(source(name).read_text())
    classes = [
        node for node in ast.walk(found) if isinstance(node, ast.ClassDef) and node.decorator_list
    ]
    fields = [
        ast.unparse(field.annotation)
        for each in classes
        for field in each.body
        if isinstance(field, ast.AnnAssign)
    ]

    assert not [annotation for annotation in fields if annotation.startswith("ClassVar")]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_what_is_not_tried_compiled_makes_no_call():
    """`make test-compiled` leaves it out, and pytest would pass over a name that is none."""
    said = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "test-compiled"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    left_out = [ROOT / name for name in re.findall(r"--ignore=(\S+)", said)]
    tests = [test for path in left_out for test in [path, *path.rglob("*.py")] if test.is_file()]

    assert len(tests) > len(left_out) > 1
    for path in left_out:
        assert path.exists(), path
    for test in tests:
        assert not re.search(r"\b(House|start_gateway|test_serving)\b", test.read_text()), test
