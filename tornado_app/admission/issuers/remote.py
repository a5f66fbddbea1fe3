"""The keys of an issuer that is asked over HTTP: kept, refreshed in time, waited for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tornado_app.admission.issuers.address import Address, Failed
from tornado_app.admission.issuers.key_set import KeySet
from tornado_app.admission.issuers.schedule import Schedule
from tornado_app.logs import get_logger

WAIT_S = 5.0
"""How long a client waits for a key that is not known: one question, and some."""

State = Literal["asking", "good", "stale", "missing"]
"""Whether there are keys: not yet, those of the last question, older ones, none that count."""

Fetch = Callable[[Address, Callable[[KeySet | Failed], None]], None]


@dataclass(eq=False, slots=True)
class _Waiter:
    since: float
    is_served: Callable[[KeySet], bool]
    done: "asyncio.Future[None]"


class RemoteKeys:
    """One question at a time, whoever waits for the answer.  Thread: loop."""

    def __init__(
        self,
        name: str,
        address: Address,
        schedule: Schedule,
        fetch: Fetch,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._name = name
        self._address = address
        self._schedule = schedule
        self._fetch = fetch
        self._loop = loop
        self._keys: KeySet | None = None
        self._waiters: set[_Waiter] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._state: State = "asking"
        self._is_stopped = False
        self._log = get_logger()

    @property
    def state(self) -> State:
        return self._state

    @property
    def age_s(self) -> float | None:
        """How long ago was asked for what counts now; None: nothing does."""
        if self._keys is None:
            return None
        return self._loop.time() - self._schedule.answered_at

    def current(self) -> KeySet | None:
        """The keys that count now."""
        return self._keys if self._loop.time() < self._schedule.ends_at else None

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._waiters:
            self._serve(waiter)
        self._waiters.clear()

    def wait(self, is_served: Callable[[KeySet], bool]) -> "asyncio.Future[None]":
        """Done when newer keys are there, or those that *is_served* by; at the latest in `WAIT_S`.

        Whoever waits looks at `current` then: it may be as before.
        """
        waiter = _Waiter(self._loop.time(), is_served, self._loop.create_future())
        late = self._loop.call_later(WAIT_S, self._serve, waiter)
        waiter.done.add_done_callback(lambda _: self._leave(waiter, late))
        self._waiters.add(waiter)
        if not self._schedule.is_asking:
            self._schedule.is_wanted = True
            self._look()
        return waiter.done

    def _look(self) -> None:
        """Ask, or set the timer for it."""
        if self._is_stopped:  # an answer was under way
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        schedule, now = self._schedule, self._loop.time()
        if schedule.ends_at <= now and self._keys is not None:
            self._keys = None
            self._judge("missing", "too_old")
        if schedule.is_asking:
            # The answer looks again; but old keys end when they end.
            at = schedule.ends_at if self._keys is not None else None
        elif schedule.due_at <= now:
            schedule.ask(now)
            self._fetch(self._address, self._on_answer)
            at = schedule.ends_at if self._keys is not None else None
        else:
            at = min(schedule.due_at, schedule.ends_at) if self._keys else schedule.due_at
        if at is not None:
            self._timer = self._loop.call_at(at, self._look)

    def _on_answer(self, found: KeySet | Failed) -> None:
        asked_at = self._schedule.asked_at
        if isinstance(found, KeySet):
            self._schedule.answered()
            self._keys = found
            self._judge("good", "", len(found.keys))
        else:
            self._schedule.failed()
            self._judge("missing" if self._keys is None else "stale", found.cause)
        for waiter in list(self._waiters):
            is_served = self._keys is not None and waiter.is_served(self._keys)
            if is_served or waiter.since <= asked_at:
                self._serve(waiter)
        # Those who are left came while it was asked, and want to know what is so now.
        self._schedule.is_wanted = any(not waiter.done.done() for waiter in self._waiters)
        self._look()

    def _judge(self, state: State, cause: str, keys: int = 0) -> None:
        """Note it, and say it if it is news."""
        if state == self._state:
            return
        self._state = state
        if state == "good":
            self._log.info("issuer_keys", issuer=self._name, keys=keys)
        elif state == "stale":
            left_s = round(self._schedule.ends_at - self._loop.time())
            self._log.warning("issuer_keys_stale", issuer=self._name, cause=cause, left_s=left_s)
        else:
            self._log.error("issuer_keys_missing", issuer=self._name, cause=cause)

    def _serve(self, waiter: _Waiter) -> None:
        if not waiter.done.done():
            waiter.done.set_result(None)

    def _leave(self, waiter: _Waiter, late: asyncio.TimerHandle) -> None:
        late.cancel()
        self._waiters.discard(waiter)
