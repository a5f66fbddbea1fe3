"""A session that is recorded: the same decisions, and what came of them is written down.

Which of the two a call is, is settled when it begins, so that a call that is not recorded pays
nothing for those that are.
"""

from collections.abc import Callable

from tornado_app.admission.budget import Budget
from tornado_app.session import events
from tornado_app.session.commands import Command, Record
from tornado_app.session.config import SessionConfig
from tornado_app.session.machine import Session
from tornado_app.session.notes import Notes
from tornado_app.session.relaying.noted import RelayedNotes


class RecordedSession(Session):
    """Asks for a `Record` ahead of the other commands.  Thread: loop."""

    def __init__(self, config: SessionConfig, budget: Budget, jitter: Callable[[], float]) -> None:
        super().__init__(config, budget, jitter)
        assert config.recorded is not None  # noqa: S101  whoever made it has looked
        kind = RelayedNotes if config.client_conducts else Notes
        self._notes = kind(config, config.recorded)

    def handle(self, event: events.Event, now: float) -> list[Command]:
        if self.ended:
            return []
        self._notes.note_event(event, now)
        return self._with_record(super().handle(event, now), now)

    def go_on(self, now: float) -> list[Command]:
        return self._with_record(super().go_on(now), now)

    def abandon(self, now: float) -> list[Command]:
        if self.ended:
            return []
        return self._with_record(super().abandon(now), now)

    def _with_record(self, commands: list[Command], now: float) -> list[Command]:
        self._notes.note_commands(commands, now)
        entries = self._notes.take(now if self.ended else None)
        return [Record(entries), *commands] if entries else commands
