"""The gate before the model: orders pass while it is connected, and wait while it is not."""

from tornado_app.admission.budget import Budget
from tornado_app.protocol.realtime.orders import AnyOrder, Append, given_by
from tornado_app.session.actions import Actions
from tornado_app.session.commands import SendUpstream
from tornado_app.session.config import SessionConfig
from tornado_app.session.kept import KeptOrders, order_bytes
from tornado_app.session.ledger.speech import UPSTREAM_BYTES_PER_MS, SpeechKept
from tornado_app.session.timers import Timers
from tornado_app.session.unsent import Unsent

SENT_AHEAD_MS = 1000.0
"""How much audio may lie in the model's socket before more is kept here, if what is oldest is to
be dropped: from the socket it cannot be taken back.  A quarter of all that may wait, if that is
less."""
SENT_AHEAD_PART = 0.25
"""How much of the link's outbox may be full before more is kept here: what is kept can be counted
and refused, and an outbox that runs over ends the link."""
AT_ONCE_BYTES = 262_144
"""How much leaves in one turn of the loop, and no order behind it: to note, encode and mask a
megabyte takes 6 ms, for which all other calls wait."""


class OrderGate:
    """Of one session, whichever link it has.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_budget",
        "_caught_up_at",
        "_config",
        "_sent_ahead_bytes",
        "_socket_is_full",
        "_speech",
        "_timers",
        "_turn_at",
        "_turn_bytes",
        "_unsent",
        "is_open",
        "kept",
        "unsent_bytes",
    )

    def __init__(
        self,
        config: SessionConfig,
        actions: Actions,
        timers: Timers,
        budget: Budget,
        speech: SpeechKept,
    ) -> None:
        self._actions = actions
        self._timers = timers
        self._budget = budget
        self._speech = speech
        self._config = config
        self._sent_ahead_bytes = _sent_ahead_bytes(config, UPSTREAM_BYTES_PER_MS)
        self._unsent = Unsent()
        self._socket_is_full = False
        self._caught_up_at = 0.0
        """When the model's socket had taken all there was."""
        self._turn_at = 0.0
        """When the last order was let go that is no audio."""
        self._turn_bytes = 0
        """Of those in that turn of the loop."""
        self.kept = KeptOrders(budget)
        self.unsent_bytes = 0
        """What waits for the model's socket."""
        self.is_open = False
        """The model is connected."""

    @property
    def is_free(self) -> bool:
        """Orders are let through at once."""
        return self.is_open and not self.kept and not self._socket_is_full

    @property
    def unsent_audio_ms(self) -> float:
        """How much audio waits for the model's socket."""
        if not self.unsent_bytes:
            return 0.0
        return self._unsent.audio_ms(self.unsent_bytes, self._speech.end_ms)

    def takes(self, bytes_per_ms: float) -> None:
        """Audio takes so much, in base64, in the format that it has from now on."""
        self._unsent.bytes_per_ms = bytes_per_ms
        self._sent_ahead_bytes = _sent_ahead_bytes(self._config, bytes_per_ms)

    @property
    def written_ms(self) -> float:
        """The position behind all audio that is for this model, that which waits included."""
        return self._speech.end_ms + self.kept.speech_ms

    @property
    def caught_up_at(self) -> float:
        """When the model could hear all that it was told; now, if it cannot yet."""
        is_behind = bool(self.kept) or self.unsent_bytes > 0
        return self._actions.now if is_behind else self._caught_up_at

    def send_audio(self, order: Append) -> None:
        """Let a piece of speech through, or keep it.  The hot path."""
        if self.is_open and not self.kept and not self._socket_is_full:
            self._actions.do(SendUpstream(order))
            self._speech.append(order)
        else:
            self.kept.keep(order)  # which the uplink bounds

    def send(self, order: AnyOrder) -> bool:
        """Let *order* through, or keep it.  False: too much is kept already, and it was not."""
        if self._is_next_turns:
            if not self.kept.has_room(order):
                return False
            self.kept.put_last(order)
            self._timers.set("release", self._actions.now)
        elif self.is_free:
            self.let_go(order)
        elif not self.kept.keep(order):
            return False
        given = given_by(order)
        self._actions.given_text += given.text
        self._actions.given_pictures += given.pictures
        return True

    def let_go(self, order: AnyOrder) -> None:
        """Past all that is kept, and before the gate is open."""
        self._actions.do(SendUpstream(order))
        if isinstance(order, Append):
            self._speech.append(order)
        else:
            size_bytes = order_bytes(order)
            self._speech.note(order)
            self._unsent.note(size_bytes, self._speech.end_ms)
            self._count_turn(size_bytes)

    def release(self) -> None:
        """Let go what is kept, unless the socket has enough."""
        if not self.is_open or self._socket_is_full:
            return
        for order in self.kept.take(min(self._sent_ahead_bytes, AT_ONCE_BYTES)):
            self.let_go(order)
        if self.kept:
            # By then it is known what the socket did not take, and other calls were served.
            self._timers.set("release", self._actions.now)

    def on_unsent(self, unsent_bytes: int) -> None:
        """So much waits for the model's socket."""
        if self.unsent_bytes and not unsent_bytes:
            self._caught_up_at = self._actions.now
        self._count_unsent(unsent_bytes)
        self._socket_is_full = unsent_bytes > self._sent_ahead_bytes
        if not unsent_bytes:
            self._unsent.clear()
        if self.kept and not unsent_bytes:
            self.release()

    def shut(self) -> None:
        """The link is gone, and what waited for its socket with it; what is kept here stays."""
        self.is_open = False
        self._timers.clear("release")
        self._count_unsent(0)
        self._unsent.clear()
        self._socket_is_full = False

    @property
    def _is_next_turns(self) -> bool:
        """It waits for the next turn of the loop and for nothing else: however many others do."""
        if not self.is_open or self._socket_is_full:
            return False
        is_much = self._turn_bytes >= AT_ONCE_BYTES and self._turn_at == self._actions.now
        return is_much or "release" in self._timers

    def _count_turn(self, size_bytes: int) -> None:
        if self._turn_at != self._actions.now:
            self._turn_at, self._turn_bytes = self._actions.now, 0
        self._turn_bytes += size_bytes

    def _count_unsent(self, unsent_bytes: int) -> None:
        self._budget.take(unsent_bytes - self.unsent_bytes)
        self.unsent_bytes = unsent_bytes


def _sent_ahead_bytes(config: SessionConfig, bytes_per_ms: float) -> int:
    """How much may lie in the model's socket, and be released at once."""
    if config.uplink.backlog == "drop_oldest":
        return int(min(SENT_AHEAD_MS, config.uplink.hold_ms / 4) * bytes_per_ms)
    return int(config.uplink.outbox_bytes * SENT_AHEAD_PART)
