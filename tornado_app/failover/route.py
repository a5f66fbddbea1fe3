"""One call's way among the upstreams: whom it tries next, and whom it tries no more."""

import math
from collections.abc import Collection

from tornado_app.failover.upstreams import Choice, Upstreams
from tornado_app.protocol.endings import Ending, Failure

_OF_THE_MODEL = {"model_not_found", "invalid_model", "http_404"}
_OF_THE_CALL = {"bad_session"}
SOON_S = 1.0
"""When to ask again, if somebody else is just finding out."""


class Route:
    """Thread: loop.

    What an upstream refuses to one call need not be refused to others: its client may have asked
    for a model that this key cannot have.  Then the call goes elsewhere, and no breaker opens.
    """

    def __init__(self, upstreams: Upstreams, *, asks_the_usual: bool) -> None:
        """*asks_the_usual*: the call has the model of the settings."""
        self._upstreams = upstreams
        self._asks_the_usual = asks_the_usual
        self._refused: dict[str, str] = {}
        """Those that refused this call for good, with the cause."""
        self._late = ""
        """The last that did not answer in time: it is tried behind the others."""
        self._late_since = 0
        """How often that one had taken somebody when this call dialled it, or lost it."""
        self._taken: dict[str, int] = {}
        """How often each had, when this call dialled it last."""
        self._serving = ""
        """The one that took this call, and has not let it down since."""
        self._in_vain: set[str] = set()
        """Those that were dialled since, and did not take it, though some may have begun a session:
        tried behind the others as well, or one that begins and breaks off is dialled for ever.
        While one serves the call none is added, so that it finds the way back to the others."""

    def next(self, now: float, tried: Collection[str] = ()) -> Choice | None:
        """Whom to dial, of those not yet *tried*."""
        choice = self._upstreams.choose(
            now, {*tried, *self._refused}, {self._still_late, *self._in_vain}
        )
        if choice is not None:
            name = choice.upstream.name
            self._taken[name] = self._upstreams.breaker(name).successes
        return choice

    def good(self, name: str) -> bool:
        """It took this call.  True: its breaker was open."""
        if self._late != name:
            self._late = ""
        self._serving = name
        self._in_vain.clear()
        return self._upstreams.breaker(name).good()

    def began(self, name: str) -> bool:
        """It has begun a session, which another had done before.  True: its breaker was open."""
        return self._upstreams.breaker(name).good()

    def bad(self, name: str, ending: Ending, now: float, *, is_probe: bool = False) -> bool:
        """It took this call not, or let it down.  True: by this its breaker has opened."""
        if ending.code == "session_expired":
            return False
        breaker = self._upstreams.breaker(name)
        taken = self._taken.get(name, breaker.successes)
        if self._serving == name:
            self._serving, taken = "", breaker.successes
        elif not self._serving:
            self._in_vain.add(name)
        if ending.code == "upstream_timeout":
            # A dial is late seconds after it began, and the upstream may have taken others since.
            self._late, self._late_since = name, taken
        if ending.code == "upstream_rejected":
            self._refused[name] = ending.cause
        if ending.code == "upstream_rejected" and self._is_about_the_call(ending.cause):
            if is_probe:
                breaker.give_up()
            return False
        if ending.code == "upstream_rejected":
            del self._refused[name]  # the breaker knows, and when to try again
        return breaker.bad(ending, now, is_probe=is_probe)

    def give_up(self, name: str) -> None:
        """Its probe was broken off."""
        self._upstreams.breaker(name).give_up()

    def better(self, used: str) -> frozenset[str]:
        """Those that are wanted more than *used*, and may be dialled."""
        return frozenset(self._upstreams.are_better(used)) - {*self._refused, self._still_late}

    @property
    def _still_late(self) -> str:
        """The one that did not answer in time, and has taken nobody since it was dialled."""
        late = self._late
        is_back = late and self._upstreams.breaker(late).successes != self._late_since
        return "" if is_back else late

    def nobody(self, now: float) -> Failure:
        """Why nobody is left to be dialled, as if one had been."""
        names = [each.name for each in self._upstreams.listed]
        breakers = {n: self._upstreams.breaker(n) for n in names if n not in self._refused}
        hopeful = [each for each in breakers.values() if not each.is_rejected]
        if not hopeful:
            causes = [*self._refused.values(), *(each.cause for each in breakers.values())]
            return Failure("dial", "rejected", detail=causes[0])
        wait_s = min(each.try_at for each in hopeful) - now
        return Failure("dial", "out", retry_after_s=wait_s if 0 < wait_s < math.inf else SOON_S)

    def _is_about_the_call(self, cause: str) -> bool:
        if cause in _OF_THE_CALL:
            return True
        return cause in _OF_THE_MODEL and not self._asks_the_usual
