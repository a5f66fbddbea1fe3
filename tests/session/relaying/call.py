"""A call whose client conducts, on a stage: the client's and the model's events go in as JSON."""

import json
from dataclasses import replace
from typing import Any

from tests.session.story import Story, converted, model_session
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.grants import ALL, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol import asked
from tornado_app.protocol.openai_v1.client import parse_client
from tornado_app.protocol.openai_v1.server import encode
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.overhearing import overhear
from tornado_app.session import commands, events
from tornado_app.session.config import ToolRules

SECRET = "You are Marvin of the Sirius Cybernetics Corporation; never tell the code word OYSTER."
TOOL = Function(
    "secret_lookup", "Looks up OYSTER in the archive of the house.", {"type": "object"}, 5.0
)
EVERYTHING = CallRules(Policy({(name, "configure"): ALL for name in FIELDS}, {}), frozenset())
NOTHING = CallRules(Policy({}, {}), frozenset())


class Call(Story):
    """*rules*: what the client may set; *tools*: those of the server."""

    def __init__(
        self, rules: CallRules = EVERYTHING, tools: tuple[Function, ...] = (), **changes: Any
    ) -> None:
        taken = frozenset(tool.name for tool in tools)
        session = changes.pop("model_session", None) or model_session(instructions=SECRET)
        super().__init__(
            client_conducts=True,
            call_rules=replace(rules, taken=taken),
            tools=ToolRules(tools),
            model_session=session,
            **changes,
        )

    def opened(self) -> "Call":
        super().opened()
        return self

    def lost(self, *how: Any, **more: Any) -> "Call":
        super().lost(*how, **more)
        return self

    def begun(self) -> "Call":
        """The model is there; its session is what it was asked for."""
        self.opened()
        return self.model_comes()

    def model_comes(self, name: str = "sess_model") -> "Call":
        self.feed(events.UpstreamOpened(5.0))
        asked_for = self.sent[0]["session"]
        session = {"id": name, "expires_at": 1_800_003_600, "object": "realtime.session"}
        session |= {"tools": [], "tool_choice": "auto", "instructions": "", **asked_for}
        self.says("session.created", session={"id": name, "model": "gpt-realtime-2.1"})
        return self.says("session.updated", session=session)

    def asks(self, kind: str, **fields: Any) -> "Call":
        """The client sends an event."""
        return self.asks_text(json.dumps({"type": kind, **fields}))

    def asks_text(self, text: str) -> "Call":
        message = parse_client(text)
        is_audio = isinstance(message, asked.Audio)
        self.feed(message if is_audio else events.ClientSaid(message))
        return self

    def says(self, kind: str, **fields: Any) -> "Call":
        """The model sends one."""
        return self.says_text(json.dumps({"type": kind, "event_id": "event_m", **fields}))

    def says_text(self, text: str) -> "Call":
        self.feed(events.UpstreamSaid(overhear(text)))
        return self

    def answers(self, name: str, item: str, text: str = "Yes.", **response: Any) -> "Call":
        """A whole answer in writing, and all that the client was told of it."""
        self.begins(name, **response).begins_item(name, item)
        self.says_words(name, item, text)
        self.ends_item(name, item, text)
        return self.ends(name, status="completed", **response)

    def begins(self, name: str, **response: Any) -> "Call":
        metadata = self._tag()
        facts = {"id": name, "status": "in_progress", "output": [], "metadata": metadata}
        return self.says("response.created", response={**facts, **response})

    def begins_item(self, name: str, item: str, index: int = 0, /, **fields: Any) -> "Call":
        shape = {"id": item, "type": "message", "role": "assistant", "content": []}
        shape |= {"status": "in_progress", **fields}
        where = {"response_id": name, "output_index": index}
        self.says("response.output_item.added", **where, item=shape)
        self.says("conversation.item.added", item=shape, previous_item_id=None)
        if shape["type"] == "message":
            part = {**where, "item_id": item, "content_index": 0}
            self.says("response.content_part.added", **part, part={"type": "audio"})
        return self

    def says_words(self, name: str, item: str, text: str, index: int = 0) -> "Call":
        where = {"response_id": name, "item_id": item, "output_index": index, "content_index": 0}
        self.says("response.output_audio_transcript.delta", **where, delta=text)
        return self.says("response.output_audio.delta", **where, delta="AAAA" * 16_000)

    def ends_item(
        self, name: str, item: str, text: str = "", index: int = 0, /, **fields: Any
    ) -> "Call":
        content = [{"type": "output_audio", "transcript": text}]
        shape = {"id": item, "type": "message", "role": "assistant", "content": content}
        shape |= {"status": "completed", **fields}
        where = {"response_id": name, "output_index": index}
        self.says("conversation.item.done", item=shape, previous_item_id=None)
        return self.says("response.output_item.done", **where, item=shape)

    def calls(self, name: str, item: str, call_id: str, function: str, index: int = 0) -> "Call":
        """A call of a function, within an answer."""
        facts = {"type": "function_call", "call_id": call_id, "name": function, "role": None}
        self.begins_item(name, item, index, **facts, arguments="", content=[])
        where = {"response_id": name, "item_id": item, "output_index": index, "call_id": call_id}
        self.says("response.function_call_arguments.delta", **where, delta="{}")
        self.says("response.function_call_arguments.done", **where, arguments="{}")
        return self.ends_item(name, item, "", index, **facts, arguments="{}")

    def ends(self, name: str, status: str = "completed", **response: Any) -> "Call":
        usage = {"total_tokens": 10, "input_token_details": {"text_tokens": 4}}
        facts = {"id": name, "status": status, "output": [], "usage": usage, "status_details": None}
        return self.says("response.done", response={**facts, **response})

    def gets(self, call_id: str, output: str = "42") -> "Call":
        """A tool of the server has its result."""
        self.feed(events.ToolDone(call_id, output))
        return self

    def hears_back(self, duration_ms: float) -> "Call":
        """The pool has converted a piece."""
        self.feed(events.UplinkReady(converted(duration_ms, 100)))
        return self

    def loses_model(self) -> "Call":
        self.lost()
        self.tick(self.session.timers.earliest)
        return self

    def finds_model(self) -> "Call":
        """It is dialled again, and there; `fresh` is all that this led to."""
        before = len(self.all)
        self.model_comes("sess_other")
        self.fresh = self.all[before:]
        return self

    def feed_opened(self) -> "Call":
        """The link to the next model is open."""
        self.feed(events.UpstreamOpened(5.0))
        return self

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the model was sent by the last event."""
        return [json.loads(encode_order(order)) for order in self.orders]

    @property
    def all_sent(self) -> list[dict[str, Any]]:
        all_orders = (c.order for c in self.all if isinstance(c, commands.SendUpstream))
        return [json.loads(encode_order(order)) for order in all_orders]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """What the client was told by the last event."""
        return _shown(self.fresh)

    @property
    def all_shown(self) -> list[dict[str, Any]]:
        return _shown(self.all)

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.shown]

    @property
    def error(self) -> dict[str, Any]:
        """The one that the client was told by the last event."""
        (event,) = self.shown
        assert "error" == event["type"]
        error: dict[str, Any] = event["error"]
        return error

    def _tag(self) -> Any:
        """What was asked for the answer that begins now, as servers repeat it."""
        asked_for = [each for each in self.all_sent if "response.create" == each["type"]]
        wanted = asked_for[-1].get("response") if asked_for else None
        return (wanted or {}).get("metadata")


def _shown(said: list[commands.Command]) -> list[dict[str, Any]]:
    told = (c for c in said if isinstance(c, commands.SendClient))
    texts = (encode(c.message, c.seq, c.timestamp_ms) for c in told)
    return [json.loads(text) for text in texts if text]
