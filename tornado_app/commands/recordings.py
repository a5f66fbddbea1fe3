"""``run.py recordings``: what is kept of calls, and copies of it."""

import argparse
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from terminal.files import PRIVATE, open_private
from terminal.words import answer, complain, plain
from tornado_app.recordings import finishing, keeping
from tornado_app.recordings.sound import Stopped
from tornado_app.recordings.spool import SUFFIX
from tornado_app.settings.schema import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 when it is done, 1 if something cannot be read or written, 2 if it is not there."""
    directory = keeping.directory(settings.recordings)
    try:
        if options.export is None:
            _list(directory, options)
            return 0
        return _export(directory, options.export, Path(options.to))
    except OSError as error:
        complain(f"{error.filename or directory}: {error.strerror or error}")
        return 1


def _list(directory: Path, options: argparse.Namespace) -> None:
    found = [each for each in _all(directory) if options.user in {None, each["user_id"]}]
    if options.json:
        answer(*(json.dumps(each, ensure_ascii=False) for each in found))
        return
    if not found:
        answer(f"There are no recordings in {directory}.")
        return
    answer("opened (UTC)      length    MB  user, session")
    answer(*map(_line, found))


def _line(about: dict[str, Any]) -> str:
    if about["state"] == "unfinished":
        return f"{'':17} {'':>6} {_mb(about)}  {about['session_id']}, unfinished"
    opened = datetime.fromtimestamp(about["opened_at"] / 1000, UTC)
    minutes, seconds = divmod(round(about["duration_ms"] / 1000), 60)
    broke_off = "" if about["is_whole"] else ", broke off"
    who = f"{plain(about['user_id'])}, {about['session_id']}{broke_off}"
    return f"{opened:%Y-%m-%d %H:%M}  {minutes:3}:{seconds:02} {_mb(about)}  {who}"


def _mb(about: dict[str, Any]) -> str:
    return f"{about['size_bytes'] / 1e6:5.1f}"


def _all(directory: Path) -> Iterator[dict[str, Any]]:
    """The oldest first, without their words; `state` says whether there is something to hear."""
    if not directory.is_dir():
        return
    for each in sorted(keeping.kept(directory), key=lambda kept: kept.changed_at):
        try:
            about = json.loads((directory / f"{each.name}.json").read_text("utf-8"))
        except FileNotFoundError:
            about = {"session_id": each.name, "user_id": None}
        about.pop("words", None)
        yield about | {
            "state": "made" if "opened_at" in about else "unfinished",
            "size_bytes": each.size_bytes,
        }


def _export(directory: Path, names: list[str], to: Path) -> int:
    there = {each.name for each in keeping.kept(directory)} if directory.is_dir() else set()
    missing = [name for name in names if name not in there]
    if missing:
        complain(*(f"There is no recording {plain(name)} in {directory}." for name in missing))
        return 2
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        spool = directory / f"{name}{SUFFIX}"
        if spool.exists():
            try:
                finishing.finish(spool)
            except (finishing.Unusable, Stopped):
                complain(f"{name} holds nothing.")
                return 1
        for path in _files(directory, name):
            os.close(open_private(to / path.name, os.O_WRONLY))
            (to / path.name).chmod(PRIVATE)  # one that was there
            shutil.copyfile(path, to / path.name)
            answer(str(to / path.name))
    return 0


def _files(directory: Path, name: str) -> list[Path]:
    paths = (directory / f"{name}{suffix}" for suffix in keeping.SUFFIXES)
    return [path for path in paths if path.exists()]
