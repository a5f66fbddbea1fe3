"""What an operator may do with a gateway that runs."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tornado_app.admin.audit import Action, AuditTrail, Deed, Outcome
from tornado_app.admin.counted import count
from tornado_app.admin.history import STEPS, Counted, History, Span
from tornado_app.admin.listening import Listening
from tornado_app.admission.bans import Bans, Kind
from tornado_app.admission.quotas import Owner
from tornado_app.gateway import Gateway
from tornado_app.reloading import Outcome as Reloaded
from tornado_app.session import events
from tornado_app.taken_back import ROOT
from tornado_app.usage.accountant import Accountant
from tornado_app.usage.statement import Statement, Wanted

NOTED_EACH_S = 10.0
"""So often the counters are looked at for the history: the shortest of its steps is a minute."""


PassedOn = Literal["", "first", "further", "tried"]
"""Whether others are asked for the same, and whether this process is to write it down; or only to
say whether it would do it.
"""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What is done to the whole of it, and not by the gateway."""

    drain: Callable[[], None]
    reload: Callable[[], Awaitable[Reloaded | None]]
    """None: it is told to others as well, and what became of it is in their logs."""
    reload_here: Callable[[], Awaitable[Reloaded]] | None = None
    """Of one of several, by itself; None: there are no others."""
    try_here: Callable[[], Awaitable[Reloaded]] | None = None
    """Whether that would be refused."""
    calls_elsewhere: Callable[[], int] = lambda: 0
    """How many calls the others have."""


class Administration:
    """Thread: loop.  *operator* is always the name of who asks, for the audit."""

    def __init__(self, gateway: Gateway, hooks: Hooks, parent_key: str = "") -> None:
        """*parent_key*: by which one of several processes knows that all of them are asked."""
        self.gateway = gateway
        self.parent_key = parent_key
        self._hooks = hooks
        self._audit = AuditTrail()
        self._audit.begin(self._audit_path)
        self._accountant = Accountant()
        self.listening = Listening(gateway, self._note_deed, self._write_first)
        self._history = History(_unix_s(), self._count())
        self._noted_at = time.monotonic()
        gateway.calls.each_second = self._look

    def figures(self, span: Span) -> dict[str, Any]:
        """What this process had in the last hour or day, and what went wrong in the day."""
        self._note_figures()
        now = _unix_s()
        return {
            "began_at": int(self._history.began_at * 1000),
            "at": int(now * 1000),
            "currency": self.gateway.records.usage.currency,
            "step_s": STEPS[span][0],
            "steps": self._history.figures(span, now),
            "wrong": self._history.wrong(now),
        }

    async def usage(self, wanted: Wanted) -> Statement:
        """What was used and cost, as it is written down; raises as `Accountant.state`."""
        return await self._accountant.state(self.gateway.settings.usage, wanted)

    async def end_call(self, operator: str, session_id: str, words: str, reason: str) -> bool:
        """Whether there was such a call; its client is told *words*, or a sentence of ours."""
        connection = self.gateway.calls.find(session_id)
        if connection is not None:
            connection.feed(events.EndedByOperator(words))
        outcome: Outcome = "done" if connection is not None else "not_found"
        await self._note(operator, "call_ended", session_id, reason, outcome)
        return connection is not None

    async def keep_out(
        self, operator: str, kind: Kind, name: str, for_s: float, reason: str
    ) -> float:
        """Until when, in Unix seconds; calls of theirs end within a second.

        Raises:
            OSError: If it cannot be written down.
            ValueError: With a sentence, if no more can be kept out.
        """
        now = _unix_s()
        add = partial(Bans.with_one, kind=kind, name=name, until_unix_s=now + for_s, unix_s=now)
        await self._change(operator, "kept_out", f"{kind} {name}", reason, add)
        return now + for_s

    async def let_in(self, operator: str, kind: Kind, name: str, reason: str) -> bool:
        """Whether they were kept out.

        Raises:
            OSError: If it cannot be written down.
            ValueError: If what is written there cannot be read.
        """
        take = partial(Bans.without, kind=kind, name=name, unix_s=_unix_s())
        try:
            await self._change(operator, "let_in", f"{kind} {name}", reason, take)
        except LookupError:
            return False
        return True

    def kept_out(self) -> list[tuple[Kind, str, float]]:
        """Who is, and until when in Unix seconds."""
        return [*self.gateway.access.trust.taken_back.bans.kept_out(_unix_s())]

    async def limits_of(self, owner: Owner, name: str, plan: str) -> dict[str, Any]:
        """How much a user or an organisation has of what it may have, in that *plan* or in none.

        Raises:
            LookupError: If there is no such plan.
        """
        gateway = self.gateway
        settings, quotas = gateway.access.judge.of_owner(owner, name, plan)
        counted = await gateway.access.seating.look(
            gateway.access.seating.seats_of(owner, name, settings)
        )
        return {
            "owner": owner,
            "name": name,
            "limits": [
                {"limit": limit, "used": use.used, "allowed": use.limit}
                for limit, use in counted.items()
            ],
            "quotas": [
                {
                    "limit": use.limit,
                    "used": round(use.used, use.digits),
                    "allowed": use.allowed or None,
                    "reset_at": use.reset_at,
                    "currency": gateway.records.usage.currency if use.is_money else None,
                }
                for use in await gateway.access.metering.uses(quotas)
            ],
        }

    async def reset_limits(
        self, operator: str, owner: Owner, name: str, reason: str, passed_on: PassedOn
    ) -> bool:
        """Have the quotas of a user or an organisation begin anew, whatever their plan is.

        False: Redis does not answer, and others learn it when it does.
        """
        quotas = self.gateway.access.judge.of_owner(owner, name, "")[1]
        is_everywhere = await self.gateway.access.metering.reset(quotas)
        if passed_on != "further":
            await self._note(operator, "limits_reset", f"{owner} {name}", reason)
        return is_everywhere

    async def drain(self, operator: str, reason: str) -> None:
        """As SIGUSR1: readiness first, then word to each call, then the deadline."""
        await self._note(operator, "drained", "", reason)
        self._hooks.drain()

    async def reload(self, operator: str, reason: str, passed_on: PassedOn) -> Reloaded | None:
        """As SIGHUP; what became of it, if that can be known."""
        if passed_on == "tried" and self._hooks.try_here is not None:
            return await self._hooks.try_here()
        here = self._hooks.reload_here if passed_on else None
        outcome: Outcome = "refused"
        try:
            reloaded = await (here or self._hooks.reload)()
            if reloaded is None or not reloaded.problems:
                outcome = "done"
        finally:
            if passed_on != "further":
                await self._note(operator, "reloaded", "", reason, outcome)
        return reloaded

    async def _change(
        self, operator: str, action: Action, target: str, reason: str, how: Callable[[Bans], Bans]
    ) -> None:
        try:
            await self.gateway.access.keeping_out.change(how)
        except LookupError:
            await self._note(operator, action, target, reason, "not_found")
            raise
        except (OSError, ValueError):
            await self._note(operator, action, target, reason, "refused")
            raise
        await self._note(operator, action, target, reason)

    def _look(self) -> None:
        self.listening.look()
        if time.monotonic() - self._noted_at >= NOTED_EACH_S:
            self._note_figures()

    def _note_figures(self) -> None:
        self._noted_at = time.monotonic()
        self._history.note(_unix_s(), self._count())

    def _count(self) -> Counted:
        return count(self.gateway, self._hooks.calls_elsewhere())

    async def _note(
        self, operator: str, action: Action, target: str, reason: str, outcome: Outcome = "done"
    ) -> None:
        await self._note_deed(Deed(operator, action, target, reason, outcome))

    async def _note_deed(self, deed: Deed) -> None:
        await self._audit.note(deed, self._audit_path)

    async def _write_first(self, deed: Deed) -> bool:
        return await self._audit.write_first(deed, self._audit_path)

    @property
    def _audit_path(self) -> Path | None:
        name = self.gateway.settings.admin.audit_file
        return Path(ROOT / name) if name else None


def _unix_s() -> float:
    return time.time()  # noqa: TID251  bans have the time that people know
