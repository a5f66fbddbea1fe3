"""What becomes of a session's outputs on their way to the client.  No sockets, no clock."""

from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec

from local_realtime.errors import SESSION_EXPIRED, Refused, server_error
from local_realtime.ids import new_id
from local_realtime.rehearsal.bad_frames import BAD_FRAMES, TEXT, frame
from local_realtime.rehearsal.fault_errors import FAILURES
from local_realtime.rehearsal.faults import Fault, Faults
from local_realtime.rehearsal.told import is_of_answer, is_of_transcript, with_reasoning, zeroed
from local_realtime.session.outbox import (
    Close,
    Cut,
    Event,
    Output,
    Overhear,
    Raw,
    Think,
    Transcribe,
)

UNKNOWN_TYPE = "moon.phase.changed"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Call `Session.unanswered`."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Untranscribed:
    """Call `Session.transcribed` without a text."""

    item_id: str
    seconds: float


Step: TypeAlias = Output | Unanswered | Untranscribed


class Faulty:
    """One connection's faults.  Pass every output through `pass_on` and perform what it returns.

    Events need no more than a type: those of a script may lack anything else.
    """

    def __init__(self, faults: Faults, unix_now: float) -> None:
        self.is_over = False
        """Closed or cut by a fault: nothing more can be sent."""

        self._faults = faults
        self._waiting = [fault for fault in faults.values() if fault.when is not None]
        self._sent = 0
        self._is_stalled = False
        self._duplicates = False
        self._held: defaultdict[str, deque[Event]] = defaultdict(deque)
        self._answer_items: set[str] = set()
        self._first_item: str | None = None
        expiry_s = self.number("session-expiry")
        self._expires_at = None if expiry_s is None else int(unix_now + expiry_s)

    def number(self, name: str) -> float | None:
        """The value of a fault, None if it is not wanted."""
        fault = self._faults.get(name)
        return None if fault is None else float(fault.value or 0)

    def __contains__(self, name: str) -> bool:
        return name in self._faults

    def open(self) -> list[Step]:
        """What comes before everything else."""
        return self._due_steps(None)

    def expire(self) -> list[Step]:
        """The session has lasted as long as it may."""
        expired = Refused("session_expired", f"{SESSION_EXPIRED}.")
        outputs: list[Output] = [
            _event("error", error=expired.wire()),
            Close(1001, SESSION_EXPIRED),
        ]
        return [step for output in outputs for step in self.pass_on(output)]

    def pass_on(self, output: Output) -> list[Step]:
        match output:
            case Think() if self._failure:
                return [Unanswered(output.response_id)]
            case Think() if "commentary" in self._faults:
                return [replace(output, turn=replace(output.turn, comments=True))]
            case Transcribe() if "transcription-failed" in self._faults:
                return [Untranscribed(output.item_id, output.sound.seconds)]
            case Overhear() if "transcription-failed" in self._faults:
                return []
            case Close() | Cut() | Raw():
                return self._sendable([output])
            case dict():
                return [step for event in self._shaped(output) for step in self._send(event)]
        return [output]

    def pause_ms(self, output: Output) -> float:
        """How long to wait before this event; none before what is of no answer or transcript."""
        if is_of_transcript(output):
            return self.number("late-transcripts") or 0.0
        if not isinstance(output, dict) or not is_of_answer(output):
            return 0
        kind = output["type"]
        first = "slow-answers" if kind == "response.created" else "slow-events"
        pause_ms = self.number(first) or 0.0
        if kind == "response.done":
            pause_ms += self.number("done-delay") or 0.0
        if kind == "response.output_item.added" and output.get("output_index") == 0:
            pause_ms += self.number("first-delta-delay") or 0.0
        return pause_ms

    def _sendable(self, steps: list[Step]) -> list[Step]:
        """Those that still go out: all up to the end, none of a server that has stalled."""
        sendable: list[Step] = []
        for step in steps:
            if self.is_over or self._is_stalled:
                break
            sendable.append(step)
            self.is_over = isinstance(step, Close | Cut)
        return sendable

    def _send(self, event: Event) -> list[Step]:
        steps = self._sendable([event])
        if not steps:
            return []
        self._sent += 1
        return steps + self._due_steps(event) + self._sendable([event] * self._duplicates)

    def _due_steps(self, event: Event | None) -> list[Step]:
        """What happens right after *event*."""
        moments = {self._sent, event and event["type"]}
        due = [fault for fault in self._waiting if fault.when in moments]
        self._waiting = [fault for fault in self._waiting if fault not in due]
        return [step for fault in due for step in self._sendable(self._act(fault, event))]

    def _act(self, fault: Fault, event: Event | None) -> list[Step]:
        match fault.name:
            case "stall":
                self._is_stalled = True
            case "duplicate-events":
                self._duplicates = True
            case "close":
                return [Close(int(fault.value or 0), "")]
            case "drop" | "reset":
                cut = Cut(with_reset=fault.name == "reset")
                return [_half(event), cut] if fault.value == "mid-frame" else [cut]
            case "malformed":
                return [Raw(BAD_FRAMES[str(fault.value)]())]
            case "unknown-event":
                return [_event(UNKNOWN_TYPE, phase="full")]
            case "error-event":
                inner = {**FAILURES[str(fault.value)], "param": None, "event_id": None}
                return [_event("error", error=inner)]
            case "server-error":
                error = server_error(new_id("sess")).wire()
                return [_event("error", error=error), Close(1011, "server_error.server_error")]
        return []

    @property
    def _failure(self) -> dict[str, str] | None:
        """How every response fails, if it does."""
        if "rate-limited" in self._faults:
            return FAILURES["rate-limit-exceeded"]
        fault = self._faults.get("response-failed")
        return FAILURES[str(fault.value)] if fault else None

    def _shaped(self, event: Event) -> list[Event]:
        """The event as this server tells it: changed, held back, or with what was held back."""
        kind = event["type"]
        if kind == "rate_limits.updated" and "no-rate-limits" in self._faults:
            return []
        if kind.startswith("conversation.item.") and "no-predecessor" in self._faults:
            event = self._without_predecessor(event)
        if self._expires_at is not None and "session" in event:
            session = {**event["session"], "expires_at": self._expires_at}
            event = {**event, "session": session}
        if kind == "error" and "no-credit" in self._faults:
            # The one error that comes without these two.
            lacking = {"param", "event_id"}
            inner = {key: value for key, value in event["error"].items() if key not in lacking}
            event = {**event, "error": inner}
        if kind.endswith("transcription.failed") and "transcription-failed" in self._faults:
            message = "The audio could not be understood."
            inner = {**event["error"], "code": "audio_unintelligible", "message": message}
            event = {**event, "error": inner}
        if kind == "rate_limits.updated" and "rate-limited" in self._faults:
            event = {
                **event,
                "rate_limits": [self._exhausted(x) for x in event.get("rate_limits", [])],
            }
        if kind == "response.done" and "response" in event:
            event = {**event, "response": self._ended(event["response"])}
        if "response-incomplete" in self._faults:
            event = self._unfinished(event)
        return self._late(event)

    def _exhausted(self, limit: dict[str, Any]) -> dict[str, Any]:
        return {**limit, "remaining": 0, "reset_seconds": self.number("rate-limited")}

    def _ended(self, response: dict[str, Any]) -> dict[str, Any]:
        thought = self.number("reasoning-tokens")
        if thought and response.get("usage"):
            response = {**response, "usage": with_reasoning(response["usage"], int(thought))}
        fault = self._faults.get("response-incomplete")
        if self._failure and response.get("status") == "failed":
            details = {"type": "failed", "error": self._failure}
            return {**response, "status_details": details, "usage": zeroed(response.get("usage"))}
        if fault and response.get("status") == "completed":
            details = {"type": "incomplete", "reason": str(fault.value).replace("-", "_")}
            output = [{**item, "status": "incomplete"} for item in response.get("output", [])]
            return {
                **response,
                "status": "incomplete",
                "status_details": details,
                "output": output,
            }
        return response

    def _without_predecessor(self, event: Event) -> Event:
        """As recorded: `added` names the first item, and the `done` of its answer does not."""
        before, item = event.get("previous_item_id"), event.get("item", {})
        if event["type"].endswith("item.added") and before is None:
            self._first_item = item.get("id")
        is_named = before is not None and before == self._first_item
        if is_named and event["type"].endswith("item.done") and is_of_answer(event):
            return {**event, "previous_item_id": None}
        return event

    def _unfinished(self, event: Event) -> Event:
        """An item of an answer is never finished."""
        kind, item = event["type"], event.get("item", {})
        if kind == "response.output_item.added":
            self._answer_items.add(item.get("id", ""))
        if kind.endswith(("item.done", "item.retrieved")) and item.get("id") in self._answer_items:
            return {**event, "item": {**item, "status": "incomplete"}}
        return event

    def _late(self, event: Event) -> list[Event]:
        """Keep the last few deltas of an item back until it ends.

        If it ends because the user has begun to speak, they come after `speech_started`; that
        event is passed on at once.
        """
        most = self.number("late-deltas")
        if most is not None and event["type"] == "response.output_audio.delta":
            held = self._held[event.get("item_id", "")]
            held.append(event)
            return [held.popleft()] if len(held) > most else []
        if event["type"] == "response.output_audio.done":
            return [*self._held.pop(event.get("item_id", ""), ()), event]
        return [event]


def _event(kind: str, **fields: Any) -> Event:
    return {"type": kind, "event_id": new_id("event"), **fields}


def _half(event: Event | None) -> Raw:
    """The first half of a frame whose rest never comes."""
    whole = frame(TEXT, msgspec.json.encode(event or _event("error")))
    return Raw(whole[: len(whole) // 2])
