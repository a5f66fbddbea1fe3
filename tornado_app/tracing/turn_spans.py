"""Spans of a call's turns: from what the user said until nothing more follows from it.

    call --- turn --+-- chat MODEL              an answer of the model's
                    +-- execute_tool NAME       what it called in it
                    +-- chat MODEL              the answer to that

By the conventions of OpenTelemetry for generative AI (semantic-conventions 1.41, "GenAI"), which
are not final; what they have no name for is ``parley.``.
"""

from dataclasses import dataclass

from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.pen import Fields, Pen, picked, tell
from tornado_app.tracing.span import Span, Value

CHATS_MAX = 16
"""Answers of which no end was heard."""
TOOLS_MAX = 64
USAGE = {"input": "gen_ai.usage.input_tokens", "output": "gen_ai.usage.output_tokens"}


@dataclass(slots=True, eq=False)
class _Turn:
    span: Span
    last_at: float
    """When something of it happened last."""
    open: int = 0
    """So many answers and calls of tools have no end."""
    has_answer: bool = False
    has_called: bool = False
    """Another answer is to follow."""
    is_past: bool = False
    """The user has said something else."""


@dataclass(slots=True, eq=False)
class _Part:
    """An answer, or a call of a tool."""

    span: Span
    turn: _Turn
    lost_at: float | None = None
    """When the model went that had begun it."""


class TurnSpans:
    """Thread: loop."""

    def __init__(self, pen: Pen, call: TraceContext, model: str, output: str) -> None:
        """*model* is asked for answers of this *output*: ``audio`` or ``text``; it may change."""
        self._pen = pen
        self._call = call
        self.model = model
        self._output = {"audio": "speech"}.get(output, output)
        self._turn: _Turn | None = None
        self._chats: dict[str, _Part] = {}
        self._tools: dict[str, _Part] = {}

    def committed(self, at: float) -> None:
        """The model has a turn of the user's; if one waits for its answer, that is to both."""
        turn = self._turn
        if turn is not None and not turn.has_answer:
            turn.span.note("audio_committed", at)
            return
        self._leave(turn)
        self._begin_turn(at)

    def begun(self, fields: Fields, at: float) -> None:
        """An answer."""
        self._sweep()
        turn = self._turn or self._begin_turn(at)
        turn.has_answer, turn.has_called = True, False
        name = f"chat {self.model}".rstrip()
        span = self._pen.begin(name, "client", at, turn.span.context)
        span.attributes |= {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": self.model,
            "gen_ai.output.type": self._output,
        }
        self._add(self._chats, fields["response_id"], _Part(span, turn), CHATS_MAX)

    def heard(self, fields: Fields, at: float) -> None:
        """The first of an answer is on its way to the user."""
        chat, turn = self._chats.get(fields["response_id"]), self._turn
        if chat is not None:
            first_s = fields["model_ms"] / 1000
            chat.span.attributes["gen_ai.response.time_to_first_chunk"] = first_s
            chat.span.note("answer_heard", at)
            turn = chat.turn
        if turn is not None:
            waits = picked(fields, "model_ms", "gateway_ms", "tools_ms")
            tell(turn.span, {f"wait.{name}": wait for name, wait in waits.items()})
            waited_s = sum(wait or 0.0 for wait in waits.values()) / 1000
            turn.span.begun_at = min(turn.span.begun_at, at - waited_s)

    def failed(self, fields: Fields) -> None:
        """An answer, which ends now or has."""
        for chat in self._chats.values():
            tell(chat.span, fields)

    def answered(self, fields: Fields, at: float) -> None:
        """An answer is over."""
        chat = self._chats.pop(fields["response_id"], None)
        if chat is None:
            return
        chat.span.attributes |= {
            "gen_ai.response.id": fields["response_id"],
            "gen_ai.response.finish_reasons": (fields["status"],),
            **_usage(fields["tokens_by_type"]),
        }
        code = chat.span.attributes.get("parley.code")
        error = str(code or "failed") if fields["status"] == "failed" else ""
        self._end(chat, at, error)

    def tool_called(self, fields: Fields, at: float) -> None:
        turn = self._turn or self._begin_turn(at)
        turn.has_called = True
        tool = self._begin_tool(turn, fields, at)
        self._add(self._tools, fields["call_id"], tool, TOOLS_MAX)

    def tool_ended(self, fields: Fields, at: float, error: str = "") -> None:
        """Or was refused, so that it never began."""
        tool = self._tools.pop(fields["call_id"], None)
        if tool is None:
            begun_at = at - fields["duration_ms"] / 1000
            tool = self._begin_tool(self._turn or self._begin_turn(begun_at), fields, begun_at)
            tool.turn.open += 1
        tell(tool.span, {"outcome": fields["outcome"], "detail": fields.get("detail")})
        self._end(tool, at, error)

    def interrupted(self, fields: Fields, at: float) -> None:
        if self._turn is not None:
            self._turn.span.note("interrupted", at, picked(fields, "heard_ms"))

    def lost(self, at: float) -> None:
        """The model: what it was saying may have no end."""
        for chat in self._chats.values():
            if chat.lost_at is None:
                chat.lost_at = at

    def context_of(self, call_id: str) -> TraceContext | None:
        """Of a call of a tool that runs."""
        tool = self._tools.get(call_id)
        return None if tool is None else tool.span.context

    def end(self, at: float) -> None:
        """The call is over."""
        self._sweep()
        for parts in (self._chats, self._tools):
            for part in parts.values():
                self._end(part, at)
            parts.clear()
        self._leave(self._turn)
        self._turn = None

    def _begin_turn(self, at: float) -> _Turn:
        self._turn = _Turn(self._pen.begin("turn", "internal", at, self._call), at)
        return self._turn

    def _begin_tool(self, turn: _Turn, fields: Fields, at: float) -> _Part:
        name = fields["name"]
        span = self._pen.begin(f"execute_tool {name}", "internal", at, turn.span.context)
        span.attributes |= {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
        }
        if fields["call_id"]:
            span.attributes["gen_ai.tool.call.id"] = fields["call_id"]
        return _Part(span, turn)

    def _add(self, parts: dict[str, _Part], key: str, part: _Part, most: int) -> None:
        part.turn.open += 1
        for old in [key] if key in parts else [*parts][: len(parts) + 1 - most]:
            self._end(parts.pop(old), part.span.begun_at)
        parts[key] = part

    def _end(self, part: _Part, at: float, error: str = "") -> None:
        turn = part.turn
        self._pen.end(part.span, at, error)
        turn.open -= 1
        turn.last_at = max(turn.last_at, at)
        if not turn.open and (turn.is_past or not turn.has_called):
            self._pen.end(turn.span, turn.last_at)
            if turn is self._turn:
                self._turn = None

    def _leave(self, turn: _Turn | None) -> None:
        """It is over as soon as nothing of it runs."""
        if turn is not None:
            turn.is_past = True
            if not turn.open:
                self._pen.end(turn.span, turn.last_at)

    def _sweep(self) -> None:
        """End what the model before had begun and cannot end any more."""
        for key, chat in tuple(self._chats.items()):
            if chat.lost_at is not None:
                self._end(self._chats.pop(key), chat.lost_at, "upstream_lost")


def _usage(by_type: dict[str, int]) -> dict[str, Value]:
    """What the model has counted; the conventions count what it had in its cache as input, too."""
    told: dict[str, Value] = {f"parley.tokens.{name}": count for name, count in by_type.items()}
    for way, name in USAGE.items():
        counts = [count for kind, count in by_type.items() if kind.endswith(way)]
        if counts:
            told[name] = sum(counts)
    cached = [count for kind, count in by_type.items() if kind.startswith("cached_")]
    if cached:
        told["gen_ai.usage.cache_read.input_tokens"] = sum(cached)
    return told
