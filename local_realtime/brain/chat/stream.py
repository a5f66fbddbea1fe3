"""What a streamed chat completion says: server-sent events, then the pieces of one answer.

Pure.  The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local_realtime.brain.chat.endpoint import ChatFailed
from local_realtime.session.responder import FunctionCall

MAX_EVENT_BYTES = 1024 * 1024
MAX_CALLS = 32
END = "[DONE]"
THOUGHT, THOUGHT_END = "<think>", "</think>"
LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A return at the very end may be half of one."""


def rubbish(message: str = "") -> ChatFailed:
    return ChatFailed("chat_bad_answer", message)


class EventReader:
    """Cuts a body, in pieces of any size, into the data of its events."""

    def __init__(self) -> None:
        self._unread = b""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The events that are whole now.

        Raises:
            ChatFailed: If one is too long, or no text.
        """
        *lines, self._unread = LINE_END.split(self._unread + piece)
        for line in lines:
            yield from self._line(line)
        if len(self._unread) > MAX_EVENT_BYTES:
            raise rubbish()

    def finish(self) -> Iterator[str]:
        """What stands before the end without the blank line that should follow it."""
        yield from self._line(self._unread.rstrip(b"\r"))
        yield from self._line(b"")
        self._unread = b""

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
            self._data = []
            return
        name, _, value = line.partition(b":")
        if name != b"data":  # a comment keeps the connection alive; others say nothing of the talk
            return
        try:
            self._data.append(value.removeprefix(b" ").decode())
        except UnicodeDecodeError:
            raise rubbish() from None
        if sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise rubbish()


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str = ""
    arguments: str = ""


class Aloud:
    """Leaves out what a model thinks before it answers, if its server has left that in the text."""

    def __init__(self) -> None:
        self._held = ""
        self._has_begun = False
        self._is_thinking = False

    def feed(self, text: str) -> str:
        """What of the answer is certain now, which may be nothing."""
        self._held += text
        if not self._has_begun:
            beginning = self._held.lstrip()
            if len(beginning) < len(THOUGHT) and THOUGHT.startswith(beginning):
                return ""
            self._has_begun, self._is_thinking = True, beginning.startswith(THOUGHT)
        if self._is_thinking:
            _, end, answer = self._held.partition(THOUGHT_END)
            if not end:
                self._held = self._held[1 - len(THOUGHT_END) :]  # an end may have begun there
                return ""
            self._is_thinking, self._held = False, answer
        return self.finish()

    def finish(self) -> str:
        """What was held back for a thought that did not come."""
        held, self._held = self._held, ""
        return "" if self._is_thinking else held


class AnswerReader:
    """Puts an answer together: text at once, function calls when they are whole."""

    def __init__(self) -> None:
        self._aloud = Aloud()
        self._calls: dict[Any, _Call] = {}
        self._last_key: Any = None
        self.finish_reason: str | None = None
        self.is_over = False

    def feed(self, data: str) -> str:
        """The text in one event, which may be none.

        Raises:
            ChatFailed: If it is no part of a chat completion, or says that there will be none.
        """
        if self.is_over or data.strip() == END:
            self.is_over = True
            return ""
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            raise rubbish() from None
        if not isinstance(event, dict):
            raise rubbish()
        if event.get("error"):
            raise ChatFailed("chat_error")
        choices = event.get("choices")
        if not isinstance(choices, list):
            raise rubbish()
        return "".join(self._aloud.feed(self._choice(choice)) for choice in choices[:1])

    def finish(self) -> str:
        """The text that was held back, when nothing more comes."""
        return self._aloud.finish()

    def _choice(self, choice: Any) -> str:
        if not isinstance(choice, dict) or not isinstance(choice.get("delta") or {}, dict):
            raise rubbish()
        delta = choice.get("delta") or {}
        calls, text = delta.get("tool_calls") or [], delta.get("content") or ""
        if not isinstance(calls, list) or not isinstance(text, str):
            raise rubbish()
        for call in calls:
            self._call(call)
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = choice["finish_reason"]
        return text

    def _call(self, piece: Any) -> None:
        if not isinstance(piece, dict) or not isinstance(piece.get("function") or {}, dict):
            raise rubbish()
        function, call_id = piece.get("function") or {}, str(piece.get("id") or "")
        key = self._key_of(piece.get("index"), call_id)
        call = self._calls.setdefault(key, _Call(call_id))
        if len(self._calls) > MAX_CALLS:
            raise rubbish("The chat endpoint called too many functions at once.")
        arguments = function.get("arguments") or ""
        if isinstance(arguments, dict):  # whole, from servers that do not write it as text
            arguments = json.dumps(arguments)
        call.name += str(function.get("name") or "")
        call.arguments += str(arguments)

    def _key_of(self, index: Any, call_id: str) -> Any:
        """Which call a piece is of; some servers leave out the index, or give all the same."""
        known = self._last_key if index is None else index
        if known in self._calls and call_id and self._calls[known].call_id != call_id:
            known = call_id
        if known is None:
            known = call_id or 0
        self._last_key = known
        return known

    def calls(self, declared: frozenset[str]) -> list[FunctionCall]:
        """The calls of the whole answer, in order.

        Raises:
            ChatFailed: If one is of no *declared* function, or its arguments are no JSON object.
        """
        found = []
        for call in self._calls.values():
            if call.name not in declared:
                raise rubbish("The chat endpoint called a function that was not declared.")
            arguments = call.arguments.strip() or "{}"
            try:
                is_object = isinstance(json.loads(arguments), dict)
            except (ValueError, RecursionError):
                is_object = False
            if not is_object:
                raise rubbish("The chat endpoint called a function with no JSON for arguments.")
            found.append(FunctionCall(call.name, arguments))
        return found
