"""Who may not come in any more: for good by the operator's file, or for a time by a ban."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from terminal.files import read_whole
from tornado_app.admission.bans import NOBODY, Bans, read_bans
from tornado_app.admission.file_watch import FileWatch, Unreadable
from tornado_app.admission.revocations import NONE, Revocations, read_revocations
from tornado_app.logs import get_logger
from tornado_app.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[1]

BANS = "bans.json"
LINES_SHOWN = 10


def bans_path(settings: Settings) -> Path:
    """Where bans are written down, for all processes of this machine."""
    return ROOT / settings.server.state_dir / BANS


class TakenBack:
    """By one reading of the settings.  Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        watch: FileWatch,
        on_more: Callable[[], None],
        before: "TakenBack | None" = None,
    ) -> None:
        """*on_more* is called when somebody is taken back who was not before; the bans of *before*
        go on.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If it is none.
        """
        self._settings = settings
        self._watch = watch
        self._on_more = on_more
        self._log = get_logger()
        self._is_over = False
        self.revoked: Revocations = NONE
        """By the operator's file."""
        self.bans: Bans = NOBODY if before is None else before.bans
        """Who is kept out for a time."""
        self._watch_revoked()
        self._watch_bans()

    def end(self) -> None:
        """Another reading counts from now on."""
        self._is_over = True

    def has(self, user_id: str, token_id: str | None) -> bool:
        """Whether either of them is taken back."""
        return self.revoked.has(user_id, token_id) or self.bans.has(user_id, token_id, _unix_s())

    def learn_bans(self, bans: Bans) -> None:
        """What is known of them elsewhere, beside what is known here."""
        before = self.bans
        self.bans = before.merged(bans, _unix_s())
        if self.bans is not before:
            self._on_more()

    def age_s(self) -> float | None:
        """How long ago the operator's file was last seen as it is; None: there is none."""
        name = self._settings.auth.revoked_file
        return self._watch.age_s(ROOT / name) if name else None

    def _watch_revoked(self) -> None:
        name = self._settings.auth.revoked_file
        if not name:
            return
        path = ROOT / name
        self.revoked = read_revocations(read_whole(path))
        self._watch.add(path, read_revocations, self._on_revocations, self.revoked)

    def _watch_bans(self) -> None:
        """Where somebody may write them, or has: without keys nobody is let in again unasked."""
        path, settings = bans_path(self._settings), self._settings
        if not (settings.admin.keys or settings.shared.redis_url or path.exists()):
            return
        written = NOBODY
        with contextlib.suppress(FileNotFoundError):
            written = read_bans(read_whole(path))
        self.bans = self.bans.merged(written, _unix_s())
        self._watch.add(path, read_bans, self._on_bans, written)

    def _on_bans(self, found: Bans | Unreadable) -> None:
        if self._is_over:
            return
        if isinstance(found, Unreadable):
            if bans_path(self._settings).exists():
                self._log.error("bans_unreadable", reason=found.reason)
            return
        self.learn_bans(found)

    def _on_revocations(self, found: Revocations | Unreadable) -> None:
        if self._is_over:
            return
        if isinstance(found, Unreadable):
            self._log.error("revocations_unreadable", reason=found.reason)
            return
        self.revoked = found
        self._log.info("revocations_read", users=len(found.users), tokens=len(found.token_ids))
        if found.wrong_lines:
            self._log.warning("revocations_wrong", lines=list(found.wrong_lines[:LINES_SHOWN]))
        self._on_more()


def _unix_s() -> float:
    return time.time()  # noqa: TID251  bans have the time that people know
