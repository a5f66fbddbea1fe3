"""``make compile``: builds the hot path with mypyc, in an environment of its own.

It leaves the sources alone; what is built replaces the build before it when it is whole.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from compiling import build
from compiling.recipe import HOT_PATH, Recipe, place_of

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = Path(__file__).with_name("mypy.ini")
CANNOT = 3
"""The exit code where something is missing for it; what is wrong with the sources has others."""


class CannotCompile(Exception):
    """One sentence that says why."""


def make(root: Path, recipe: Recipe, packages: Path) -> bool:
    """Build *recipe* from the tree at *root*; *packages* is the Python that will run it.

    Returns False if that is done already, and nothing was made.

    Raises:
        CannotCompile: If something is missing for it.
    """
    _check(recipe, packages)
    place = place_of(root)
    if not build.fault(root, recipe) and _can_be_loaded(place, packages):
        return False
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="compiling-") as folder:
        made = Path(folder) / "made"
        sources = build.source_digests(root, recipe)
        _compile(root, recipe, packages, made)
        build.write_manifest(made, recipe, sources)
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)
    return True


def _can_be_loaded(place: Path, packages: Path) -> bool:
    """Whether the system has what the build needs: one that was copied may want another."""
    load = f"import sys; sys.path.insert(0, sys.argv[1]); import {build.GROUP}"
    words = [str(packages), "-c", load, str(place)]
    loading = subprocess.run(words, capture_output=True, check=False)  # noqa: S603
    return loading.returncode == 0


def _check(recipe: Recipe, packages: Path) -> None:
    if version("mypy") != recipe.mypy:
        raise CannotCompile(f"mypy has to be {recipe.mypy}, not {version('mypy')}.")
    suffix = "import importlib.machinery as it; print(it.EXTENSION_SUFFIXES[0])"
    found = subprocess.run(  # noqa: S603  our own Python
        [packages, "-c", suffix], capture_output=True, text=True, check=True
    ).stdout.strip()
    if found != build.SUFFIX:
        raise CannotCompile(f"{packages} takes {found}, and this Python makes {build.SUFFIX}.")
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(compiler.split()[0]) is None:
        raise CannotCompile(f"There is no C compiler here ({compiler.split()[0]}).")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        raise CannotCompile("There are no headers of Python here (python3-dev).")


def _compile(root: Path, recipe: Recipe, packages: Path, made: Path) -> None:
    # Only in the environment that compiles.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import setup  # noqa: PLC0415

    sources = [name.replace(".", "/") + ".py" for name in recipe.modules]
    options = ["--config-file", str(CONFIGURATION), "--python-executable", str(packages)]
    options += ["--cache-dir", str(root / "build" / "compile-cache")]
    work = made.parent
    with _in_folder(root):
        extensions = mypycify(
            [*options, *sources],
            opt_level=recipe.optimisation,
            debug_level="0",
            target_dir=str(work / "c"),
            group_name=build.GROUP.removesuffix("__mypyc"),
        )
        arguments = ["--quiet", "build_ext", "--build-lib", str(made), "--build-temp", str(work)]
        setup(name="parley", ext_modules=extensions, packages=[], script_args=arguments)


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Mypy names modules by where they are from here."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, default=Path(sys.executable), metavar="PYTHON")
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        is_new = make(ROOT, HOT_PATH, options.packages)
    except CannotCompile as reason:
        print(f"Parley is not compiled, and runs as Python: {reason}", file=sys.stderr)
        return CANNOT
    if not is_new:
        print("Parley is compiled already, of these sources.")
        return 0
    size = sum(file.stat().st_size for file in place_of(ROOT).rglob("*") if file.is_file())
    took_s = time.monotonic() - begun
    print(f"Compiled {len(HOT_PATH.modules)} modules in {took_s:.0f} s: {size / 1e6:.1f} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
