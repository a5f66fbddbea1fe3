"""A build is loaded whole where it fits, and left alone where it does not: compiling/loading.py.

The build is of two small modules, so that it takes seconds.
"""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from compiling import build, making
from compiling.loading import Code
from compiling.recipe import Recipe, place_of
from tests.calls.house import ROOT

RECIPE = Recipe(("tiny.first", "tiny.second"), making.version("mypy"), "0", ("tiny",))
FIRST = """
from tiny.second import Pair

def total(pair: Pair) -> int:
    return pair.left + pair.right
"""
SECOND = """
class Pair:
    def __init__(self, left: int, right: int) -> None:
        self.left = left
        self.right = right
"""
RUN = """
import json, sys
from pathlib import Path
from compiling.loading import install
from compiling.recipe import Recipe

root, recipe, first_of_all = Path(sys.argv[1]), Recipe(**json.loads(sys.argv[2])), sys.argv[3]
finder = install(root, recipe._replace(modules=tuple(recipe.modules)))
sys.path.insert(0, str(root))
exec(first_of_all)
looked = "compiling.build" in sys.modules
from tiny import first, second, third
code = finder.code()
print(json.dumps({
    "kind": code.kind,
    "fault": code.fault,
    "compiled": [m.__name__ for m in (first, second, third) if not m.__file__.endswith(".py")],
    "total": first.total(second.Pair(20, 22)),
    "looked": looked,
}))
"""
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def write_sources(root):
    package = root / "tiny"
    package.mkdir()
    for name, text in (("__init__", ""), ("first", FIRST), ("second", SECOND), ("third", "")):
        (package / f"{name}.py").write_text(text)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    write_sources(root)
    making.make(root, RECIPE, sys.executable)
    return root


@pytest.fixture
def tree(built, tmp_path):
    """A copy, to be spoilt."""
    return shutil.copytree(built, tmp_path / "tree")


@needs_compiler
def test_what_fits_is_not_made_again(tree):
    """Nor is it left as it is when it does not fit, or cannot be loaded."""
    library = place_of(tree) / build.file_of(build.GROUP)
    before = library.stat().st_ino
    assert not making.make(tree, RECIPE, os.path.relpath(sys.executable))
    assert before == library.stat().st_ino

    library.write_bytes(b"of another system")
    build.write_manifest(place_of(tree), RECIPE, build.source_digests(tree, RECIPE))
    assert not build.fault(tree, RECIPE)
    assert making.make(tree, RECIPE, sys.executable)
    assert "compiled" == run(tree)["kind"]


def run(root, recipe=RECIPE, first_of_all="", **environ):
    """What a process finds that loads the build below *root*, and uses what is in it."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, root, json.dumps(recipe._asdict()), first_of_all],
        env={**os.environ, "PARLEY_COMPILED": "", **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


def runs_as_python(root, recipe=RECIPE):
    """Whether nothing of a build was loaded and all works; why not."""
    found = run(root, recipe)
    assert ("python", [], 42) == (found["kind"], found["compiled"], found["total"])
    return found["fault"]


def rewrite(tree, **fields):
    manifest = place_of(tree) / build.MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | fields))


def library(tree):
    return place_of(tree) / build.file_of(build.GROUP)


@needs_compiler
def test_the_modules_of_a_build_are_compiled_and_no_others(tree):
    """And they do what their sources say."""
    found = run(tree)

    assert {
        "kind": "compiled",
        "fault": "",
        "compiled": ["tiny.first", "tiny.second"],
        "total": 42,
        "looked": False,
    } == found


@needs_compiler
def test_a_build_leaves_the_sources_alone(built):
    """Nothing lies beside them."""
    beside = [path for path in (built / "tiny").rglob("*") if "__pycache__" not in path.parts]

    assert {".py"} == {path.suffix for path in beside}
    assert {"compiled", "compile-cache"} == {path.name for path in (built / "build").iterdir()}


def test_without_a_build_everything_runs_as_python(tmp_path):
    """It is no fault: most have none."""
    write_sources(tmp_path)

    assert "" == runs_as_python(tmp_path)


@needs_compiler
def test_an_operator_may_leave_a_build_alone(tree):
    """`PARLEY_COMPILED=no`: nothing of it is looked at."""
    shutil.rmtree(tree / "tiny" / "__pycache__", ignore_errors=True)
    library(tree).write_bytes(b"no library")

    found = run(tree, PARLEY_COMPILED="no")

    assert ("python", "", []) == (found["kind"], found["fault"], found["compiled"])


@needs_compiler
@pytest.mark.parametrize("name", ["first", "third"])
def test_a_build_of_other_sources_is_left_alone(tree, name):
    """Also where a module has changed that is not compiled: its types were gone by."""
    with (tree / "tiny" / f"{name}.py").open("a") as file:
        file.write("\nANOTHER = 1\n")

    assert f"its sources have changed: tiny/{name}.py" == runs_as_python(tree)


@needs_compiler
def test_a_build_with_a_source_more_is_left_alone(tree):
    """It may stand before one that was compiled."""
    (tree / "tiny" / "fourth.py").write_text("")
    (tree / "tiny" / "fifth.py").write_text("")

    assert "its sources have changed: tiny/fifth.py and 1 more" == runs_as_python(tree)


@needs_compiler
def test_a_build_of_another_python_is_left_alone(tree):
    """Version, ABI and platform are in the name of its files."""
    rewrite(tree, suffix=".cpython-39-riscv64-linux-gnu.so")

    fault = runs_as_python(tree)

    assert f"it is for .cpython-39-riscv64-linux-gnu.so, and this Python takes {build.SUFFIX}" == (
        fault
    )


@needs_compiler
@pytest.mark.parametrize(
    "other",
    [{"mypy": "1.0.0"}, {"optimisation": "3"}, {"modules": ("tiny.first",)}],
    ids=lambda other: next(iter(other)),
)
def test_a_build_of_another_recipe_is_left_alone(tree, other):
    """A version of mypy, a flag, or other modules."""
    assert "it was made of other modules, or in another way" == runs_as_python(
        tree, RECIPE._replace(**other)
    )


@needs_compiler
@pytest.mark.parametrize("spoil", ["cut", "missing", "module missing", "another"])
def test_a_broken_build_is_left_alone(tree, spoil):
    """None of it is loaded: half of a group calls into nothing."""
    file = library(tree)
    match spoil:
        case "cut":
            file.write_bytes(file.read_bytes()[:4096])
        case "missing":
            file.unlink()
        case "module missing":
            file = place_of(tree) / build.file_of("tiny.second")
            file.unlink()
        case "another":
            shutil.copy(place_of(tree) / build.file_of("tiny.first"), file)

    name = file.relative_to(place_of(tree)).as_posix()
    assert f"files of it are missing or broken: {name}" == runs_as_python(tree)


@needs_compiler
@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"suffix": 1, "recipe": 2, "sources": 3}'])
def test_a_build_without_a_manifest_is_left_alone(tree, text):
    """It was never finished, or somebody has been at it."""
    manifest = place_of(tree) / build.MANIFEST
    if text is None:
        manifest.unlink()
    else:
        manifest.write_text(text)

    assert "its manifest is missing or broken" == runs_as_python(tree)


@needs_compiler
def test_a_library_that_the_system_does_not_load_is_left_alone(tree):
    """As one that was made where the C library is newer: its manifest is right."""
    file = library(tree)
    file.write_bytes(b"\x7fELF, and nothing that a system would load")
    files = build.digests(place_of(tree), manifest_files(tree))
    rewrite(tree, files=files)

    assert runs_as_python(tree).startswith("the system cannot load it: ")


def manifest_files(tree):
    return list(json.loads((place_of(tree) / build.MANIFEST).read_text())["files"])


@needs_compiler
def test_children_run_what_their_parent_runs(tree):
    """One that was started before there was a build has no child that takes it."""
    assert "compiled" == run(tree, **Code("compiled").for_children())["kind"]
    assert "python" == run(tree, **Code("python").for_children())["kind"]


@needs_compiler
@pytest.mark.parametrize(
    ("first_of_all", "looked", "kind"),
    [
        ("", False, "compiled"),
        ("import tiny.third", False, "compiled"),
        ("import tiny.second", True, "compiled"),
        ("finder.code()", True, "compiled"),
        ("finder.leave_alone()", False, "python"),
        ("finder.code(); finder.leave_alone()", True, "compiled"),
    ],
)
def test_a_build_is_looked_at_when_it_is_wanted(tree, first_of_all, looked, kind):
    """Who wants none of it does not wait for its hundreds of digests."""
    found = run(tree, first_of_all=first_of_all)

    assert (looked, kind) == (found["looked"], found["kind"])


@needs_compiler
def test_threads_that_want_it_at_once_get_the_same(tree):
    """One of them looks, and the others wait for what it finds."""
    script = """
import importlib, threading
together = threading.Barrier(4)
def want(name):
    together.wait(60)
    importlib.import_module(name)
names = ["tiny.first", "tiny.second", "tiny.first", "tiny.third"]
threads = [threading.Thread(target=want, args=[name]) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join(60)
assert not any(thread.is_alive() for thread in threads)
"""
    found = run(tree, first_of_all=script)

    assert ["tiny.first", "tiny.second"] == found["compiled"]
    assert 42 == found["total"]


@pytest.fixture
def house(tmp_path):
    """Parley itself, with something in the place of a build."""
    shutil.copy(ROOT / "run.py", tmp_path)
    shutil.copytree(ROOT / "compiling", tmp_path / "compiling")
    for name in ("tornado_app", "workers", "terminal", "local_realtime", "parley_tools", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    place_of(tmp_path).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "looks"),
    [
        ("token --user alice", False),
        ("check-config", False),
        ("talk --help", False),
        ("serve --help", False),
        ("--version", True),
        ("serve", True),
    ],
)
def test_only_a_server_looks_at_a_build(house, command, looks):
    """And who asks which code it would run; a build is hundreds of files to be read."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    with socket.create_server(("127.0.0.1", 0)) as taken:  # a server loads everything, and ends
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "run.py", *command.split()],
            env={
                **ours,
                "PARLEY_SERVER_STATE_DIR": str(house / "state"),
                "PARLEY_SERVER_PORT": str(taken.getsockname()[1]),
            },
            cwd=house,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (command == "serve") == bool(done.returncode)
    assert "compiling.loading" in done.stderr
    assert looks == ("compiling.build" in done.stderr)
