"""From one session of the model to the next, without anybody noticing, before its time is over.

    begun          a time is set, some minutes before the model ends the session by itself (`Term`)
    looking        the next one is prepared, and as soon as it is quiet, told the conversation
    it has it      the two are swapped, if it is still quiet
    no time left   they are swapped all the same, and what is under way goes on as after a loss
    the model was first, or the next one never came     it was lost, like any other

An upstream that is there again, and wanted more than the one in use, is a reason as well; for that
nobody is forced.

It is looked for by the facts, a few times a second: what was quiet need not be any more.
"""

from collections.abc import Callable

from tornado_app.protocol.endings import Failure, safe_word
from tornado_app.session.conductor import Conductor
from tornado_app.session.parts import Parts
from tornado_app.session.term import TIMER

LOOK_S = 0.25
QUIET_S = 0.5
"""So long it has been quiet: between two sentences it is, too, but not for long."""
TOKEN_BYTES = 4
"""Of a text, as a rule of thumb (https://platform.openai.com/tokenizer)."""


class RollingOver:
    """Thread: loop."""

    def __init__(self, parts: Parts, conductor: Conductor, *, jitter: Callable[[], float]) -> None:
        self._config = parts.config
        self._model = parts.model
        self._actions = parts.actions
        self._timers = parts.timers
        self.prepared = parts.prepared
        self._connecting = parts.connecting
        self.summing_up = parts.summing_up
        self._conductor = conductor
        self._jitter = jitter
        self._quiet_since: float | None = None
        self._better: frozenset[str] = frozenset()
        self._return_at: float | None = None
        """When the upstream that is wanted more has been well for long enough."""

    def see(self, better: frozenset[str]) -> None:
        """Once a second: who is wanted more than the upstream in use, and may be dialled."""
        term, now = self._model.term, self._actions.now
        after_s = self._config.roll_over.return_after_s
        self._better = better
        if not better or not after_s or not self._config.memory.ledger_entries:
            self._return_at = None
            if term.why == "upstream_back":
                self._look_no_more()
        elif self._return_at is None:
            self._return_at = now + after_s * (1 + self._jitter())  # not all calls at once
        elif (
            now >= self._return_at and not term.is_nearly_over and self._model.state == "connected"
        ):
            term.why = "upstream_back"
            self._timers.set(TIMER, now)

    def on_timer(self) -> None:
        """A quiet moment is looked for, now and until there was one."""
        if self._model.state != "connected":
            return  # and the next model sets the time anew
        self._model.term.is_nearly_over = True
        self._timers.set(TIMER, self._actions.now + LOOK_S)
        self._see_if_quiet()
        self.prepared.look(self._model.body)
        is_less = self._model.term.why == "context_limit"
        awaits_summary = is_less and self.summing_up.awaits(self._most_bytes)
        if self.prepared.is_ready:
            self._go_on(awaits_summary=awaits_summary)

    def takes_over(self, failure: Failure) -> bool:
        """The model is gone.  True: its time was over, and the next one goes on at once."""
        is_connected = self._model.state == "connected"
        if is_connected and self._can_force and self._model.has_expired(failure):
            self._swap(is_forced=True)
            return True
        self.stop()
        return False

    def stop(self) -> None:
        """Nothing is looked for any more."""
        self.prepared.drop()
        self._model.term.is_nearly_over = False
        self._quiet_since = self._return_at = None

    def _look_no_more(self) -> None:
        """Until the time of this session is nearly over."""
        term = self._model.term
        term.why = "session_limit"
        self.stop()
        if term.look_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, max(term.look_at, self._actions.now))

    @property
    def _can_force(self) -> bool:
        prepared = self.prepared
        return prepared.is_ready and self._model.rebuilding.stands(prepared.told)

    @property
    def _most_bytes(self) -> int:
        """Of the conversation, for a next model that is to know less."""
        return self._config.roll_over.context_tokens * TOKEN_BYTES // 2

    @property
    def _is_better(self) -> bool:
        return self.prepared.upstream.name in self._better

    def _see_if_quiet(self) -> None:
        if not self._conductor.is_quiet:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = self._actions.now

    def _go_on(self, *, awaits_summary: bool) -> None:
        now, force_at, quiet_since = self._actions.now, self._model.term.force_at, self._quiet_since
        is_quiet = quiet_since is not None and now >= quiet_since + QUIET_S
        if force_at is not None and now >= force_at:
            if self._can_force:
                self._swap(is_forced=True)
            else:
                self.prepared.drop()
        elif self._model.term.why == "upstream_back" and not self._is_better:
            self.prepared.put_off()
        elif is_quiet and not awaits_summary and self._tell():
            self._swap(is_forced=False)

    def _tell(self) -> bool:
        """True: the next model knows all of the conversation."""
        model = self._model
        if model.term.why == "context_limit":
            model.rebuilding.ledger.trim(self._most_bytes)
        ahead = [] if model.in_force.only_transcribes else model.rebuilding.ahead()
        return self.prepared.tell(ahead)

    def _swap(self, *, is_forced: bool) -> None:
        swap_s = 0.0
        if not is_forced and self._quiet_since is not None:
            swap_s = self._actions.now - self._quiet_since - QUIET_S
        model, next_one = self._model, self.prepared
        why = "session_limit" if is_forced else model.term.why
        self._actions.log(
            "rolled_over",
            reason=why,
            is_forced=is_forced,
            ready_ms=round(next_one.ready_ms, 1),
            swap_ms=round(swap_s * 1000, 1),
            model_session=safe_word(next_one.created.id) if next_one.created else "",
            upstream=next_one.upstream.name or None,
        )
        self._connecting.leave(next_one)
        self._conductor.on_lost(0.0, goes_on=True)
        self._connecting.arrive(next_one, why)
        self._conductor.on_connected()
        next_one.taken()
        self._quiet_since = self._return_at = None
