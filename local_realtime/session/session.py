"""One session's behaviour: frames and time in, outputs out.  No sockets, no clock."""

from collections.abc import Callable
from typing import Any

from local_realtime.ears.vad import Ears, EnergyEar
from local_realtime.errors import SESSION_EXPIRED, Refused, server_error
from local_realtime.ids import new_id
from local_realtime.session.conversation import Conversation
from local_realtime.session.item_requests import ItemRequests
from local_realtime.session.listening import Listening, Turns
from local_realtime.session.models import traits_of
from local_realtime.session.outbox import Close, Outbox, Output
from local_realtime.session.protocol import check_event, event_id_of, parse_frame
from local_realtime.session.responder import Piece
from local_realtime.session.response import NEVER
from local_realtime.session.response_plan import plan_response
from local_realtime.session.responses import Responses
from local_realtime.session.session_config import require_unfixed
from local_realtime.session.session_kinds import REALTIME, SessionKind
from local_realtime.session.transcripts import Transcripts

SESSION_SECONDS = 3600
Handler = Callable[[dict[str, Any], float], None]


class Session:
    """Call `open` first, then `handle`, and `tick` at `due`.

    After `handle`, call `listen` while it `has_unheard` sound.

    A transcription session is one whose configuration asks for no answers and whose kind takes no
    event that would: it has no other code.
    """

    def __init__(
        self,
        model: str | None,
        *,
        now: float,
        unix_now: float,
        pace: float,
        ears: Ears = EnergyEar,
        kind: SessionKind = REALTIME,
        config: dict[str, Any] | None = None,
    ) -> None:
        self.id = new_id("sess")
        self._kind = kind
        begun_as = kind.default(model) if config is None else config
        self._config = {**begun_as, "id": self.id, "expires_at": int(unix_now) + SESSION_SECONDS}
        self._expires = now + SESSION_SECONDS
        self._outbox = Outbox(is_azure=kind.is_azure)
        self._conversation = Conversation()
        self._responses = Responses(self._conversation, self._outbox, pace)
        self._items = ItemRequests(
            self._conversation,
            self._responses,
            self._outbox,
            takes_ids_again=traits_of(model).takes_ids_again,
        )
        self._transcripts = Transcripts(self.id, self._outbox)
        self._listening = Listening(
            self._audio_input,
            conversation=self._conversation,
            transcripts=self._transcripts,
            outbox=self._outbox,
            ears=ears,
            turns=Turns(self._turn_begun, self._turn_ended),
        )
        self._configure()
        self._handlers: dict[str, Handler] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": lambda _event, _now: self._listening.commit(),
            "input_audio_buffer.clear": lambda _event, _now: self._listening.clear(),
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": lambda event, _now: self._items.truncate(event),
            "conversation.item.delete": lambda event, _now: self._items.delete(event),
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    @property
    def _audio_input(self) -> dict[str, Any]:
        audio_input: dict[str, Any] = self._config["audio"]["input"]
        return audio_input

    @property
    def due(self) -> float:
        """When to call `tick` next."""
        return min(self._expires, self._responses.due, self._idle_due)

    @property
    def _idle_due(self) -> float:
        timeout_ms = self._listening.detection.get("idle_timeout_ms")
        if timeout_ms is None or self._listening.speaking:
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
            checked = check_event(event, self._kind.events)
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
            self._responses.quiet_since = NEVER
            self._listening.fill_silence()
            self._respond()
        self._responses.tick(now)
        return self._outbox.drain()

    @property
    def has_unheard(self) -> bool:
        return self._listening.has_unheard

    def listen(self, now: float) -> list[Output]:
        """What follows from a little more of the sound that has come in."""
        self._listening.hear(now)
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
        if text is not None:
            self._conversation.note_transcript(item_id, text)
        self._transcripts.finish(item_id, seconds, text)
        return self._outbox.drain()

    def overheard(self, item_id: str, text: str | None) -> list[Output]:
        """What the responder has made of speech so far, if anything."""
        self._transcripts.overheard(item_id, text)
        return self._outbox.drain()

    def judged(self, at_ms: int, probability: float | None) -> list[Output]:
        """How probably the speaker who paused then has finished; `listen` goes on after it."""
        self._listening.judge(at_ms, probability)
        return self._outbox.drain()

    def failed(self) -> list[Output]:
        """Our own mistake, told to the client; what the failed event had begun is told as well."""
        self._outbox.emit("error", error=server_error(self.id).wire())
        return self._outbox.drain()

    def _update(self, event: dict[str, Any], _now: float) -> None:
        config = self._kind.updated(self._config, event["session"])
        require_unfixed(
            self._config,
            config,
            voice_is_fixed=self._responses.voice_is_fixed,
            is_answering=self._responses.main is not None,
        )
        self._config = config
        self._configure()
        self._outbox.emit("session.updated", session=config)

    def _configure(self) -> None:
        self._listening.configure(self._audio_input)
        self._transcripts.configure(self._audio_input["transcription"], self._config["include"])

    def _append(self, event: dict[str, Any], now: float) -> None:
        may_be_idle = now >= self._responses.quiet_since
        self._listening.append(event["audio"], now, may_be_idle=may_be_idle)

    def _turn_begun(self, now: float) -> None:
        if self._listening.detection.get("interrupt_response") and self._responses.main:
            self._responses.cancel(None, "turn_detected", now)
        # The user is not idle; the next answer starts that clock again.
        self._responses.quiet_since = NEVER

    def _turn_ended(self) -> None:
        if self._listening.detection.get("create_response"):
            self._respond()

    def _respond(self) -> None:
        """Answer of our own accord; if an answer is in progress, the client is told so."""
        try:
            self._responses.create(plan_response(self._config, self._conversation, None))
        except Refused as refused:
            self._outbox.emit("error", error=refused.wire())

    def _create_item(self, event: dict[str, Any], _now: float) -> None:
        self._items.create(event, self._audio_input["format"])

    def _retrieve_item(self, event: dict[str, Any], _now: float) -> None:
        self._items.retrieve(event, self._config["audio"])

    def _create_response(self, event: dict[str, Any], _now: float) -> None:
        plan = plan_response(
            self._config,
            self._conversation,
            event["response"],
            voice_is_fixed=self._responses.voice_is_fixed,
        )
        self._responses.create(plan)

    def _cancel_response(self, event: dict[str, Any], now: float) -> None:
        self._responses.cancel(event["response_id"], "client_cancelled", now)
