"""Writes docs/logs.md: every field of the log as JSON.  ``python -m docs.logs``.

What a field means stands here; which events have it is read in the code, and what an event means
in docs/operations.md.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "logs.md"

HEAD = """# Fields of the log

Made from [logs.py](logs.py) and the code by `make docs`; write there, not here.

With `logging.format = "json"` each line is one object.
What its `event` means, and at which level it is, stands in [operations.md](operations.md#logs).
Nobody's words, audio, tokens or keys are in any field.

## Following a call

`session_id` is in every line of a session, and the client has it from its first `connection_status`.
`upstream_connected` and `rolled_over` have the model's own id of the session as `model_session`, one for each model that the call has had.
`response_done`, `response_failed` and `answer_heard` have the model's id of the answer as `response_id`, which the client has from `response_started`, `audio` and `response_done`.
With these two the other end of a complaint can be found at whoever runs the model.

`session_closed` is the one line of each call that has all its figures: what came, what went, what was lost, how many turns and answers there were, and what they cost.

## Every line

| field | is |
|---|---|
| `event` | which it is |
| `level` | `debug` `info` `warning` `error` |
| `timestamp` | UTC, ISO 8601 |
| `logger` | who speaks: `tornado_app.session` for lines of calls |
| `exception` | the trace of a fault of ours |

Lines of calls also have:

| field | is |
|---|---|
| `session_id` | the id of the call |
| `user_id` | `sub` of its token |
| `ip` | the client's address, behind the load balancers that are trusted |
| `trace_id` | the number of its trace, if it has one that is told of ([traces.md](traces.md)) |

## Fields of events

| field | is | of |
|---|---|---|
"""

LEVELS = {"log", "debug", "info", "warning", "error", "exception"}
NO_FIELDS = {"exc_info", "always"}

FIELDS: Mapping[str, str] = {
    "again": "true: the call has had a model before",
    "action": "what an operator did",
    "advice": "what to look at, in a sentence",
    "allowed": "how many there may be",
    "answered_ms": "audio that the client was sent",
    "answers": "answers that ended, however they did",
    "asked_model": "who is asked to answer, or to write a turn down",
    "attempt": "the how manyeth dial in a row it was",
    "away_s": "how long it did not answer",
    "broken_pieces": "pieces of answers that were no audio",
    "call_id": "the model's own id of a call of a tool; empty: it is no plain word",
    "cause": "why, in a word; operations.md lists those of `session_closed`",
    "changed": "how many settings have another value now",
    "chunks": "messages of the client with audio, also those that were refused",
    "clean": "false: a thread was still there",
    "clipped_samples": "samples of the client beyond full scale",
    "close_code": "of the WebSocket, ours or the other side's; null: none",
    "code": "of an error, the protocol's or the model's own",
    "connect_ms": "how long the dial took",
    "connections": "calls that are open",
    "core": "the number of one of the computer's cores",
    "count": "how many",
    "detail": "a word more, never one of a user's",
    "dropped_ms": "audio of the client that was not taken or dropped",
    "duration_ms": "how long it took, or plays",
    "duration_s": "how long the call lasted",
    "error": "the name of the system's error",
    "errors": "how many `error` messages the client was told",
    "exception": "the type of a fault of ours",
    "exit_code": "of a process that ended; negative: the signal",
    "expires_at": "Unix time in milliseconds",
    "failed": "so many since the start",
    "fields": "names of what was changed",
    "format": "of a picture: `png` or `jpeg`",
    "gateway_ms": "the gateway's part of a wait",
    "heard_ms": "what the user had heard of the answer",
    "height_px": "of a picture",
    "hot_path": "`compiled`, or `python`",
    "http_status": "of a handshake that was refused; null: there was none",
    "input": "encoding, rate in Hz and channels of the client's audio",
    "interruptions": "answers that were cut by their user",
    "ip": "the client's address",
    "is_forced": "true: there was no quiet moment",
    "is_whole": "false: a recording that breaks off",
    "issuer": "an identity provider, by the operator's name",
    "items": "of a conversation, so many",
    "item_id": "the model's own id of a turn",
    "keys": "how many keys",
    "left": "threads that are left to themselves",
    "left_s": "for so long it goes on to count",
    "limit": "the name of a setting",
    "lines": "numbers of the lines, the first ten",
    "exported": "so many since the start",
    "lost": "so many since the start",
    "lost_ms": "audio that was lost",
    "messages": "messages that the client was told",
    "method": "of an HTTP request",
    "missing": "names that were not found",
    "model": "who answers, as it says itself",
    "model_ms": "the model's part of a wait",
    "model_session": "the model's own id of the session",
    "ms": "how long it took",
    "name": "a tool's name, or `of_client`, `of_model`, `unknown`",
    "operator": "the name of a key of `admin.keys`",
    "outcome": "what became of a call of a tool, of a summary, or of what an operator did",
    "output": "encoding and rate in Hz of what the client hears",
    "param": "which field the model complains of",
    "path": "of an HTTP request, without its query",
    "paused_s": "for how long nothing was read",
    "process": "the number of a gateway's process, from 0",
    "processes": "how many of them there are",
    "ready_ms": "how long the other model took to be ready",
    "reason": "why, in words; of an answer the model's own word for why it is not complete, null if there is none",
    "received_ms": "audio of the client that was taken",
    "reconnects": "how often another model has come",
    "recorded": "what is kept of the call; empty: nothing",
    "refused": "names, and why each was refused",
    "response_id": "the model's own id of the answer",
    "resumed": "how often the client came back",
    "retry": "true: it is dialled again",
    "scopes": "of the token",
    "sent_ms": "audio of the client on its way to the model",
    "seconds": "what a model of words counts that counts no tokens, 0 if it counts those or did not say; how "
    "long an operator listened to a call, null of all else that operators do",
    "server": "an MCP server, by the operator's name",
    "session": "`realtime` or `transcription`",
    "session_id": "the id of the call",
    "setting": "the name of a setting",
    "size_bytes": "how large",
    "spare_s": "how long the link was open before its call had it; null: it was dialled for it",
    "stage": "`dial` or `open`: whether it had been there",
    "status": "how an answer ended, or of an HTTP request",
    "swap_ms": "how long the conversation took to be handed over",
    "target": "a call, a user or a token that an operator did it to; empty: all",
    "tokens": "by the model's count; at the end of a call also what was written down; or how many tokens are taken back",
    "tokens_by_type": "the same by type, which add up; what was in the model's cache is `cached_..._input` alone",
    "tool_calls": "calls of tools that are over",
    "tool_failures": "and that brought nothing",
    "tools": "how many tools",
    "tools_ms": "the part of tools in a wait; null: there were none",
    "turn_detection": "who decides that a turn is over",
    "turns": "turns of the user that the model has committed",
    "unlogged": "lines that were left out, as there were too many",
    "unsent_ms": "audio that had been taken and had not left for the model",
    "untaken_ms": "audio of the answer that had not left for the client",
    "upstream": "one of several upstreams, by the operator's name; null: there is one",
    "version": "of Parley",
    "user_id": "whom the token is for",
    "users": "how many users",
    "waited_for": "what did not come in time",
    "waiting": "how many wait: sockets without a token, or settings for a restart",
    "wanted": "how many there should be",
    "was_held": "true: it was held for a client that had no room",
    "why": "in a word",
    "width_px": "of a picture",
    "with_session": "true: the token says what holds for its call",
}


def page() -> str:
    """The whole of docs/logs.md."""
    rows = [
        f"| `{field}` | {FIELDS[field]} | {' '.join(f'`{event}`' for event in sorted(events))} |"
        for field, events in sorted(events_by_field().items())
    ]
    return HEAD + "\n".join(rows) + "\n"


@cache
def events_by_field() -> dict[str, set[str]]:
    """Which events have each field, as the code says it."""
    found: dict[str, set[str]] = defaultdict(set)
    for tree in trees_that_log():
        for event, fields in _logged(tree):
            for field in fields:
                found[field].add(event)
    return found


def trees_that_log() -> Iterator[ast.AST]:
    """The modules of the gateway in which a method of a log's name is called."""
    for path in sorted((ROOT / "tornado_app").rglob("*.py")):
        text = path.read_text("utf-8")
        if any(f".{method}(" in text for method in LEVELS):
            yield ast.parse(text)


def _logged(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Each call that logs an event, and the fields that it gives."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") in LEVELS):
            continue
        fields = {word.arg for word in call.keywords if word.arg} - NO_FIELDS
        for event in next(filter(None, map(_words, call.args[:2])), ()):
            if re.fullmatch(r"[a-z_]+", event):
                yield event, fields


def _words(node: ast.expr) -> tuple[str, ...]:
    """The texts that an expression may be, if it is constant."""
    if isinstance(node, ast.IfExp):
        return (*_words(node.body), *_words(node.orelse))
    value = getattr(node, "value", None)
    return (value,) if isinstance(value, str) else ()


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
