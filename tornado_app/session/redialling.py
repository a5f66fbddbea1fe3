"""What becomes of a call whose link is lost: how often and how soon a model is dialled again."""

from collections.abc import Callable
from dataclasses import dataclass

from tornado_app.protocol.endings import Ending, Failure
from tornado_app.session.config import DiallingRules

STABLE_S = 30.0
"""A link that held this long was a good one: the next loss counts from one again.  Shorter than
that, a server that accepts and closes at once would be dialled for ever."""
WAIT_MAX_S = 60.0
"""A caller waits no longer: a model that asks for more is given up, and the client told when."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Of a link, and what becomes of it."""

    failure: Failure
    ending: Ending
    attempt: int
    """Which the next dial is."""
    wait_s: float | None
    """For so long before that; None: there is none."""
    asked_s: float | None
    """The model has asked for such a pause."""
    let_down_by: str | None
    """One of several upstreams."""


class Redialling:
    """Counts attempts, and knows when the next is due.  *jitter* gives numbers from 0 to 1.
    Thread: loop.
    """

    def __init__(self, rules: DiallingRules, jitter: Callable[[], float]) -> None:
        self._rules = rules
        self._jitter = jitter
        self.attempt = 0

    def judge(
        self,
        failure: Failure,
        ending: Ending,
        held_s: float | None,
        *,
        let_down: str | None,
        is_kept: bool,
    ) -> Loss:
        """What becomes of a link that was lost by *failure*, which is an *ending* if it is none.

        *held_s* as of `next`; *let_down*: by the upstream of that name, and there are others;
        *is_kept*: the next model can be told of the conversation.
        """
        asked_s = None if let_down is not None else ending.retry_after_s
        wait_s = self.next(held_s, asked_s)
        is_out = ending.code == "upstream_timeout" or ending.retry_after_s is not None
        is_out = is_out and wait_s is not None
        goes_elsewhere = let_down is not None and (ending.code == "upstream_rejected" or is_out)
        if goes_elsewhere:
            wait_s = 0.0
        is_over = ending.code == "session_expired" and not is_kept
        if is_over or not (ending.retry or goes_elsewhere):
            wait_s = None
        return Loss(failure, ending, self.attempt, wait_s, asked_s, let_down)

    def next(self, held_s: float | None, asked_s: float | None) -> float | None:
        """After how many seconds to dial again; None: not at all.

        The link that was lost held for *held_s*, None if it never came about; the model asked for
        a pause of *asked_s*, if it did.
        """
        was_stable = held_s is not None and held_s >= STABLE_S
        self.attempt = 1 if was_stable else self.attempt + 1
        asked_s = asked_s or 0.0
        if self.attempt > self._rules.reconnect_attempts or asked_s > WAIT_MAX_S:
            return None
        # On top of it: those who were all asked to wait so long must not all come at once.
        return asked_s + self._back_off_s()

    def succeeded(self) -> None:
        """There is another link, and nothing was lost: the next loss counts from one."""
        self.attempt = 0

    def _back_off_s(self) -> float:
        """Exponential, with the upper half jittered, so that clients spread out."""
        rules = self._rules
        doubled_ms: int = rules.reconnect_initial_ms * 2 ** (self.attempt - 1)
        return min(rules.reconnect_max_ms, doubled_ms) * (0.5 + 0.5 * self._jitter()) / 1000
