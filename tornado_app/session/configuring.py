"""Changes of what is in force, each whole or not at all, on both sides.

The model takes a ``session.update`` whole or refuses it whole, and says so in the order in which it
was asked.  Until then a change is pending: it is not in force, and those behind it build on it.

    session.updated                     of the oldest: in force, and the client is told all that is
    an error that names it              forgotten; the old state stands
    the model is lost                   forgotten; the next one is begun with the old state
    none of these in time               nobody knows what is in force: the link is given up
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tornado_app.admission.budget import ENTRY_BYTES, Budget, text_bytes
from tornado_app.errors import Ref, Refused
from tornado_app.policy.settling import apply
from tornado_app.protocol.endings import Failure, unfulfilled
from tornado_app.protocol.realtime.events import ErrorFacts, UpdateSession
from tornado_app.protocol.realtime.model_session import ModelSession, change_body
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide
from tornado_app.session.negotiated import configured
from tornado_app.session.timers import Timers

CONFIGURE_ID = "parley_configure"
TIMER = "configure"
AWAITED = 16
"""So many changes may be unconfirmed."""
VOICE_REFUSED = "cannot_update_voice"
VOICE_FIXED = "voice cannot change any more, as the model has spoken; it is {voice}."

_TURNS = (
    "turn_detection",
    "vad_threshold",
    "vad_prefix_padding_ms",
    "vad_silence_ms",
    "vad_idle_timeout_ms",
    "vad_eagerness",
    "create_response",
    "interrupt_response",
)
_PARAMS = {
    "session.instructions": "instructions",
    "session.output_modalities": "output",
    "session.max_output_tokens": "max_output_tokens",
    "session.audio.input.turn_detection": "turn_detection",
    "session.audio.input.transcription": "transcription_language",
    "session.audio.output.voice": "voice",
    "session.audio.output.speed": "speed",
}
"""Where our fields stand in what the model is asked."""


@dataclass(slots=True, eq=False)
class _Change:
    name: str
    """Of the order to the model."""
    fields: tuple[str, ...]
    sets: Mapping[str, Any]
    """Attributes of a `ModelSession`, all that the order says."""
    ref: Ref | None
    since: float
    size_bytes: int


class Configuring:
    """Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        budget: Budget,
    ) -> None:
        self._config = config
        self._model = model
        self._actions = actions
        self._timers = timers
        self._budget = budget
        self._changes: deque[_Change] = deque()
        self._asked = 0

    def refusal(self, changes: Mapping[str, Any]) -> Refused | None:
        """Why *changes* may not be made, if that can be said whatever is in force."""
        try:
            apply(self._model.in_force, self._config.call_rules, "configure", changes)
        except Refused as refused:
            return refused
        return None

    def ask(self, changes: Mapping[str, Any]) -> None:
        """Ask the model for *changes*, which have no `refusal`; or refuse them all."""
        before = self._expected()
        wanted = apply(before, self._config.call_rules, "configure", changes)
        if refused := self._refusal_now(before, wanted, changes):
            self._actions.refuse(refused)
            return
        fields = tuple(name for name in changes if name != "voice" or wanted.voice != before.voice)
        self._asked += 1
        name = f"{CONFIGURE_ID}_{self._asked}"
        if not self._model.send(UpdateSession(change_body(wanted, fields), event_id=name)):
            self._actions.refuse(_too_much())
            return
        sets = {part: getattr(wanted, part) for field in fields for part in _parts(field)}
        size_bytes = changes_bytes(changes)
        self._budget.take(size_bytes)
        now, ref = self._actions.now, self._actions.ref
        self._changes.append(_Change(name, tuple(changes), sets, ref, now, size_bytes))
        self._arm()

    def on_updated(self) -> None:
        """The model has taken an update; one that nobody awaits changes nothing."""
        if not self._changes:
            return
        change = self._forget(self._changes[0])
        self._model.in_force = replace(self._model.in_force, **change.sets)
        self._actions.log("session_configured", fields=sorted(change.fields))
        self._actions.say(
            configured(self._config, self._model.in_force, self._model.name, change.ref)
        )

    def on_error(self, error: ErrorFacts, code: str) -> bool:
        """Whether an error was about a change; its client is told."""
        change = self._meant(error)
        if change is None:
            # One that is not awaited any more has been answered.
            return (error.event_id or "").startswith(CONFIGURE_ID)
        self._forget(change)
        field = _field(error, change)
        why = f"{field or 'a part of it'}: {code or 'no reason given'}"
        refused = unfulfilled(
            error, f"The model refused this configuration ({why}); all stays as it was."
        )
        refused.field = field
        if error.code == VOICE_REFUSED:
            refused = _voice_fixed(self._model.in_force)
        self._actions.refuse(refused, change.ref)
        return True

    def on_connected(self) -> None:
        """What was kept is on its way only now."""
        for change in self._changes:
            change.since = self._actions.now
        self._arm()

    def on_lost(self) -> None:
        """The model is gone with what it was asked: the next is begun with what is in force."""
        sentence = (
            "The connection to the model was lost before it took this configuration; all stays as "
            "it was. Send it again."
        )
        while self._changes:
            change = self._forget(self._changes[0])
            self._actions.refuse(Refused("upstream_unavailable", sentence), change.ref)

    def on_timer(self) -> Failure | None:
        """A failure: the model has not said whether it took a change."""
        if not self._changes:
            return None
        due_at = self._model.due(self._changes[0].since, self._config.response_timeout_s)
        if due_at is None or self._actions.now < due_at:
            self._arm()
            return None
        change = self._forget(self._changes[0])
        self._actions.log("upstream_late", waited_for="configure")
        sentence = "The model did not confirm this configuration in time; all stays as it was."
        self._actions.refuse(Refused("upstream_timeout", sentence), change.ref)
        return Failure("open", "timeout", detail="not configured")

    def shut(self) -> None:
        """The session ends: nothing is waited for."""
        while self._changes:
            self._forget(self._changes[0])

    def _expected(self) -> ModelSession:
        """What is in force when the model has taken all that it was asked."""
        expected = self._model.in_force
        for change in self._changes:
            expected = replace(expected, **change.sets)
        return expected

    def _refusal_now(
        self, before: ModelSession, wanted: ModelSession, changes: Mapping[str, Any]
    ) -> Refused | None:
        if self._model.state == "disconnected":
            return Refused("upstream_unavailable", "There is no model any more to be configured.")
        if self._model.has_spoken and wanted.voice != before.voice:
            return _voice_fixed(before)
        if len(self._changes) >= AWAITED:
            sentence = f"Only {AWAITED} configurations may be on their way at once."
            return Refused("rate_limited", sentence, retry_after_ms=1000)
        # It is kept twice while it waits: to be sent, and to be in force.
        if not self._budget.has_room(2 * changes_bytes(changes)):
            return _too_much()
        return None

    def _meant(self, error: ErrorFacts) -> _Change | None:
        """Not every server says which it was: then it is the oldest."""
        if error.event_id:
            named = (change for change in self._changes if change.name == error.event_id)
            return next(named, None)
        is_about_one = error.code == VOICE_REFUSED or (error.param or "").startswith("session.")
        return self._changes[0] if is_about_one and self._changes else None

    def _forget(self, change: _Change) -> _Change:
        self._changes.remove(change)
        self._budget.give(change.size_bytes)
        self._arm()
        return change

    def _arm(self) -> None:
        oldest = self._changes[0] if self._changes else None
        due_at = self._model.due(oldest.since, self._config.response_timeout_s) if oldest else None
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)


def changes_bytes(changes: Mapping[str, Any]) -> int:
    """What they take while they wait."""
    texts = (value for value in changes.values() if isinstance(value, str))
    return ENTRY_BYTES + sum(map(text_bytes, texts))


def _parts(field: str) -> tuple[str, ...]:
    return _TURNS if field == "turn_detection" else (field,)


def _field(error: ErrorFacts, change: _Change) -> str | None:
    """Which of its own fields a refusal is about, if the model says."""
    param = error.param or ""
    found = (field for place, field in _PARAMS.items() if param.startswith(place))
    field = next(found, None)
    return field if field in change.fields else None


def _voice_fixed(in_force: ModelSession) -> Refused:
    return Refused("invalid_message", VOICE_FIXED.format(voice=in_force.voice), "voice")


def _too_much() -> Refused:
    sentence = "Too much is waiting for the model. Send it again when it is connected."
    return Refused("server_busy", sentence, retry_after_ms=1000)
