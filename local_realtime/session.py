"""One session's behaviour: frames and time in, outputs out.  No sockets, no clock."""

from collections.abc import Callable
from typing import Any

from local_realtime.audio import decode_base64, rate_of
from local_realtime.conversation import Conversation
from local_realtime.errors import SESSION_EXPIRED, Refused, server_error
from local_realtime.ids import new_id
from local_realtime.input_audio import InputAudio, SpeechPaused, SpeechStarted, SpeechStopped
from local_realtime.items import Item, parse_item, spoken_by_user, system_note
from local_realtime.outbox import Close, Judge, Outbox, Output
from local_realtime.protocol import check_event, event_id_of, parse_frame
from local_realtime.responder import Piece
from local_realtime.response import NEVER
from local_realtime.response_plan import plan_response
from local_realtime.responses import Responses
from local_realtime.session_config import default_session, updated_session
from local_realtime.transcripts import Transcripts
from local_realtime.vad import Ears, EnergyEar

SESSION_SECONDS = 3600
Handler = Callable[[dict[str, Any], float], None]


class Session:
    """Call `open` first, then `handle`, and `tick` at `due`.

    After `handle`, call `listen` while it `has_unheard` sound.
    """

    def __init__(
        self, model: str, *, now: float, unix_now: float, pace: float, ears: Ears = EnergyEar
    ) -> None:
        self.id = new_id("sess")
        self._config = default_session(self.id, model, int(unix_now) + SESSION_SECONDS)
        self._expires = now + SESSION_SECONDS
        self._outbox = Outbox()
        self._conversation = Conversation()
        self._responses = Responses(self._conversation, self._outbox, pace)
        self._transcripts = Transcripts(self.id, self._outbox)
        self._ears = ears
        self._input = InputAudio(rate_of(self._audio_input["format"]), ears=ears)
        self._input.detect(self._turn_detection)
        self._speech_item_id = ""
        self._handlers: dict[str, Handler] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit_by_client,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    @property
    def _audio_input(self) -> dict[str, Any]:
        audio_input: dict[str, Any] = self._config["audio"]["input"]
        return audio_input

    @property
    def _turn_detection(self) -> dict[str, Any] | None:
        detection: dict[str, Any] | None = self._audio_input["turn_detection"]
        return detection

    @property
    def due(self) -> float:
        """When to call `tick` next."""
        return min(self._expires, self._responses.due, self._idle_due)

    @property
    def _idle_due(self) -> float:
        timeout_ms = (self._turn_detection or {}).get("idle_timeout_ms")
        if timeout_ms is None or self._input.speaking:
            return NEVER
        return self._responses.quiet_since + float(timeout_ms) / 1000

    def open(self) -> list[Output]:
        self._outbox.emit("session.created", session=self._config)
        return self._outbox.drain()

    def handle(self, frame: str | bytes, now: float) -> list[Output]:
        """What follows from a client's frame; an `error` event if it cannot be accepted."""
        event_id = None
        try:
            event = parse_frame(frame)
            event_id = event_id_of(event)
            checked = check_event(event)
            self._handlers[checked["type"]](checked, now)
        except Refused as refused:
            self._outbox.emit("error", error=refused.wire(event_id))
        return self._outbox.drain()

    def tick(self, now: float) -> list[Output]:
        """What is to be done because it is *now*; at most one piece of every answer."""
        if now >= self._expires:
            expired = Refused("session_expired", f"{SESSION_EXPIRED}.")
            self._outbox.emit("error", error=expired.wire())
            self._outbox.command(Close(1001, SESSION_EXPIRED))
            return self._outbox.drain()
        if now >= self._idle_due:
            self._fill_silence()
        self._responses.tick(now)
        return self._outbox.drain()

    @property
    def has_unheard(self) -> bool:
        return self._input.has_unheard

    def listen(self, now: float) -> list[Output]:
        """What follows from a little more of the sound that has come in."""
        self._hear(now)
        return self._outbox.drain()

    def awaits(self, response_id: str) -> bool:
        """Whether that response is still in progress."""
        return self._responses.awaits(response_id)

    def take(self, response_id: str, piece: Piece, now: float) -> list[Output]:
        """The responder's next piece."""
        self._responses.take(response_id, piece, now)
        return self._outbox.drain()

    def answered(self, response_id: str, now: float) -> list[Output]:
        """The responder has said all of it."""
        self._responses.answered(response_id, now)
        return self._outbox.drain()

    def unanswered(self, response_id: str, now: float) -> list[Output]:
        """The responder has failed."""
        self._responses.fail(response_id, now)
        return self._outbox.drain()

    def transcribed(self, item_id: str, seconds: float, text: str | None) -> list[Output]:
        """The responder has read a user's speech, or failed if *text* is None."""
        self._transcripts.finish(item_id, seconds, text)
        return self._outbox.drain()

    def overheard(self, item_id: str, text: str | None) -> list[Output]:
        """What the responder has made of speech so far, if anything."""
        self._transcripts.overheard(item_id, text)
        return self._outbox.drain()

    def judged(self, at_ms: int, probability: float | None) -> list[Output]:
        """How probably the speaker who paused then has finished; `listen` goes on after it."""
        stopped = self._input.judge(at_ms, probability)
        if stopped:
            self._end_speech(stopped)
        return self._outbox.drain()

    def failed(self) -> list[Output]:
        """Our own mistake, told to the client; what the failed event had begun is told as well."""
        self._outbox.emit("error", error=server_error(self.id).wire())
        return self._outbox.drain()

    def _update(self, event: dict[str, Any], _now: float) -> None:
        old_format = self._audio_input["format"]
        self._config = updated_session(
            self._config, event["session"], voice_is_fixed=self._responses.voice_is_fixed
        )
        if self._audio_input["format"] != old_format:
            # Bytes of two formats cannot stand in one buffer: what was not committed is dropped.
            rate_hz = rate_of(self._audio_input["format"])
            self._input = InputAudio(rate_hz, self._input.end_ms, self._ears)
        self._input.detect(self._turn_detection)
        self._outbox.emit("session.updated", session=self._config)

    def _append(self, event: dict[str, Any], now: float) -> None:
        pcm = decode_base64(event["audio"], self._audio_input["format"], "audio")
        self._input.append(pcm)
        self._hear(now)

    def _hear(self, now: float) -> None:
        for mark in self._input.listen():
            match mark:
                case SpeechStarted():
                    self._begin_speech(mark, now)
                case SpeechPaused():
                    self._outbox.command(Judge(mark.at_ms, mark.sound))
                case SpeechStopped():
                    self._end_speech(mark)
        if self._input.speaking and self._audio_input["transcription"] is not None:
            self._transcripts.follow(self._speech_item_id, self._input)

    def _begin_speech(self, mark: SpeechStarted, now: float) -> None:
        self._speech_item_id = new_id("item")
        self._outbox.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=mark.audio_start_ms,
            item_id=self._speech_item_id,
        )
        detection = self._turn_detection or {}
        if detection.get("interrupt_response") and self._responses.main:
            self._responses.cancel(None, "turn_detected", now)
        # The user is not idle; the next answer starts that clock again.
        self._responses.quiet_since = NEVER

    def _end_speech(self, mark: SpeechStopped) -> None:
        self._outbox.emit(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=mark.audio_end_ms,
            item_id=self._speech_item_id,
        )
        self._commit(spoken_by_user(self._speech_item_id, mark.sound))
        if (self._turn_detection or {}).get("create_response"):
            self._respond()

    def _respond(self) -> None:
        """Start a response of our own accord; if one is in progress, the client is told so."""
        try:
            self._responses.create(plan_response(self._config, self._conversation, None))
        except Refused as refused:
            self._outbox.emit("error", error=refused.wire())

    def _fill_silence(self) -> None:
        """Nobody has spoken for the idle timeout: answer the silence the buffer holds."""
        item_id = new_id("item")
        self._outbox.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=self._input.start_ms,
            audio_end_ms=self._input.end_ms,
            item_id=item_id,
        )
        self._add(system_note("The user has been silent for a while."))
        self._commit(spoken_by_user(item_id, self._input.take()))
        self._respond()

    def _commit_by_client(self, _event: dict[str, Any], _now: float) -> None:
        item_id = self._speech_item_id if self._input.speaking else new_id("item")
        self._commit(spoken_by_user(item_id, self._input.commit()))

    def _commit(self, item: Item) -> None:
        self._outbox.emit(
            "input_audio_buffer.committed",
            item_id=item.id,
            previous_item_id=self._conversation.last_id,
        )
        self._add(item)
        sound = item.parts[0].sound
        if sound and self._audio_input["transcription"] is not None:
            self._transcripts.ask(item.id, sound)

    def _add(self, item: Item, previous_item_id: str | None = None) -> None:
        self._conversation.add(item, previous_item_id)
        shown = {
            "previous_item_id": self._conversation.predecessor(item.id),
            "item": item.to_wire(),
        }
        self._outbox.emit("conversation.item.added", **shown)
        self._outbox.emit("conversation.item.done", **shown)

    def _clear(self, _event: dict[str, Any], _now: float) -> None:
        self._input.clear()
        self._outbox.emit("input_audio_buffer.cleared")

    def _create_item(self, event: dict[str, Any], _now: float) -> None:
        item = parse_item(event["item"], "item", self._audio_input["format"])
        self._add(item, event["previous_item_id"])

    def _retrieve_item(self, event: dict[str, Any], _now: float) -> None:
        item = self._conversation.get(event["item_id"])
        self._outbox.emit("conversation.item.retrieved", item=item.to_wire(with_audio=True))

    def _truncate_item(self, event: dict[str, Any], _now: float) -> None:
        item_id, index = event["item_id"], event["content_index"]
        audio_end_ms = event["audio_end_ms"]
        main = self._responses.main
        message = main.message(item_id) if main else None
        if message:
            message.truncate(index, audio_end_ms)
        else:
            self._conversation.truncate(item_id, index, audio_end_ms)
        self._outbox.emit(
            "conversation.item.truncated",
            item_id=item_id,
            content_index=index,
            audio_end_ms=audio_end_ms,
        )

    def _delete_item(self, event: dict[str, Any], _now: float) -> None:
        self._conversation.delete(event["item_id"])
        self._outbox.emit("conversation.item.deleted", item_id=event["item_id"])

    def _create_response(self, event: dict[str, Any], _now: float) -> None:
        plan = plan_response(self._config, self._conversation, event["response"])
        self._responses.create(plan)

    def _cancel_response(self, event: dict[str, Any], now: float) -> None:
        self._responses.cancel(event["response_id"], "client_cancelled", now)
