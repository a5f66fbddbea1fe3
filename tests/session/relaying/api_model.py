"""A model that keeps to the Realtime API, in JSON, and a line that may change what it says."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.session.relaying.call import TOOL, Call
from tests.session.unreliable_model import QUIET
from tornado_app.session import commands, events

SPEECH, SILENCE = "U1BF" * 1600, "AAAA" * 1600
"""100 ms each."""
CHUNK_MS = 100
USAGE = {"total_tokens": 10, "input_token_details": {"text_tokens": 4}}
Event = dict[str, Any]


@dataclass(eq=False)
class Speaking:
    """An answer that runs."""

    name: str
    facts: Event
    steps: list[Event] = field(default_factory=list)
    """What it is to say next."""
    output: list[Event] = field(default_factory=list)
    open_item: Event | None = None
    is_beside: bool = False
    """It is none of the conversation."""


class Model:
    """Takes orders, says events, and speaks when it is told to `go_on`."""

    def __init__(self, link: int, random: Random) -> None:
        self.says: list[Event] = []
        self._link = link
        self._random = random
        self._names = 0
        self.running: list[Speaking] = []
        self.items: list[str] = []
        self._heard_ms = 0.0
        self._buffered_ms = 0.0
        self._speaks_as = ""
        """What the turn is called that it hears; empty: silence."""
        self.detects = True
        """It finds turns by itself."""

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}_{self._link}_{self._names}"

    def _say(self, kind: str, **fields: Any) -> None:
        self.says.append({"type": kind, "event_id": self._name("event"), **fields})

    @property
    def _active(self) -> Speaking | None:
        return next((each for each in self.running if not each.is_beside), None)

    def take(self, order: Event) -> None:
        match order["type"].split("."):
            case ["input_audio_buffer", kind]:
                self._take_audio(kind, order)
            case ["conversation", "item", kind]:
                self._take_item(kind, order)
            case ["session", "update"]:
                self._say("session.updated", session={"type": "realtime", **order["session"]})
            case ["response", "create"]:
                wanted = order.get("response") or {}
                is_beside = wanted.get("conversation") == "none"
                if self._active is not None and not is_beside:
                    self._refuse("conversation_already_has_active_response", order)
                else:
                    self._begin(wanted, is_beside=is_beside)
            case ["response", "cancel"]:
                self._cancel(order)

    def _take_audio(self, kind: str, order: Event) -> None:
        match kind:
            case "append":
                self._hear(is_speech=order["audio"].startswith(SPEECH[:4]))
            case "commit" if self._buffered_ms:
                self._commit(self._name("item"))
            case "commit":
                self._refuse("input_audio_buffer_commit_empty", order)

    def _take_item(self, kind: str, order: Event) -> None:
        if kind == "create":
            self._put({"id": self._name("item"), "status": "completed", **order["item"]})
        elif order["item_id"] not in self.items:
            self._refuse("item_invalid", order)
        elif kind == "retrieve":
            item = {"id": order["item_id"], "type": "message"}
            self._say("conversation.item.retrieved", item=item)
        else:
            cut = {key: order[key] for key in order if key not in {"type", "event_id"}}
            self._say(f"conversation.item.{kind}d", **cut)
            if kind == "delete":
                self.items.remove(order["item_id"])

    def _refuse(self, code: str, order: Event) -> None:
        fields = {"type": "invalid_request_error", "code": code, "message": "No.", "param": None}
        self._say("error", error={**fields, "event_id": order.get("event_id")})

    def _cancel(self, order: Event) -> None:
        name = order.get("response_id")
        meant = [a for a in self.running if name == a.name or (name is None and not a.is_beside)]
        if meant:
            self._end(meant[0], "cancelled")
        else:
            self._refuse("response_cancel_not_active", order)

    def _put(self, item: Event) -> None:
        before = self.items[-1] if self.items else None
        self.items.append(item["id"])
        self._say("conversation.item.added", previous_item_id=before, item=item)
        self._say("conversation.item.done", previous_item_id=before, item=item)

    def _hear(self, *, is_speech: bool) -> None:
        begins_ms, self._heard_ms = self._heard_ms, self._heard_ms + CHUNK_MS
        self._buffered_ms += CHUNK_MS
        if not self.detects:
            return
        if is_speech and not self._speaks_as:
            self._speaks_as = self._name("item")
            self._say(
                "input_audio_buffer.speech_started",
                audio_start_ms=begins_ms,
                item_id=self._speaks_as,
            )
            if (active := self._active) is not None:
                self._end(active, "cancelled")
        elif not is_speech and self._speaks_as:
            name, self._speaks_as = self._speaks_as, ""
            self._say("input_audio_buffer.speech_stopped", audio_end_ms=begins_ms, item_id=name)
            self._commit(name)
            if self._active is None:
                self._begin({})

    def _commit(self, name: str) -> None:
        before = self.items[-1] if self.items else None
        self._buffered_ms = 0.0
        self._say("input_audio_buffer.committed", previous_item_id=before, item_id=name)
        content = [{"type": "input_audio", "transcript": None}]
        self._put({"id": name, "type": "message", "role": "user", "content": content})
        self._say(
            "conversation.item.input_audio_transcription.completed",
            item_id=name,
            content_index=0,
            transcript="Hello.",
        )

    def _begin(self, wanted: Event, *, is_beside: bool = False) -> None:
        name = self._name("resp")
        facts = {
            "object": "realtime.response",
            "id": name,
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None if is_beside else "conv",
            "metadata": wanted.get("metadata"),
            "usage": None,
        }
        speaking = Speaking(name, facts, is_beside=is_beside)
        self.running.append(speaking)
        self._say("response.created", response=facts)
        for index in range(self._random.choice([1, 1, 1, 2])):
            speaking.steps += self._item(speaking, index, self._random.random())

    def _item(self, speaking: Speaking, index: int, chance: float) -> list[Event]:
        item: Event = {"id": self._name("item"), "status": "in_progress", "type": "function_call"}
        where = {"response_id": speaking.name, "output_index": index}
        of = {**where, "item_id": item["id"]}
        if chance < 0.4:
            called = TOOL.name if chance < 0.25 else "own"
            item |= {"call_id": self._name("call"), "name": called, "arguments": ""}
            kind = "response.function_call_arguments"
            of["call_id"] = item["call_id"]
            words = [{"type": f"{kind}.delta", **of, "delta": "{}"}]
            words += [{"type": f"{kind}.done", **of, "arguments": "{}", "name": called}]
            whole = item | {"arguments": "{}"}
        else:
            item |= {"type": "message", "role": "assistant", "content": []}
            of["content_index"] = 0
            kind = "response.output_audio"
            part = {"type": "audio", "transcript": ""}
            words = [
                {"type": "response.content_part.added", **of, "part": part},
                {"type": f"{kind}_transcript.delta", **of, "delta": "Well."},
                {"type": f"{kind}.delta", **of, "delta": SILENCE},
                {"type": f"{kind}.done", **of},
                {"type": f"{kind}_transcript.done", **of, "transcript": "Well."},
                {"type": "response.content_part.done", **of, "part": part},
            ]
            whole = item | {"content": [{"type": "output_audio", "transcript": "Well."}]}
        whole = whole | {"status": "completed"}
        begins = [{"type": "response.output_item.added", **where, "item": item}]
        ends = [{"type": "response.output_item.done", **where, "item": whole}]
        return [*begins, *words, *ends]

    def go_on(self) -> None:
        """Some answer says the next that it has to say, or that it is over."""
        if not self.running:
            return
        speaking = self._random.choice(self.running)
        if not speaking.steps:
            self._end(speaking, "completed")
            return
        step = speaking.steps.pop(0)
        item = step.get("item")
        if step["type"] == "response.output_item.added":
            speaking.open_item = step
            self._say(**_as_event(step))
            before = self.items[-1] if self.items else None
            if not speaking.is_beside:
                self.items.append(item["id"])
            self._say("conversation.item.added", previous_item_id=before, item=item)
        elif step["type"] == "response.output_item.done":
            self._item_over(speaking, step)
        else:
            self._say(**_as_event(step))

    def _item_over(self, speaking: Speaking, step: Event) -> None:
        speaking.open_item = None
        speaking.output.append(step["item"])
        self._say("conversation.item.done", previous_item_id=None, item=step["item"])
        self._say(**_as_event(step))

    def _end(self, speaking: Speaking, status: str) -> None:
        has_part = speaking.open_item and not speaking.steps[0]["type"].endswith(".added")
        while speaking.open_item is not None:
            step = speaking.steps.pop(0)
            if step["type"] == "response.output_item.done":
                item = step["item"] | {"status": "incomplete"}
                self._item_over(speaking, step | {"item": item})
            elif has_part and step["type"].endswith(".done"):
                self._say(**_as_event(step))
        self.running.remove(speaking)
        facts = speaking.facts | {"status": status, "output": speaking.output, "usage": USAGE}
        self._say("response.done", response=facts)


def _as_event(step: Event) -> Event:
    return {"kind": step["type"]} | {key: step[key] for key in step if key != "type"}


class Line:
    """A call whose client conducts, its model, and what lies between them."""

    def __init__(self, random: Random, **changes: Any) -> None:
        self.random = random
        self.links = 0
        self.call = Call(tools=(TOOL,), **(QUIET | changes)).begun()
        self.model = Model(0, random)
        self.detects = changes.get("turn_detection", "server_vad") != "none"
        self.model.detects = self.detects
        self.is_linked = True
        self.is_dialled = False
        self.performing: list[str] = []

    def did(self) -> None:
        """What the session has just asked for."""
        for command in self.call.fresh:
            match command:
                case commands.CallTool(call_id):
                    self.performing.append(call_id)
                case commands.CancelTool(call_id):
                    self.performing.remove(call_id)
                case commands.DialUpstream():
                    self.is_dialled = True
        if self.is_linked:
            for order in self.call.sent:
                self.model.take(order)

    def asks(self, kind: str, **fields: Any) -> None:
        self.call.asks(kind, **fields)
        self.did()

    def deliver(self, change: Callable[[Event], list[Event]] = lambda event: [event]) -> None:
        """The next that the model has said comes."""
        if self.model.says and self.is_linked:
            for event in change(self.model.says.pop(0)):
                self.call.says_text(json.dumps(event))
                self.did()

    def tool_done(self) -> None:
        if self.performing:
            self.call.gets(self.performing.pop(0))
            self.did()

    def lose(self) -> None:
        if self.is_linked:
            self.is_linked = False
            self.call.lost()
            self.did()

    def find(self) -> None:
        """The next model is there."""
        call = self.call
        while not self.is_linked:
            if not self.is_dialled:
                call.tick(max(call.now, call.session.timers.earliest))
                self.did()
                continue
            self.is_dialled = False
            self.links += 1
            call.finds_model()
            self.model = Model(self.links, self.random)
            self.model.detects = self.detects
            self.is_linked = True
            self.did()

    def wait(self, seconds: float) -> None:
        """Time passes; once a second everything is looked at."""
        until = self.call.now + seconds
        while self.call.now < until:
            at = min(until, self.call.session.timers.earliest, self.call.now + 1)
            self.call.feed(events.Tick(), at=max(at, self.call.now))
            self.did()
            self.call.feed(events.Look(0))
            self.did()
            if not self.is_linked:
                self.find()
