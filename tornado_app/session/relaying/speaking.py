"""The client's speech on its way to the model, and all that it asks in between, in order.

In the model's own format it is sent on as it is, base64 and all.  In another one it goes through
the pool, and what was asked behind it waits until it is back.
"""

from collections.abc import Callable

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.errors import Refused
from tornado_app.protocol.figures import AudioFigures
from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.protocol.realtime.orders import Append
from tornado_app.protocol.told import RelayedError
from tornado_app.session.commands import ConvertUplink, FlushUplink
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.parts import Parts
from tornado_app.session.pending import PendingChunk, PendingTail
from tornado_app.session.pending_queue import PendingQueue
from tornado_app.session.relaying.clock import RelayedClock
from workers.formats import base64_bytes

BASE64_PART = 3 / 4
"""Bytes of a letter."""
MODEL_BYTES_PER_MS = 48.0


class Speaking:
    """Thread: loop."""

    def __init__(self, parts: Parts) -> None:
        self._config = config = parts.config
        self._gate = parts.model.gate
        self._actions = actions = parts.actions
        self._backlog = parts.backlog
        self.pending = PendingQueue(actions, parts.budget, parts.timers)
        self.clock = RelayedClock()
        self.converts = config.source != MODEL_FORMAT
        self.bytes_per_ms = MODEL_BYTES_PER_MS
        """Of what the model takes: see `takes`."""
        self._received_ms = 0.0
        self._sent_ms = 0.0
        self._clipped_samples = 0

    @property
    def buffered_ms(self) -> float:
        """Audio that was accepted and has not left for the model."""
        return self.pending.audio_ms + self._gate.kept.audio_ms + self._gate.unsent_audio_ms

    def audio(self, payload: str | bytes, event_id: str = "") -> None:
        """A piece of speech as base64; in the model's errors it is *event_id*.  The hot path."""
        if isinstance(payload, bytes):
            sentence = "Events are JSON text; binary frames are not accepted."
            self._actions.say(RelayedError("invalid_request_error", "invalid_event", sentence))
        elif self.converts:
            self._convert(payload)
        else:
            duration_ms = base64_bytes(payload) / self.bytes_per_ms
            if self._has_room(duration_ms, len(payload)):
                self._received_ms += duration_ms
                self._send(Append(payload.encode(), duration_ms, event_id))
                self._backlog.taken(self.buffered_ms, 0.0, duration_ms)

    def takes(self, bytes_per_ms: float) -> None:
        """What is said from now on is of so much."""
        self.bytes_per_ms = bytes_per_ms
        self._gate.takes(bytes_per_ms / BASE64_PART)

    def may_bring(self) -> bool:
        """Whether audio that comes otherwise than as speech comes slowly enough to be taken."""
        return not self._backlog.is_too_fast

    def brought(self, letters: int) -> None:
        """So much base64 in the model's format has come otherwise, in an item; it counts alike."""
        if not letters:
            return
        duration_ms = letters * BASE64_PART / self.bytes_per_ms
        self._received_ms += duration_ms
        self._backlog.taken(self.buffered_ms, self.pending.audio_ms, duration_ms)

    def end_stream(self, then: Callable[[], None], size_bytes: int) -> None:
        """*then* is done behind all that was said so far, to its last sample; until then it takes
        so much.
        """
        if self.converts:
            self.pending.append(PendingTail(self._actions.chunk))
            self._actions.do(FlushUplink())
        self.pending.in_turn(then, size_bytes)

    def ready(self, result: Converted | Unusable) -> None:
        """Take the pool's next answer."""
        if self.pending.is_due:
            self.pending.keep(result)
            return
        pending = self.pending.take()
        if isinstance(pending, PendingChunk):
            self.pending.audio_ms -= pending.duration_ms
        if not isinstance(result, Unusable):
            self._received_ms += result.duration_ms
            self._clipped_samples += result.clipped_samples
            if result.audio:
                self._send(Append(result.audio, result.converted_ms))
        elif result.sentence is None:
            self._actions.refuse(Refused("internal", "The audio could not be processed."))
        else:
            self._actions.refuse(Refused(result.code, result.sentence, "audio"))
        self.pending.say_due()

    def ease(self) -> None:
        self._backlog.ease(self.buffered_ms, self.pending.audio_ms)

    def figures(self) -> AudioFigures:
        return AudioFigures(
            received_ms=round(self._received_ms, 1),
            sent_ms=round(self._sent_ms, 1),
            buffered_ms=round(self.buffered_ms, 1),
            clipped_samples=self._clipped_samples,
            dropped_ms=round(self._backlog.dropped_ms, 1),
        )

    def _convert(self, payload: str) -> None:
        duration_ms = self._config.source.payload_ms(payload)
        if not self._has_room(duration_ms, len(payload)):
            return
        kept_bytes = len(payload) + ENTRY_BYTES
        number, ref = self._actions.chunk, self._actions.ref
        self.pending.append(PendingChunk(number, ref, kept_bytes, duration_ms))
        self.pending.audio_ms += duration_ms
        self._actions.do(ConvertUplink(payload))
        self._backlog.taken(self.buffered_ms, self.pending.audio_ms, duration_ms)

    def _send(self, order: Append) -> None:
        self._gate.send_audio(order)
        self._sent_ms += order.duration_ms

    def _has_room(self, duration_ms: float, size_bytes: int) -> bool:
        backlog, config = self._backlog, self._config
        if backlog.takes_all or backlog.room(self.buffered_ms, duration_ms, size_bytes):
            return True
        if config.uplink.backlog == "drop_oldest":
            too_much_ms = self.buffered_ms + duration_ms - config.uplink.hold_ms
            dropped_ms, _ = self._gate.kept.drop_oldest_audio(too_much_ms)
            self._sent_ms -= dropped_ms
            if dropped_ms:
                self.clock.left_out(dropped_ms)
                backlog.drop(dropped_ms, self._actions.chunk)
            if backlog.room(self.buffered_ms, duration_ms, size_bytes):
                return True
        self.clock.left_out(duration_ms)
        backlog.drop(duration_ms, self._actions.chunk)
        return False
