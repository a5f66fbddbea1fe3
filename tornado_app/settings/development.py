"""The secret that a computer makes for itself in development."""

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

import msgspec

from terminal.files import check_writable
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings
from tornado_app.settings.secret import DEVELOPMENT_PREFIX, Secret

NAME = "dev-secret"


def with_development_secret(settings: Settings, root: Path) -> Settings:
    """The same settings; in development, with the secret of this computer if they have none.

    `server.state_dir` is below *root*, unless it is absolute.

    Raises:
        InvalidSettings: If that file holds something else.
        OSError: If it cannot be read or written.
    """
    if not _needs_one(settings):
        return settings
    secret = Secret(development_secret(root / settings.server.state_dir))
    return msgspec.structs.replace(
        settings, auth=msgspec.structs.replace(settings.auth, secret=secret)
    )


def look_for_secret(settings: Settings, root: Path) -> None:
    """Raise what `with_development_secret` would, and make nothing.

    Raises:
        InvalidSettings: If that file holds something else.
        OSError: If it cannot be read, or made.
    """
    if not _needs_one(settings):
        return
    path = root / settings.server.state_dir / NAME
    if path.exists():
        development_secret(path.parent)
        return
    check_writable(next(each for each in path.parents if each.exists()))


def development_secret(state_dir: Path) -> str:
    """Read the secret of this computer, after making it if there is none.

    Only the user who runs this can read the file.

    Raises:
        InvalidSettings: If the file holds something else.
        OSError: If it cannot be read or written.
    """
    path = state_dir / NAME
    if not path.exists():
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, DEVELOPMENT_PREFIX + secrets.token_urlsafe(48))
    secret = _read_private(path)
    if not secret.startswith(DEVELOPMENT_PREFIX) or len(secret) < len(DEVELOPMENT_PREFIX) + 64:
        raise InvalidSettings([f"{path}: is not a development secret; delete it for a new one"])
    return secret


def _needs_one(settings: Settings) -> bool:
    return settings.server.environment != "production" and not settings.auth.secret


def _write_once(path: Path, text: str) -> None:
    # Of two processes that start at once, one gets the name and both read the same, complete file.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        Path(temporary).unlink()


def _read_private(path: Path) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
            os.fchmod(handle, 0o600)
        return file.read(1024).strip()
