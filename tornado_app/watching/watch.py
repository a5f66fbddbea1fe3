"""Who stands between a connection and its session while somebody looks at the call or listens."""

from collections.abc import Callable, Iterable
from itertools import chain

from tornado_app.session import events
from tornado_app.session.commands import Command
from tornado_app.session.config import SessionConfig
from tornado_app.session.machine import Session
from tornado_app.session.notes import Notes
from tornado_app.session.record import Entry
from tornado_app.session.relaying.noted import RelayedNotes
from tornado_app.watching.ear import Ear
from tornado_app.watching.levels import STEP_MS, Levels, Loudness
from tornado_app.watching.telephone import Telephone

LOOKED_S = 5.0
"""So long after somebody has asked for the last time it is measured."""


class Watch:
    """Hears what a recording is made of (`tornado_app.session.record`), in both dialects alike.

    Thread: loop.
    """

    def __init__(
        self, session: Session, config: SessionConfig, now: float, leave: Callable[[], None]
    ) -> None:
        """*leave* is called when nobody has looked for a while."""
        self._session = session
        self._opened_at = config.opened_at
        self._opened_at_unix_ms = config.opened_at_unix_ms
        self._notes = (
            RelayedNotes(config, "both", lambda: session.sound_formats)
            if config.client_conducts
            else Notes(config, "both")
        )
        self._telephone = Telephone()
        self._levels = Levels()
        self._ear: Ear | None = None
        """Of who listens, if anybody does."""
        self._leave = leave
        self._looked_at = now

    def look(self, now: float) -> Loudness:
        """How loud both were in the `STEPS` until *now*."""
        self._looked_at = now
        until_ms = self._ms(now) // STEP_MS * STEP_MS
        return Loudness(
            self._opened_at_unix_ms + int(until_ms),
            self._levels.user(until_ms),
            self._levels.model(until_ms),
        )

    def listen(self, now: float) -> Ear:
        """Hear all that is said from *now* on."""
        self._ear = Ear(self._ms(now))
        return self._ear

    def end_listening(self, now: float) -> None:
        if self._ear is not None:
            self._ear.end(self._ms(now))
            self._ear = None
            self._looked_at = now

    def handle(self, event: events.Event, now: float) -> list[Command]:
        """As `Session.handle`."""
        if isinstance(event, events.UplinkReady):
            result = event.result
            if not isinstance(result, events.Unusable):  # its level is known
                self._levels.said(self._ms(now), result.duration_ms, result.level_dbfs)
        if self._ear is not None or not isinstance(event, events.UplinkReady):
            self._notes.note_event(event, now)
        return self._heard(self._session.handle(event, now), now)

    def go_on(self, now: float) -> list[Command]:
        """As `Session.go_on`."""
        return self._heard(self._session.go_on(now), now)

    def _heard(self, commands: list[Command], now: float) -> list[Command]:
        self._notes.note_commands(commands, now)
        self._note(self._notes.take(None))
        if self._ear is None and now - self._looked_at > LOOKED_S:
            self._leave()
        return commands

    def _note(self, entries: Iterable[Entry]) -> None:
        for entry in chain.from_iterable(map(self._telephone.plain, entries)):
            self._levels.note(entry)
            if self._ear is not None:
                self._ear.note(entry)

    def _ms(self, now: float) -> float:
        return (now - self._opened_at) * 1000
