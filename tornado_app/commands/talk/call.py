"""What the gateway has said so far, and what follows from it."""

import asyncio
import base64
import json
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from terminal.streams import OutputLost
from tornado_app.commands.talk.devices import Loudspeaker
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.pace import Pace
from tornado_app.commands.talk.result import Answered
from tornado_app.commands.talk.screen import meter
from tornado_app.commands.talk.view import View
from workers import codecs
from workers.codecs import Samples
from workers.formats import AudioFormat

REASON_TIMEOUT_S = 1.0
"""Why an answer failed follows it; of a model that was lost there is nothing to tell."""
HEARD_BYTES = 512 * 1024 * 1024
"""An hour of 192 kHz float32 would be more; nobody speaks for an hour."""
LISTENED_TO = "A person who runs the gateway is listening to this call."
LISTENED_TO_NO_MORE = "Nobody listens to this call any more."

HARMLESS = {"audio_backlog", "rate_limited", "internal"}
"""What is missing is said, and the talk goes on without it."""


def level_dbfs(samples: Samples) -> float:
    """The RMS level of *samples*, full scale +-1.0, from -120 up."""
    if not len(samples):
        return -120.0
    return 10 * math.log10(max(float(np.mean(np.square(samples))), 1e-12))


class Call:
    """One talk, as the gateway's messages tell it.  Thread: loop."""

    def __init__(
        self,
        target: AudioFormat,
        pace: Pace,
        screen: View,
        speaker: Loudspeaker | None = None,
        *,
        ends_turns: bool,
    ) -> None:
        self.pace = pace
        self.is_connected = False
        self._status = ""
        self.is_done = False
        self.is_transcribed = False
        """What the user said has come back as text, which may be after the answer."""
        self.has_committed = False
        self._failure: Exception | None = None
        self._news = asyncio.Event()
        self._target = target
        self._ends_turns = ends_turns
        self.screen = screen
        self._audio = bytearray()
        self._turns = self._answers = 0
        self._is_answered = True
        self._is_recorded = False
        self.is_configured = False
        self.speaker = speaker
        self.answers: list[Answered] = []
        self._answer = Answered()
        self._played_ms: dict[str, float] = {}
        self._outbox: list[dict[str, Any]] = []

    def begin_turn(self, *, is_typed: bool) -> None:
        """Another turn of the user begins; a typed one is said at once, and needs no transcript."""
        self.is_done = False
        self.is_transcribed = self.has_committed = is_typed
        self._turns, self._answers = int(is_typed), 0

    def replies(self) -> list[dict[str, Any]]:
        """What has to be sent by now, once."""
        replies, self._outbox = self._outbox, []
        return replies

    def heard_all(self) -> list[dict[str, Any]]:
        """Messages that say that every answer was heard to its end: nobody plays it here."""
        items, self._played_ms = self._played_ms, {}
        return [
            {"type": "playback", "item_id": item_id, "played_ms": int(played_ms)}
            for item_id, played_ms in items.items()
        ]

    @property
    def rate_hz(self) -> int:
        return self._target.rate_hz

    def heard(self) -> Samples:
        """All of the answer that has come."""
        return self._samples(bytes(self._audio))

    def _samples(self, audio: bytes) -> Samples:
        whole = audio[: len(audio) - len(audio) % self._target.bytes_per_frame]
        samples = codecs.decode(whole, self._target.encoding)
        return np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)

    def check(self) -> None:
        """Raise what has ended the talk, if anything has."""
        if self._failure is not None:
            raise self._failure

    async def news(self, timeout_s: float, sentence: str) -> None:
        """Return when anything has come.

        Raises:
            Failed: With *sentence* if nothing does, or with what has ended the talk.
            OutputLost: If nobody reads what was said.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            raise Failed(sentence) from None
        self._news.clear()
        self.check()

    def fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._news.set()

    def take(self, message: str | bytes) -> None:
        """One message; it never raises, since who reads on is not who waits."""
        try:
            if isinstance(message, bytes):
                self._take_audio(message)
            else:
                whole = json.loads(message)
                self._take(whole["type"], whole["data"], whole["error"])
        except OutputLost as lost:
            self.fail(lost)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.fail(Failed("What answers there is no gateway of ours: it says other things."))
        self._news.set()

    def _take(self, kind: str, data: dict[str, Any], sentence: str) -> None:
        match kind:
            case "connection_status":
                self._take_status(data["status"], data["model"])
                self._take_negotiated(data.get("negotiated") or {})
            case "audio_received":
                self.pace.take(data["duration_ms"])
            case "transcript":
                self._note_wait(data)
                self.screen.transcript(
                    data["role"], data["item_id"], data["text"], final=data["final"]
                )
                if data["role"] == "user" and data["final"]:
                    self._take_written()
            case "audio":
                self._take_piece(data)
            case "interrupted" if self.speaker is not None:
                self.speaker.flush()
            case "configured":
                self.is_configured = True
            case "tool_activity":
                self.screen.tool(data["name"], data["status"])
            case "tool_call":
                self._refuse_tool(data["call_id"])
            case "audio_committed":
                self._turns += 1
            case "response_done" if not data.get("continues"):
                self._answers += 1
                self._note_answer()
                self._end(data["status"])
            case "limit_warning":
                self.screen.note(_limit_sentence(data))
            case "listening_in":
                self.screen.note(LISTENED_TO if data["status"] == "begun" else LISTENED_TO_NO_MORE)
            case "going_away":
                self.screen.note("The gateway is going away and will close the call.")
            case "error":
                self._take_error(data, sentence)

    def _take_status(self, status: str, model: str) -> None:
        said = {
            "connecting": "Connecting to the model ...",
            "connected": f"Connected ({model}).",
            "reconnecting": "The model was lost; connecting again ...",
        }
        if status == self._status:
            return  # another session of the model goes on, and nobody has noticed
        self._status = status
        self.screen.note(said.get(status, f"The model is {status}."))
        if status == "connected":
            self.is_connected = True

    def _take_negotiated(self, negotiated: dict[str, Any]) -> None:
        if negotiated.get("session") == "transcription":
            self._is_answered = False
        if negotiated.get("recorded") and not self._is_recorded:
            self._is_recorded = True
            self.screen.note("This call is recorded: who runs the gateway keeps what is said.")
        if names := negotiated.get("ignored"):
            self.screen.note(f"The gateway knows no parameter {', '.join(names)} of --url.")

    def _take_written(self) -> None:
        """What the user said has come back, which is all that comes of some calls."""
        self.is_transcribed = True
        if not self._is_answered:
            self._answers += 1
            self._end_if_answered()

    def _take_piece(self, data: dict[str, Any]) -> None:
        self._note_wait(data)
        ends_at_ms = data.get("offset_ms", 0.0) + data.get("duration_ms", 0.0)
        if item_id := data.get("item_id"):
            self._played_ms[item_id] = max(ends_at_ms, self._played_ms.get(item_id, 0.0))
        self._answer.audio_ms += data.get("duration_ms", 0.0)
        if data.get("audio") is not None:
            self._take_audio(base64.b64decode(data["audio"], validate=True))

    def _note_wait(self, data: dict[str, Any]) -> None:
        self._answer.wait = self._answer.wait or data.get("wait") or {}

    def _note_answer(self) -> None:
        self.answers.append(self._answer)
        self.screen.answered(self._answer)
        self._answer = Answered()

    def _refuse_tool(self, call_id: str) -> None:
        """A function that the token gave to its client, and this one performs none."""
        reply = {"type": "tool_result", "call_id": call_id, "is_error": True}
        self._outbox.append(reply | {"output": "This client performs no functions."})
        self.screen.note("The model called a function of the client, and talk performs none.")

    def _take_audio(self, audio: bytes) -> None:
        self._audio += audio
        samples = self._samples(audio)
        if self.speaker is not None:
            self.speaker.play(samples)
        level = meter(level_dbfs(samples))
        waited_ms = self._answer.waited_ms
        after = f", after {waited_ms:.0f} ms" if waited_ms is not None else ""
        self.screen.progress(f"{level} Answer {self._answer.audio_ms / 1000:.1f} s{after}")
        if len(self._audio) > HEARD_BYTES:
            raise ValueError

    def _take_error(self, data: dict[str, Any], sentence: str) -> None:
        code = data["code"]
        was_heard = self._ends_turns and self._turns > 0
        if code == "audio_buffer_empty" and was_heard and self.has_committed:
            self._end_if_answered()  # the model had ended the turn by itself
        elif code in HARMLESS or (code == "upstream_unavailable" and self._is_speaking):
            self.screen.note(sentence)
            if (pause_ms := data.get("retry_after_ms")) is not None:
                self.pace.forget()
                self.pace.go_on(time.monotonic(), pause_ms / 1000)
        else:
            self.fail(Failed(sentence))

    def _end(self, status: str) -> None:
        if status == "failed":
            loop = asyncio.get_running_loop()
            failure = Failed("The model failed to answer.")
            loop.call_later(REASON_TIMEOUT_S, self.fail, failure)
        elif status == "completed":
            self._end_if_answered()
        elif self._is_last:
            self.fail(Failed(f"The answer was {status}."))

    @property
    def _is_speaking(self) -> bool:
        return self.is_connected and not self.has_committed

    @property
    def _is_last(self) -> bool:
        return self.has_committed and self._answers >= self._turns

    def _end_if_answered(self) -> None:
        if self._is_last:
            self.is_done = True


def _limit_sentence(warning: Mapping[str, Any]) -> str:
    limit, used, allowed = warning["limit"], warning["used"], warning["allowed"]
    left_s = max(0, round(allowed - used))
    match limit:
        case "max_call_s":
            return f"The call may last {left_s} s more."
        case "idle_timeout_s":
            return f"Nobody says anything; the call ends in {left_s} s."
        case "microphone_silence_s":
            return "The microphone sends no sound."
        case _:
            unit = f" {warning['currency']}" if "currency" in warning else ""
            return f"{used:g} of {allowed:g}{unit} are used ({limit})."
