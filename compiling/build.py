"""A build that lies in the tree: what it was made of, and what is wrong with it now."""

import hashlib
import json
import os
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from compiling.recipe import Recipe, place_of

SUFFIX = EXTENSION_SUFFIXES[0]
"""Which Python, ABI and platform this is, as in ``.cpython-311-x86_64-linux-gnu.so``."""
GROUP = "parley__mypyc"
"""The library that holds the code of all modules; their own files only call it."""
MANIFEST = "manifest.json"


def file_of(name: str) -> str:
    """Where a module is, below that."""
    return name.replace(".", "/") + SUFFIX


def source_digests(root: Path, recipe: Recipe) -> dict[str, str]:
    """Of all sources that decide about what is compiled: to be taken before they are read."""
    names = []
    for package in recipe.packages:
        # A start waits for this: `Path.rglob` and a `Path` for each file would double it.
        for folder, _, files in os.walk(root / package):
            below = os.path.relpath(folder, root).replace(os.sep, "/")
            names += [f"{below}/{file}" for file in files if file.endswith(".py")]
    return digests(root, names)


def write_manifest(place: Path, recipe: Recipe, sources: dict[str, str]) -> None:
    """Note in *place* what it was made of; the last step of a build."""
    files = [file_of(name) for name in (GROUP, *recipe.modules)]
    manifest = {
        "suffix": SUFFIX,
        "recipe": _plain(recipe),
        "sources": sources,
        "files": digests(place, files),
    }
    (place / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def fault(root: Path, recipe: Recipe) -> str:
    """Why the build in the tree at *root* may not be loaded, as the end of a sentence; or empty.

    Nothing of it is loaded for that, as a library that was cut off may end the process.
    """
    place = place_of(root)
    try:
        manifest: dict[str, Any] = json.loads((place / MANIFEST).read_text("utf-8"))
        suffix, made_by = manifest["suffix"], manifest["recipe"]
        sources, files = dict(manifest["sources"]), dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return "its manifest is missing or broken"
    if suffix != SUFFIX:
        return f"it is for {suffix}, and this Python takes {SUFFIX}"
    if made_by != _plain(recipe):
        return "it was made of other modules, or in another way"
    changed = _differing(sources, source_digests(root, recipe))
    if changed:
        return f"its sources have changed: {_first_of(changed)}"
    broken = _differing(files, digests(place, files))
    if broken:
        return f"files of it are missing or broken: {_first_of(broken)}"
    return ""


def digests(root: Path, names: Iterable[str]) -> dict[str, str]:
    """What is in each file below *root*; those that cannot be read are left out."""
    found = {}
    for name in names:
        try:
            with open(f"{root}/{name}", "rb", buffering=0) as file:  # noqa: PTH123  as above
                data = file.read()
        except OSError:
            continue
        found[name] = hashlib.blake2b(data, digest_size=16).hexdigest()
    return found


def _plain(recipe: Recipe) -> Any:
    """As it comes back from a manifest."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in recipe._asdict().items()}


def _differing(noted: dict[str, str], found: dict[str, str]) -> list[str]:
    return sorted(
        name for name in noted.keys() | found.keys() if noted.get(name) != found.get(name)
    )


def _first_of(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return names[0] + more
