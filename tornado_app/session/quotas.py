"""What a call does when a quota of its user is nearly used up, and when it is."""

from collections.abc import Callable, Sequence

from tornado_app.admission.quotas import QuotaUse
from tornado_app.errors import Refused
from tornado_app.protocol.close import QUOTA_EXCEEDED
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.told import LimitWarning
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.time_limits import TimeLimits


class Quotas:
    """Warns at each of some parts of a quota, once, and then ends the call.  Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        actions: Actions,
        times: TimeLimits,
        *,
        stop_answering: Callable[[Refused], None],
    ) -> None:
        self._stop_answering = stop_answering
        self._config = config
        self._rules = config.quotas
        self._actions = actions
        self._times = times
        self._warned: dict[str, tuple[int, int]] = {}
        """Of each quota: which one, by when it ends, and of how many parts was told."""
        self._is_over = False

    def metered(self, uses: Sequence[QuotaUse]) -> None:
        """So much is used now, by this call and all others."""
        for use in uses:
            if self._is_over:
                return
            if use.is_over:
                self._exceeded(use)
            else:
                self._warn(use)

    def _warn(self, use: QuotaUse) -> None:
        reached = sum(use.used >= part * use.allowed for part in self._rules.warn_at)
        reset_at, told = self._warned.get(use.limit, (use.reset_at, 0))
        if reset_at != use.reset_at:
            told = 0
        # What was kept aside is given back, and kept again: that is no news.
        self._warned[use.limit] = use.reset_at, max(told, reached) if use.holds else reached
        if reached > told:
            self._actions.log("limit_near", limit=use.limit)
            used = round(use.used, use.digits)
            currency = self._rules.currency if use.is_money else None
            self._actions.say(
                LimitWarning(use.limit, used, use.allowed, use.reset_at, currency or None)
            )

    def _exceeded(self, use: QuotaUse) -> None:
        self._is_over = True
        refused = use.refused(self._config.unix_ms(self._actions.now))
        self._actions.log("quota_used_up", limit=use.limit)
        self._actions.refuse(refused)
        self._stop_answering(refused)
        ending = Ending(
            "quota_exceeded",
            refused.sentence,
            False,
            QUOTA_EXCEEDED,
            "quota_exceeded",
            is_told=True,
        )
        self._times.part(ending, self._actions.now, self._rules.goodbye)
