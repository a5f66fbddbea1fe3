"""The client's speech on its way to the model."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tornado_app.admission.budget import ENTRY_BYTES, Budget, text_bytes
from tornado_app.errors import Refused
from tornado_app.protocol.figures import AudioFigures
from tornado_app.protocol.realtime.orders import Append
from tornado_app.protocol.told import AudioReceived
from tornado_app.session.actions import Actions
from tornado_app.session.backlog import Backlog
from tornado_app.session.clock import Clock
from tornado_app.session.commands import (
    ConvertUplink,
    FlushUplink,
    ResetUplink,
)
from tornado_app.session.config import SessionConfig
from tornado_app.session.confirmations import Committed, Confirmations
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.files import Files
from tornado_app.session.input_format import InputFormat
from tornado_app.session.model_buffer import NO_TURNS, ModelBuffer, Turns
from tornado_app.session.model_side import ModelSide
from tornado_app.session.pending import (
    Hand,
    PendingChunk,
    PendingClear,
    PendingCommit,
    PendingFile,
    PendingHold,
    PendingTurns,
)
from tornado_app.session.pending_queue import PendingQueue
from tornado_app.session.probe import Probe
from tornado_app.session.rebuilding import CarriedOver
from tornado_app.session.timers import Timers
from workers.formats import StreamFormat

SILENT_DBFS = -90.0
"""Digital silence, and the last bit of a converter: no microphone that is on is so quiet."""
MARKS_PENDING = 64
"""How many commits and clears may be on their way through the pool."""


class Uplink:
    """Orders chunks, commits and clears; bounds what waits.  Thread: loop.

    What it asks of the pool comes back in the order it was asked (`AudioPipeline`), so a queue
    of what is pending says what each answer is.
    """

    __slots__ = (
        "_actions",
        "_backlog",
        "_budget",
        "_buffer",
        "_clipped_samples",
        "_config",
        "_gate",
        "_gone_ms",
        "_model",
        "_probe",
        "_received_ms",
        "_sent_ms",
        "clock",
        "confirmations",
        "files",
        "input",
        "pending",
        "sound_at",
    )

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        *,
        budget: Budget,
        backlog: Backlog,
        confirmations: Confirmations,
    ) -> None:
        self._config = config
        self._budget = budget
        self._model = model
        self._gate = model.gate
        self._actions = actions
        self._backlog = backlog
        self.pending = PendingQueue(actions, budget, timers)
        self.input = InputFormat(config, actions, self.pending)
        self.files = Files(config.uplink, actions, self.pending, budget)
        self._received_ms = 0.0
        self._sent_ms = 0.0
        self._gone_ms = 0.0
        """What was received, and is not sent any more."""
        self.clock = Clock()
        self.sound_at = config.opened_at
        """When there was a sound in the client's audio."""
        self._clipped_samples = 0
        self._buffer = ModelBuffer(model, actions, confirmations)
        self.confirmations = confirmations
        self._probe = Probe(actions, "to_model", is_on=config.is_timed)

    @property
    def has_streamed(self) -> bool:
        """The client has sent audio that was no file."""
        return self._actions.chunk > self.files.taken

    @property
    def buffered_ms(self) -> float:
        """Audio that was accepted and has not left for the model."""
        return self.pending.audio_ms + self._gate.kept.audio_ms + self._gate.unsent_audio_ms

    @property
    def is_quiet(self) -> bool:
        """Nothing is in the middle of a turn that the client ends, and nothing to be confirmed."""
        is_in_turn = not self._model.finds_speech and self._buffer.uncommitted_ms > 0
        asked = (PendingCommit, PendingTurns, PendingClear, PendingFile, PendingHold)
        return not (is_in_turn or self.pending.count(*asked)) and self.confirmations.is_idle

    def ease(self) -> None:
        """Something may have left: read a client again that was paused."""
        self._backlog.ease(self.buffered_ms, self.pending.audio_ms)

    def figures(self) -> AudioFigures:
        return AudioFigures(
            received_ms=round(self._received_ms, 1),
            sent_ms=round(self._sent_ms, 1),
            buffered_ms=round(self.buffered_ms, 1),
            clipped_samples=self._clipped_samples,
            dropped_ms=round(self._backlog.dropped_ms, 1),
        )

    def audio(self, payload: str | bytes) -> None:
        actions, pending = self._actions, self.pending
        duration_ms = self.input.source.payload_ms(payload)
        kept_bytes = text_bytes(payload) if isinstance(payload, str) else len(payload)
        if not self._backlog.takes_all and not self._has_room(duration_ms, kept_bytes):
            self._backlog.drop(duration_ms, actions.chunk)
            self.clock.left_out(duration_ms)
            return
        kept_bytes += ENTRY_BYTES
        pending.append(PendingChunk(actions.chunk, actions.ref, kept_bytes, duration_ms))
        pending.audio_ms += duration_ms
        actions.do(ConvertUplink(payload))
        if actions.now >= self._probe.due_at:
            self._probe.begin(actions.chunk, actions.now)
        self._backlog.taken(self.buffered_ms, pending.audio_ms, duration_ms)

    def change_input(self, source: StreamFormat) -> None:
        """What follows the oldest change that is held is *source*."""
        self.input.change(source, self._received_ms)

    def commit(self) -> None:
        is_answered = not self._model.in_force.only_transcribes
        now, ref = self._actions.now, self._actions.ref
        self._mark(PendingCommit(self._actions.chunk, ref, now, is_answered=is_answered))

    def typed(self, item: Mapping[str, Any], hand: Hand) -> bool:
        """Keep a typed turn for *hand* behind a commit or a change that is on its way, or refuse it
        there.

        False: there is none.
        """
        if not self.pending.holds_turns:
            return False
        if not self.pending.keep_typed(item, hand):
            sentence = "Too much is waiting for the model. Send it again later."
            self.refuse_in_turn(Refused("server_busy", sentence, retry_after_ms=1000))
        return True

    def refuse_in_turn(self, refused: Refused) -> None:
        """Say it behind the answers to all that the client said before."""
        self.pending.in_turn(partial(self._actions.refuse, refused))

    def withdraw(self) -> None:
        """Commits that are still on their way want no answer any more."""
        self.pending.withdraw()
        self.confirmations.withdraw()

    def clear(self) -> None:
        """Drop what was not committed; a commit that is still on its way keeps its audio, and
        each of several is answered.
        """
        if self.pending.count(PendingCommit, PendingTurns, PendingClear, PendingHold):
            self._mark(PendingClear(self._actions.chunk, self._actions.ref))
            return
        # What is being converted is gone, and what the resampler holds.
        held_ms = self._received_ms - self._sent_ms - self._gone_ms
        self._gone_ms += held_ms
        self.clock.left_out(self.pending.audio_ms + held_ms)
        self.pending.forget()
        self.input.ended(self._received_ms)
        self._actions.do(ResetUplink())
        self.clock.left_out(self._buffer.clear())

    def ready(self, result: Converted | Unusable) -> Turns:
        """Take the pool's next answer; returns what the model is asked to answer now."""
        pending = self.pending.take()
        if isinstance(pending, PendingChunk):  # nearly always
            self.pending.audio_ms -= pending.duration_ms
            self._forward(result, pending.number, acknowledge=True)
            if pending.number == self._probe.piece:
                self._end_probe(result)
            return NO_TURNS
        is_file = isinstance(pending, PendingFile)
        if is_file and self._is_too_much(result, pending.number):
            return NO_TURNS
        self._forward(result, pending.number, acknowledge=is_file)
        if not isinstance(pending, PendingHold):
            self.input.ended(self._received_ms)
        if isinstance(pending, PendingClear):
            self.clock.left_out(self._buffer.clear())
        elif isinstance(pending, PendingCommit):
            turns = self._buffer.commit(pending)
            self.pending.hand_on(pending)
            return turns
        return NO_TURNS

    def on_committed(self, item_id: str) -> Committed:
        """The model has committed."""
        committed = self.confirmations.on_committed(item_id)
        if committed.how == "unasked" and self._model.finds_speech:  # by its own turn detection
            self._buffer.uncommitted_ms = 0.0
        return committed

    def on_commit_refused(self, name: str) -> str | None:
        """The name of a commit to which an answer was asked for already; *name*, if it is known."""
        turn = self.confirmations.on_commit_refused(name)
        self._buffer.refuse_empty()
        return turn

    def on_lost(self, carried: CarriedOver | None, unsent_ms: float) -> None:
        """The model is gone, with the audio that is not carried over to the next; *unsent_ms* of it
        had not reached its socket.
        """
        # Both are the end of the same stream.
        lost_ms = carried.lost_ms if carried else max(self._buffer.uncommitted_ms, unsent_ms)
        self._buffer.uncommitted_ms = carried.uncommitted_ms if carried else 0.0
        self.confirmations.on_lost(is_kept=carried is not None)
        if lost_ms:
            self._actions.log("audio_lost", lost_ms=round(lost_ms))
            sentence = f"{lost_ms:.0f} ms of audio were lost with the connection to the model."
            chunk = self._actions.chunk
            self._actions.refuse(Refused("upstream_unavailable", sentence, chunk=chunk))

    def shut(self) -> None:
        """The session ends: nothing of it is waited for."""
        self.pending.end()

    def _mark(self, mark: PendingCommit | PendingClear) -> None:
        if self.pending.count(PendingCommit, PendingClear) >= MARKS_PENDING:
            sentence = f"Only {MARKS_PENDING} commits may be on their way at once."
            self.refuse_in_turn(Refused("rate_limited", sentence, retry_after_ms=1000))
            return
        self.pending.append(mark)
        self._actions.do(FlushUplink())

    def _end_probe(self, result: Converted | Unusable) -> None:
        """What waits for the model, or was refused, says nothing about us."""
        if self._gate.is_free and not isinstance(result, Unusable):
            self._probe.end()
        else:
            self._probe.forget()

    def _is_too_much(self, result: Converted | Unusable, number: int) -> bool:
        """Whether a file that was decoded has no room."""
        if isinstance(result, Unusable):
            return False
        if self.buffered_ms + result.converted_ms > self._config.uplink.hold_ms:
            self._backlog.drop(result.duration_ms, number)
            self.clock.left_out(result.converted_ms)
            return True
        waiting_ms = self.buffered_ms + result.converted_ms
        self._backlog.taken(waiting_ms, self.pending.audio_ms, result.duration_ms)
        return False

    def _has_room(self, duration_ms: float, size_bytes: int) -> bool:
        """Make room for so much by dropping the oldest that waits, if that is the policy."""
        if self._backlog.room(self.buffered_ms, duration_ms, size_bytes):
            return True
        if self._config.uplink.backlog != "drop_oldest":
            return False
        too_much_ms = self.buffered_ms + duration_ms - self._config.uplink.hold_ms
        dropped_ms, uncommitted_ms = self._gate.kept.drop_oldest_audio(too_much_ms)
        self._sent_ms -= dropped_ms
        self._buffer.uncommitted_ms -= uncommitted_ms
        if dropped_ms:
            self._gone_ms += dropped_ms
            self.clock.left_out(dropped_ms)
            self._backlog.drop(dropped_ms, self._actions.chunk)
        return self._backlog.room(self.buffered_ms, duration_ms, size_bytes)

    def _forward(self, result: Converted | Unusable, number: int, *, acknowledge: bool) -> None:
        if isinstance(result, Unusable):
            if result.sentence is None:
                sentence = "The audio could not be processed."
                self._actions.refuse(Refused("internal", sentence, chunk=number))
            else:
                wait_ms = result.retry_after_ms
                refused = Refused(result.code, result.sentence, "audio", wait_ms, number)
                self._actions.refuse(refused)
            return
        self._clipped_samples += result.clipped_samples
        if result.level_dbfs > SILENT_DBFS:
            self.sound_at = self._actions.now
        if acknowledge:
            self._received_ms += result.duration_ms
            received = AudioReceived(
                result.size_bytes,
                result.duration_ms,
                result.level_dbfs,
                number,
                ref=self._actions.ref,
            )
            self._actions.say(received, urgent=False)
        if result.audio:
            self._gate.send_audio(Append(result.audio, result.converted_ms))
            self._sent_ms += result.converted_ms
            self._buffer.uncommitted_ms += result.converted_ms
