"""Whether this process can take another client."""

from asyncio import AbstractEventLoop, TimerHandle

from tornado_app.gateway import Gateway
from tornado_app.metrics.definitions import LOOP_LAG

PROBE_S = 0.5
LOOP_LAG_S = 2.0
"""A loop that comes this late to its timers keeps every session waiting."""
LAG_REMEMBERED_S = 5.0
AWAY = "away"
POOL_STUCK_S = 5.0
"""A job of the pool takes milliseconds."""


class Health:
    """Watches the loop and the pool.  Thread: loop.

    A loop that hangs altogether answers nothing, which a load balancer notices by itself; one
    that comes and goes is noticed here, by how late a timer is.
    """

    def __init__(self, gateway: Gateway, loop: AbstractEventLoop) -> None:
        self._gateway = gateway
        self._loop = loop
        self._due_at = 0.0
        self._lagged_at = float("-inf")
        self._timer: TimerHandle | None = None
        self.leaving = False
        """This process will end: send nobody new here, though whoever comes is still let in."""

    @property
    def connections(self) -> int:
        return len(self._gateway.connections)

    def start(self) -> None:
        self._due_at = self._loop.time() + PROBE_S
        self._timer = self._loop.call_at(self._due_at, self._probe)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def not_ready(self) -> str | None:
        """A word that says why not, or None."""
        if self.leaving or self._gateway.access.reception.is_closed:
            return "draining"
        if self._gateway.audio.pool.oldest_in_flight_s() > POOL_STUCK_S:
            return "pool_stuck"
        if self._loop.time() - self._lagged_at < LAG_REMEMBERED_S:
            return "loop_slow"
        if self._gateway.models.is_rejected:
            return "upstream_rejected"
        if self._gateway.access.trust.keys.are_missing:
            return "no_issuer_keys"
        if self._gateway.access.seating.is_closed:
            return "shared_away"
        return None

    @property
    def issuers(self) -> dict[str, str]:
        """Identity providers whose keys are not fresh, and how they are."""
        return dict(self._gateway.access.trust.keys.without_good())

    @property
    def upstreams(self) -> dict[str, int]:
        """How many there are, and past how many calls are sent; empty, if there is one."""
        several = self._gateway.models.several
        return {} if several is None else {"listed": len(several.names), "out": len(several.out)}

    @property
    def shared(self) -> str:
        """That Redis does not answer; empty: it does, or there is none."""
        return AWAY if self._gateway.access.seating.is_away else ""

    def _probe(self) -> None:
        now = self._loop.time()
        lag_s = now - self._due_at
        if lag_s > LOOP_LAG_S:
            self._lagged_at = now
        self._gateway.tally.observe(LOOP_LAG, max(0.0, lag_s))
        self.start()
