"""What was done by whom: in the log, and in a file that is only ever added to."""

import asyncio
import json
import time
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from tornado_app.appending import append
from tornado_app.logs import get_logger

Action = Literal[
    "call_ended", "kept_out", "let_in", "limits_reset", "drained", "reloaded",
    "listening_begun", "listening_ended",
]  # fmt: skip
Outcome = Literal["done", "not_found", "refused"]


class Deed(msgspec.Struct, frozen=True):
    """One thing that somebody asked for."""

    operator: str
    """The name of the key."""
    action: Action
    target: str = ""
    """The id of a call, ``user NAME``, ``token ID`` or ``organisation NAME``; empty: all of it."""
    reason: str = ""
    outcome: Outcome = "done"
    seconds: float | None = None
    """How long somebody has listened; of nothing else."""

    def told(self) -> dict[str, object]:
        """Its fields, as far as they say something."""
        fields = msgspec.structs.asdict(self)
        return {name: value for name, value in fields.items() if value is not None}


class AuditTrail:
    """Thread: loop; the file is written in another."""

    def __init__(self) -> None:
        self._log = get_logger()

    def begin(self, path: Path | None) -> None:
        """Have the file, or say at the start that it cannot be written, and not with a deed."""
        if path is not None:
            try:
                append(path, b"")
            except OSError as error:
                self._say_failed(error)

    async def note(self, deed: Deed, path: Path | None) -> None:
        """Write it down.  A file that cannot be written does not undo what was done: it is an
        error in the log, where the deed stands as well.
        """
        self._say(deed)
        await self._write(deed, path)

    async def write_first(self, deed: Deed, path: Path | None) -> bool:
        """Write down what is to be done only if that is written; whether it may be done."""
        is_written = path is not None and await self._write(deed, path)
        self._say(deed if is_written else msgspec.structs.replace(deed, outcome="refused"))
        return is_written

    def _say(self, deed: Deed) -> None:
        self._log.info(
            "admin_action",
            operator=deed.operator,
            action=deed.action,
            target=deed.target,
            reason=deed.reason,
            outcome=deed.outcome,
            seconds=deed.seconds,
        )

    async def _write(self, deed: Deed, path: Path | None) -> bool:
        if path is None:
            return False
        line = json.dumps({"at": time.time_ns() // 1_000_000, **deed.told()})
        keep = partial(append, path, line.encode() + b"\n", is_kept=True)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, keep)
        except OSError as error:
            self._say_failed(error)
            return False
        return True

    def _say_failed(self, error: OSError) -> None:
        self._log.error("audit_failed", error=error.strerror or type(error).__name__)
