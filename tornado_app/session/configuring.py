"""Changes of what is in force, each whole or not at all, on both sides.

The model takes a ``session.update`` whole or refuses it whole, and says so in the order in which it
was asked.  Until then a change is pending: it is not in force, and those behind it build on it.

    session.updated                     of the oldest: in force, and the client is told all that is
    an error that names it              forgotten; the old state stands
    the model is lost                   forgotten; the next one is begun with the old state
    none of these in time               nobody knows what is in force: the link is given up

History is made of items, and comes alone.  They go in front of an update that says nothing: if it
is confirmed before an item is refused, all are there; else those that are there are deleted.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tornado_app.admission.budget import Budget
from tornado_app.errors import Refused
from tornado_app.policy.formats import FORMAT_FIELDS, INPUT_FIELDS
from tornado_app.policy.settling import apply, choice_refusal
from tornado_app.protocol.endings import Failure, safe_word, unfulfilled
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.protocol.realtime.model_session import ModelSession, change_body
from tornado_app.protocol.realtime.orders import UpdateSession
from tornado_app.session.actions import Actions
from tornado_app.session.changes import (
    CONFIGURE_ID,
    ITEM,
    Change,
    changes_bytes,
    parts,
    refused_field,
)
from tornado_app.session.config import SessionConfig
from tornado_app.session.formatting import Formatting, stays
from tornado_app.session.history import History, too_much
from tornado_app.session.model_side import ModelSide
from tornado_app.session.negotiated import configured
from tornado_app.session.timers import Timers

TIMER = "configure"
AWAITED = 16
"""So many changes may be unconfirmed."""
VOICE_REFUSED = "cannot_update_voice"
VOICE_FIXED = "voice cannot change any more, as the model has spoken; it is {voice}."


class Configuring:
    """Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        budget: Budget,
        *,
        formatting: Formatting,
    ) -> None:
        self._config = config
        self._formatting = formatting
        self._model = model
        self._actions = actions
        self._timers = timers
        self._budget = budget
        self._history = History(model)
        self._changes: deque[Change] = deque()
        self._asked = 0

    @property
    def is_idle(self) -> bool:
        """No change is under way."""
        return not self._changes

    def refusal(self, changes: Mapping[str, Any]) -> Refused | None:
        """Why *changes* may not be made, if that can be said whatever is in force."""
        if "history" in changes and len(changes) > 1:
            return Refused("invalid_message", "history comes in a configure of its own.", "history")
        try:
            apply(self._model.in_force, self._config.call_rules, "configure", changes)
        except Refused as refused:
            return stays(refused, changes, self._actions.chunk)
        return None

    def ask(self, changes: Mapping[str, Any], chunk: int) -> None:
        """Ask the model for *changes*, which have no `refusal`; or refuse them all.  *chunk* is the
        last audio before them.
        """
        refused = self._ask(changes, chunk)
        if refused is not None:
            self._actions.refuse(stays(refused, changes, chunk))
            if INPUT_FIELDS & changes.keys():
                self._formatting.keep_input()
        self._settle()

    def _ask(self, changes: Mapping[str, Any], chunk: int) -> Refused | None:
        before = self._expected()
        wanted = apply(before, self._config.call_rules, "configure", changes)
        if refused := self._refusal_now(before, wanted, changes):
            return refused
        formats = {name: changes[name] for name in changes if name in FORMAT_FIELDS}
        asked = [name for name in changes if name not in FORMAT_FIELDS]
        fields = tuple(name for name in asked if name != "voice" or self._changes_voice(wanted))
        self._asked += 1
        name = f"{CONFIGURE_ID}_{self._asked}"
        items = self._history.send(name, wanted) if "history" in changes else 0
        body = change_body(self._model.upstream.asked(wanted), fields, self._config.tools.told)
        if asked and not self._model.send(UpdateSession(body, event_id=name)):
            return too_much()
        if "history" in changes and not items:
            self._model.in_force = replace(self._model.in_force, history=wanted.history)
        sets = {part: getattr(wanted, part) for field in fields for part in parts(field)}
        size_bytes = changes_bytes(changes)
        self._budget.take(size_bytes)
        now, ref = self._actions.now, self._actions.ref
        change = Change(name, tuple(changes), sets, ref, now, size_bytes, items)
        change.formats, change.chunk, change.is_open = formats, chunk, bool(asked)
        change.holds_input = bool(INPUT_FIELDS & formats.keys())
        self._changes.append(change)
        self._arm()
        return None

    def on_updated(self) -> None:
        """The model has taken an update; one that nobody awaits changes nothing."""
        change = self._oldest
        if change is None:
            return
        if change.refusal is not None:
            self._refused(change, change.refusal)
        else:
            self._model.in_force = replace(self._model.in_force, **change.sets)
            if change.items:
                self._history.taken(change.name, self._model.in_force)
            change.is_open = False
        self._settle()

    def on_error(self, error: ErrorFacts) -> bool:
        """Whether an error was about a change; its client is told."""
        change = self._meant(error)
        if change is None:
            # One that is not awaited any more has been answered.
            return (error.event_id or "").startswith(CONFIGURE_ID)
        if change.items and error.event_id != change.name:
            change.refusal = change.refusal or error  # the word on the order behind it follows
        else:
            self._refused(change, error)
        self._settle()
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
        for change in self._changes:
            if change.is_open:
                self._not_taken(change, Refused("upstream_unavailable", sentence))
        self._settle()

    def on_timer(self) -> Failure | None:
        """A failure: the model has not said whether it took a change."""
        change = self._oldest
        if change is None:
            return None
        due_at = self._model.due(change.since, self._config.answers.response_timeout_s)
        if due_at is None or self._actions.now < due_at:
            self._arm()
            return None
        self._actions.log("upstream_late", waited_for="configure")
        sentence = "The model did not confirm this configuration in time; all stays as it was."
        self._not_taken(change, Refused("upstream_timeout", sentence))
        self._settle()
        return Failure("open", "timeout", detail="not configured")

    def shut(self) -> None:
        """The session ends: nothing is waited for."""
        while self._changes:
            self._forget(self._changes[0])

    @property
    def _oldest(self) -> Change | None:
        """Of those that the model has not answered: it does so in the order of its orders."""
        return next((change for change in self._changes if change.is_open), None)

    def _expected(self) -> ModelSession:
        """What is in force when the model has taken all that it was asked."""
        expected = self._model.in_force
        for change in self._changes:
            if change.is_open:
                expected = replace(expected, **change.sets)
        return expected

    def _changes_voice(self, wanted: ModelSession) -> bool:
        """Whether it may be another, by what the model has still to take or to refuse."""
        voices = [change.sets.get("voice") for change in self._changes if change.is_open]
        return any(
            voice not in {None, wanted.voice} for voice in (self._model.in_force.voice, *voices)
        )

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
            return too_much()
        if FORMAT_FIELDS & changes.keys():
            pending = [change for change in self._changes if change.refused is None]
            if refused := self._formatting.refusal(pending, changes):
                return refused
        if "history" in changes:
            return self._history.refusal(before)
        return choice_refusal(wanted, self._config.call_rules, changes)

    def _settle(self) -> None:
        """Do what is decided, and answer, in the order in which it was asked."""
        while self._changes and not (change := self._changes[0]).is_open:
            if change.formats and change.refused is None:
                if not change.is_begun:
                    change.is_begun = True
                    self._formatting.begin(change, partial(self._done, change))
                    continue
                if not change.is_done:
                    return
            self._forget(change)
            self._answer(change)

    def _done(self, change: Change) -> None:
        change.is_done = True
        self._settle()

    def _answer(self, change: Change) -> None:
        if change.refused is not None:
            self._actions.refuse(stays(change.refused, change.formats, change.chunk), change.ref)
        else:
            self._tell(change)
        if change.holds_input:  # last, as it may be the turn of the next
            self._formatting.keep_input()

    def _tell(self, change: Change) -> None:
        formats, in_force = self._formatting.formats, self._model.in_force
        self._actions.log("session_configured", fields=sorted(change.fields))
        self._actions.say(configured(formats, in_force, self._model.name, change.ref))

    def _refused(self, change: Change, error: ErrorFacts) -> None:
        """What was done of it is undone."""
        self._history.withdraw(change.name, change.items)
        field, code = refused_field(error, change), safe_word(error.code or "")
        why = f"{field or 'a part of it'}: {code or 'no reason given'}"
        refused = unfulfilled(
            error, f"The model refused this configuration ({why}); all stays as it was."
        )
        refused.field = field
        if error.code == VOICE_REFUSED:
            refused = _voice_fixed(self._model.in_force)
        self._not_taken(change, refused)

    def _not_taken(self, change: Change, refused: Refused) -> None:
        change.is_open = False
        if not change.is_begun_with:
            change.refused = refused

    def _meant(self, error: ErrorFacts) -> Change | None:
        """Not every server says which it was: then it is the oldest."""
        if error.event_id:
            name = ITEM.sub(r"\1", error.event_id)
            named = (each for each in self._changes if each.is_open and each.name == name)
            return next(named, None)
        is_about_one = error.code == VOICE_REFUSED or (error.param or "").startswith("session.")
        return self._oldest if is_about_one else None

    def _forget(self, change: Change) -> Change:
        self._changes.remove(change)
        self._budget.give(change.size_bytes)
        self._arm()
        return change

    def _arm(self) -> None:
        oldest = self._oldest
        timeout_s = self._config.answers.response_timeout_s
        due_at = self._model.due(oldest.since, timeout_s) if oldest else None
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)


def _voice_fixed(in_force: ModelSession) -> Refused:
    return Refused("invalid_message", VOICE_FIXED.format(voice=in_force.voice), "voice")
