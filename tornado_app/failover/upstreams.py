"""The upstreams there are, in the order in which they are wanted, each with its breaker."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tornado_app.failover.breaker import Breaker, BreakerRules
from tornado_app.protocol.realtime.model_session import ModelSession


@dataclass(frozen=True, slots=True)
class Upstream:
    """One of them, and how what a call asks for is called there."""

    name: str = ""
    """The operator's own word, for the log."""
    model: str = ""
    """Which one it has in place of any that is not in *models*; empty: the one asked for."""
    models: Mapping[str, str] = field(default_factory=dict)
    voices: Mapping[str, str] = field(default_factory=dict)
    """What another voice is called there; one that is not in it has its own name."""
    transcription_model: str = ""

    def asked(self, wanted: ModelSession) -> ModelSession:
        """*wanted* in the words of this upstream."""
        writes = wanted.transcription_model and self.transcription_model
        return replace(
            wanted,
            model=self.models.get(wanted.model, self.model or wanted.model),
            voice=self.voices.get(wanted.voice, wanted.voice),
            transcription_model=writes or wanted.transcription_model,
        )


PLAIN = Upstream()
"""The only one there is: it calls everything as it is asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to dial."""

    upstream: Upstream
    is_probe: bool
    """Its breaker is open: this dial finds out whether it still has to be."""


class Upstreams:
    """Shared by all calls.  Thread: loop."""

    def __init__(self, listed: Sequence[Upstream], rules: BreakerRules) -> None:
        self.listed = tuple(listed)
        self._breakers = {each.name: Breaker(rules) for each in listed}

    def breaker(self, name: str) -> Breaker:
        return self._breakers[name]

    def choose(
        self, now: float, without: Collection[str], reluctantly: Collection[str] = ()
    ) -> Choice | None:
        """The first that may be dialled; None: of those not in *without*, nobody may.

        One whose breaker is open comes behind all the others, and so does one in *reluctantly*.
        """
        left = [each for each in self.listed if each.name not in without]
        closed = [each for each in left if self._breakers[each.name].is_closed]
        closed.sort(key=lambda each: each.name in reluctantly)
        if closed:
            return Choice(closed[0], is_probe=False)
        for each in left:
            breaker = self._breakers[each.name]
            if breaker.is_due(now):
                breaker.begin_probe(now)
                return Choice(each, is_probe=True)
        return None

    def are_better(self, used: str) -> list[str]:
        """Those before *used* that everybody may dial."""
        names = [each.name for each in self.listed]
        return [name for name in names[: names.index(used)] if self._breakers[name].is_closed]
