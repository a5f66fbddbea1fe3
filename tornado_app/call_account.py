"""What one call costs, and how its quotas stand: settled each second, and when money is spent."""

from asyncio import Task
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tornado_app.admission.quotas import QuotaUse
from tornado_app.equipment import Equipment
from tornado_app.metering import CallMeter
from tornado_app.protocol.figures import CostFigures
from tornado_app.session import events
from tornado_app.session.machine import Session
from tornado_app.usage.call_usage import CallUsage

COST = frozenset({"session_opened", "response_done", "transcribed"})
"""Facts behind which an answer may cost more, or there is less left for it."""


class CallAccount:
    """Listens to the facts of a call.  Thread: loop."""

    __slots__ = (
        "_clock",
        "_fail",
        "_feed",
        "_has_ended",
        "_loop",
        "_meter",
        "_session",
        "_telling",
        "_usage",
    )

    def __init__(
        self,
        session: Session,
        meter: CallMeter | None,
        usage: CallUsage | None,
        equipment: Equipment,
        *,
        feed: Callable[[events.Event], None],
        fail: Callable[[], None],
    ) -> None:
        """*meter*: None: it has no quota.  *usage*: None: nobody counts what is used.  *fail* is
        called in an exception's place where none may be raised.
        """
        self._session = session
        self._meter = meter
        self._usage = usage
        self._feed = feed
        self._fail = fail
        self._loop = equipment.loop
        self._clock = equipment.clock
        self._telling: Task[None] | None = None
        """Has other machines know what is kept aside."""
        self._has_ended = False

    @property
    def spent(self) -> CostFigures | None:
        """So far; None: nobody counts."""
        return None if self._usage is None else self._usage.figures

    def hear(self, event: str, fields: Mapping[str, Any], now: float) -> None:
        """A fact of the call."""
        if self._usage is not None:
            self._usage.hear(event, fields, now)
        if event in COST and self._meter is not None and self._meter.counts_money:
            self._count_money(self._meter)

    def settle(self) -> tuple[QuotaUse, ...]:
        """How its quotas stand, with what it has used by now."""
        if self._meter is None:
            return ()
        totals = self._session.totals()
        audio_ms = totals.received_ms + totals.answered_ms
        cost = self._usage.cost if self._usage is not None else Decimal(0)
        held = self._held() if self._meter.counts_money else Decimal(0)
        return self._meter.look(audio_ms, sum(totals.tokens.values()), cost, held)

    def end(self) -> None:
        """The call is over, and this is what it has used."""
        self._has_ended = True
        self._feed, self._fail = _nobody_hears, _nobody_fails
        try:
            self.settle()
        finally:  # a session that had a fault may not be able to count
            if self._meter is not None:
                self._meter.end()

    def _held(self) -> Decimal:
        """What is kept aside of a quota of money for the answers that run, and for the next."""
        if self._usage is None or self._session.ended:
            return Decimal(0)
        return self._usage.most_of_next(self._clock(), self._session.most_output_tokens)

    def _count_money(self, meter: CallMeter) -> None:
        """Say at once what has become of quotas of money, and have other machines know of it."""
        if self._has_ended:
            return
        self._feed(events.Metered(self.settle()))
        telling = meter.telling() if self._telling is None else None
        if telling is not None:
            self._telling = self._loop.create_task(telling)
            self._telling.add_done_callback(self._on_told)

    def _on_told(self, telling: "Task[None]") -> None:
        """Now it is known what other machines keep aside."""
        self._telling = None
        if telling.cancelled() or telling.exception() is not None or self._meter is None:
            return  # whoever notes all meters each second says so
        try:
            self._count_money(self._meter)
        except Exception:  # noqa: BLE001  nothing may escape a callback of the loop
            self._fail()


def _nobody_hears(_: events.Event) -> None:
    """What other machines keep aside when the call is over."""


def _nobody_fails() -> None:
    """It has ended already."""
