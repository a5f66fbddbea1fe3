"""One call as spans, from the facts that its session tells: those of its log and its metrics.

What facts mean for a trace stands here and nowhere else.
"""

from collections.abc import Mapping

from tornado_app.protocol.endings import safe_word
from tornado_app.session.config import SessionConfig
from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.link_spans import LinkSpans
from tornado_app.tracing.pen import Fields, Pen, Put, picked, tell
from tornado_app.tracing.span import Span, Value
from tornado_app.tracing.turn_spans import TurnSpans

OUR_FAULT = frozenset({1011, 1013, 4502, 4504})
"""Close codes of calls that ended for something that their client could not help."""
NOTED: Mapping[str, tuple[str, ...]] = {
    "audio_lost": ("lost_ms",),
    "client_away": (),
    "client_back": (),
    "client_paused": ("why",),
    "limit_near": ("limit",),
    "session_configured": (),
    "token_refreshed": (),
    "upstream_error": ("code",),
    "upstream_late": ("waited_for",),
}
"""Facts that are moments of a call, and what is told of each."""
OPENED = ("input", "output", "session", "turn_detection")
CLOSED = (
    *("cause", "close_code", "received_ms", "answered_ms", "dropped_ms", "reconnects", "resumed"),
    *("turns", "answers", "interruptions", "tool_calls", "tool_failures", "errors", "tokens"),
)


class UnsampledTrace:
    """A call of which nothing is told; its tools learn that, with the number of its trace."""

    def __init__(self, context: TraceContext) -> None:
        self.context = context

    def hear(self, event: str, fields: Fields, now: float) -> None:
        """Nothing."""

    def traceparent(self, call_id: str) -> str:  # noqa: ARG002  as of one that is told of
        """For whoever performs a call of a tool."""
        return self.context.child().traceparent

    def finish(self, now: float) -> None:
        """Nothing."""


class CallTrace:
    """Thread: loop."""

    def __init__(
        self,
        context: TraceContext,
        parent: TraceContext | None,
        config: SessionConfig,
        put: Put,
        *,
        provider: str,
        user: Mapping[str, Value],
    ) -> None:
        """*parent*: where the client says that it is; *put* takes each span that has ended."""
        self.context = context
        self._opened_at = config.opened_at
        self._opened_at_unix_s = config.opened_at_unix_ms / 1000
        session = config.model_session
        common: dict[str, Value] = {
            "gen_ai.conversation.id": config.session_id,
            "gen_ai.provider.name": provider,
        }
        self._pen = Pen(put, common)
        own = {**common, **user, "gen_ai.request.model": session.asked_model}
        self._call = Span(
            f"call {session.session}",
            context,
            parent,
            "server",
            self._opened_at_unix_s,
            own,
            has_remote_parent=parent is not None,
        )
        self._links = LinkSpans(self._pen, context)
        self._turns = TurnSpans(self._pen, context, session.asked_model, session.output)

    def hear(self, event: str, fields: Fields, now: float) -> None:
        """A fact, at *now* of the monotonic clock."""
        at = self._unix_s(now)
        if event in NOTED:
            self._call.note(event, at, picked(fields, *NOTED[event]))
        elif not self._hear_of_links(event, fields, at):
            self._hear_of_turns(event, fields, at)

    def traceparent(self, call_id: str) -> str:
        """For whoever performs this call of a tool."""
        context = self._turns.context_of(safe_word(call_id)) or self.context.child()
        return context.traceparent

    def finish(self, now: float) -> None:
        """The call is over, and all of it.  May be called again."""
        at = self._unix_s(now)
        self._turns.end(at)
        self._links.end(at)
        self._pen.end(self._call, at, self._call.error)

    def _unix_s(self, now: float) -> float:
        return self._opened_at_unix_s + now - self._opened_at

    def _hear_of_links(self, event: str, fields: Fields, at: float) -> bool:
        """And of the call itself.  False: it is about neither."""
        match event:
            case "session_opened":
                tell(self._call, picked(fields, *OPENED))
            case "session_closed":
                self._close(fields)
            case "upstream_dialled":
                self._turns.model = fields["asked_model"]
                self._links.dialled(fields, at)
            case "next_dialled":
                self._links.next_dialled(at)
            case "upstream_open":
                self._links.opened(fields, at)
            case "upstream_connected":
                self._links.connected(fields, at)
            case "upstream_lost" | "upstream_rejected":
                self._lose(event, fields, at)
            case "next_model_lost":
                self._links.next_lost(fields, at)
            case "rolled_over":
                self._turns.lost(at)
                self._links.rolled_over(fields, at)
            case _:
                return False
        return True

    def _hear_of_turns(self, event: str, fields: Fields, at: float) -> None:
        match event:
            case "audio_committed":
                self._turns.committed(at)
            case "response_begun":
                self._turns.begun(fields, at)
            case "answer_heard":
                self._turns.heard(fields, at)
            case "response_failed":
                self._turns.failed(fields)
            case "response_done":
                self._turns.answered(fields, at)
            case "interrupted":
                self._turns.interrupted(fields, at)
            case "tool_called":
                self._turns.tool_called(fields, at)
            case "tool_done":
                self._turns.tool_ended(fields, at)
            case "tool_failed":
                self._turns.tool_ended(fields, at, fields["outcome"])

    def _close(self, fields: Fields) -> None:
        tell(self._call, picked(fields, *CLOSED))
        if fields["close_code"] in OUR_FAULT:
            self._call.error = fields["cause"]

    def _lose(self, event: str, fields: Fields, at: float) -> None:
        """A model; an answer that was refused for good is told by the same event, and is none."""
        if "stage" not in fields:
            self._call.note(event, at, picked(fields, "cause"))
            return
        self._turns.lost(at)
        if not self._links.lost(fields, at):
            self._call.note(event, at, picked(fields, "cause", "retry"))
