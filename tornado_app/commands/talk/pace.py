"""How fast a recording is spoken.  Pure: takes `now`.

Without --fast as a person would.  With it as fast as a gateway with the settings of
conf/gateway.toml takes it: four times as fast and some seconds at once (limits.audio_rate,
limits.audio_burst_ms), 150 messages a second (limits.messages_per_s is 200).  A gateway that
takes less reads no further, and what it has not acknowledged fills the window.
"""

from dataclasses import dataclass

FAST_RATE = 4.0
FAST_BURST_S = 8.0
FAST_MESSAGES_PER_S = 150.0
WINDOW_MS = 4000.0


@dataclass(slots=True)
class Pace:
    """When the next chunk may go, and whether it may go at all."""

    is_fast: bool
    began_at: float
    sent_ms: float = 0.0
    taken_ms: float = 0.0
    messages: int = 0
    _before_ms: float = 0.0
    _before_messages: int = 0
    _at_once_ms: float = 1000 * FAST_BURST_S

    def begin(self, now: float) -> None:
        """Another recording; what waits of one before it counts for the gateway all the same."""
        if self.messages:
            self.go_on(now)
        self.began_at = now

    def wait_s(self, now: float, chunk_ms: float) -> float:
        """How long to wait before a chunk is sent; real time has it recorded first."""
        ahead_ms = self.sent_ms - self._before_ms + chunk_ms
        due_s = ahead_ms / 1000
        if self.is_fast:
            due_s = max(
                (ahead_ms - self._at_once_ms) / 1000 / FAST_RATE,
                (self.messages - self._before_messages) / FAST_MESSAGES_PER_S,
            )
        return max(0.0, self.began_at + due_s - now)

    def has_room(self, chunk_ms: float) -> bool:
        """Whether the gateway has taken enough of what was sent."""
        waiting_ms = self.sent_ms - self.taken_ms
        return waiting_ms < 1.0 or waiting_ms + chunk_ms <= WINDOW_MS

    def send(self, chunk_ms: float) -> None:
        self.sent_ms += chunk_ms
        self.messages += 1

    def take(self, duration_ms: float) -> None:
        """The gateway has acknowledged so much."""
        self.taken_ms = min(self.sent_ms, self.taken_ms + duration_ms)

    def go_on(self, now: float, pause_s: float = 0.0) -> None:
        """The gateway held us back: what was not said meanwhile is not made up for at once."""
        self.began_at, self._at_once_ms = now + pause_s, 0.0
        self._before_ms, self._before_messages = self.sent_ms, self.messages

    def forget(self) -> None:
        """Audio was refused, and nobody says which: nothing is waited for any more."""
        self.taken_ms = self.sent_ms
