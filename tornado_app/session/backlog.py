"""What becomes of speech that comes faster than it can go on."""

from tornado_app.admission.budget import Budget
from tornado_app.admission.limits import Bucket
from tornado_app.errors import Refused
from tornado_app.session.actions import Actions
from tornado_app.session.commands import PauseClient, ResumeClient
from tornado_app.session.config import SessionConfig
from tornado_app.session.timers import Timers

TELL_EVERY_S = 1.0
LOW_MARK = 0.5
"""A client is read again when no more than this part of the bound waits: below one half it would
speak into a line that runs dry, above it reading would stop and start with every chunk."""
PAUSE_AT_LEAST_S = 0.1
"""For the same reason: so much is gained at once for a client that is over its rate."""
CONVERTING_PART = 0.5
"""How much of the bound may be in the pool where the oldest is dropped: from there it cannot be,
and what is newest would have to go instead."""


class Backlog:
    """Three bounds, of how long what waits plays, of what it takes, and of how fast it comes, and
    what is done at them.  Thread: loop.

    It knows nothing of where the audio waits.  Whoever is asked for `room` takes the audio or
    does not, and says afterwards with `taken` what waits then.
    """

    __slots__ = (
        "_actions",
        "_budget",
        "_config",
        "_policy",
        "_rate",
        "_rests_until",
        "_timers",
        "_told_at",
        "_untold_chunk",
        "_untold_ms",
        "dropped_ms",
        "paused",
        "takes_all",
    )

    def __init__(
        self, config: SessionConfig, actions: Actions, timers: Timers, budget: Budget
    ) -> None:
        self._config = config
        self._budget = budget
        self._policy = config.uplink.backlog
        self.takes_all = config.uplink.backlog == "push_back"
        """A client that is pushed back loses nothing: what was read of it before it was paused is
        taken, too, which is one read at most."""
        self._actions = actions
        self._timers = timers
        self._rate = Bucket(config.rates.audio_rate * 1000, config.rates.audio_burst_ms)
        self._untold_ms = 0.0
        self._untold_chunk = 0
        self._told_at = float("-inf")
        self._rests_until = float("-inf")
        self.dropped_ms = 0.0
        """Of the whole session: was not taken, or was taken and dropped."""
        self.paused = False
        """The client is not read."""

    @property
    def is_too_fast(self) -> bool:
        """What comes now is not taken, but later; never of a client that is paused instead."""
        return self._policy == "refuse" and self._rate.used(self._actions.now) > self._rate.burst

    def room(self, waiting_ms: float, duration_ms: float, size_bytes: int) -> bool:
        """Whether audio of *duration_ms* and *size_bytes* may be taken beside what waits already;
        not asked of one that `takes_all`.
        """
        if self.is_too_fast:
            return False
        if self._policy == "refuse" and not self._budget.has_room(size_bytes):
            return False
        return waiting_ms + duration_ms <= self._config.uplink.hold_ms

    def taken(self, waiting_ms: float, converting_ms: float, duration_ms: float) -> None:
        """Audio of *duration_ms* was taken; pause the client if that was enough.

        *converting_ms* is what of *waiting_ms* is in the pool.
        """
        wait_s = self._rate.spend(self._actions.now, duration_ms)
        if self._untold_ms and self._may_tell():
            self._tell_dropped()
        if self._policy == "refuse":
            return
        if wait_s:
            self._rests_until = self._actions.now + max(wait_s, PAUSE_AT_LEAST_S)
            self._timers.set("audio_rate", self._rests_until)
            rate = self._config.rates.audio_rate
            reason = f"Audio may come {rate:g} times as fast as it is spoken"
            self._pause("too_fast", reason)
        elif self._budget.is_full:
            self._pause("memory", f"{self._budget.held_bytes} bytes of this call wait")
        elif self._fullness(waiting_ms, converting_ms) > 1:
            if self._policy == "drop_oldest":
                self._pause("converting", f"{converting_ms:.0f} ms of audio wait to be converted")
            else:
                self._pause("model_slow", f"{waiting_ms:.0f} ms of audio wait for the model")

    def rest(self, wait_s: float) -> None:
        """Read the client no further for so long: what it sends comes too fast."""
        self._rests_until = max(self._rests_until, self._actions.now + wait_s)
        self._timers.set("audio_rate", self._rests_until)
        self._pause("too_fast", "Messages come too fast")

    def ease(self, waiting_ms: float, converting_ms: float) -> None:
        """Read a client that is paused, if its time has come and little enough waits."""
        is_rested = self._actions.now >= self._rests_until
        is_low = self._fullness(waiting_ms, converting_ms) <= LOW_MARK
        if self.paused and is_rested and is_low and self._budget.is_low:
            self.paused = False
            self._actions.do(ResumeClient())

    def drop(self, duration_ms: float, chunk: int) -> None:
        """So much is lost, up to *chunk*.

        It is said at most once a second, with the sum of what was lost since.
        """
        self._untold_ms += duration_ms
        self.dropped_ms += duration_ms
        self._untold_chunk = chunk
        if self._may_tell():
            self._tell_dropped()

    def _fullness(self, waiting_ms: float, converting_ms: float) -> float:
        """1.0 at the bound beyond which the client is held back."""
        if self._policy == "drop_oldest":
            return converting_ms / (self._config.uplink.hold_ms * CONVERTING_PART)
        return waiting_ms / self._config.uplink.hold_ms

    def _pause(self, why: str, reason: str) -> None:
        if self.paused:
            return
        self.paused = True
        self._actions.do(PauseClient())
        if self._may_tell():
            self._told_at = self._actions.now
            self._actions.log("client_paused", why=why)
            sentence = f"{reason}. Nothing was lost; what you send now is read later."
            self._actions.refuse(Refused("audio_backlog", sentence, chunk=self._actions.chunk))

    def _may_tell(self) -> bool:
        return self._actions.now - self._told_at >= TELL_EVERY_S

    def _tell_dropped(self) -> None:
        dropped_ms, self._untold_ms = self._untold_ms, 0.0
        self._told_at = self._actions.now
        self._actions.log("audio_dropped", dropped_ms=round(dropped_ms))
        what = "dropped, the oldest" if self._policy == "drop_oldest" else "not taken"
        hold_ms, rate = self._config.uplink.hold_ms, self._config.rates.audio_rate
        sentence = (
            f"{dropped_ms:.0f} ms of audio were {what}: {hold_ms:.0f} ms may wait for "
            f"the model, and audio may come {rate:g} times as fast as spoken."
        )
        self._actions.refuse(
            Refused("audio_backlog", sentence, None, 1000, chunk=self._untold_chunk)
        )
