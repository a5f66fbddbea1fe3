"""What of the model's words is not for the client: the operator's instructions, tools, items.

Most events have nothing of it, which is seen without parsing them, and go as they are.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tornado_app.protocol.realtime.functions import tool_entry
from tornado_app.session.config import SessionConfig
from tornado_app.session.relaying.reading import dict_of, object_of, text_of, words_of

HIDDEN_KEPT = 4096
"""So many items, and calls, may be hidden at once: what is older nobody asks for."""
PIECE_CHARACTERS = 16
"""So much of a hidden text in a row is no accident."""
MESSAGE_CHARACTERS = 1000
OURS = "parley_"
GENERIC = "The model refused this."
NAME = re.compile(r"[\w-]+")


class Veil:
    """Thread: loop."""

    def __init__(self, config: SessionConfig) -> None:
        self._session_id = config.session_id
        self._expires_at: Any = None
        self._tools = frozenset(function.name for function in config.tools.functions)
        labels = (server.label for server in config.tools.handed)
        self._names = frozenset((*self._tools, *labels))
        self._texts = _hidden_texts(config)
        self._items: dict[str, None] = {}
        self._calls: dict[str, None] = {}

    def hides_tool(self, name: str) -> bool:
        """Whether a function is the server's."""
        return name in self._tools

    def hides_item(self, kind: str, name: str, item_id: str) -> bool:
        """Whether an item is none of the client's; then it is known as such from now on."""
        is_hidden = kind.startswith("mcp_") or (kind == "function_call" and self.hides_tool(name))
        if is_hidden:
            self.hide(item_id)
        return is_hidden or self.hides(item_id)

    def hide(self, item_id: str) -> None:
        """The client is told nothing of this item; without a name it is told of by nothing else."""
        if not item_id:
            return
        _keep(self._items, item_id)

    def hides(self, item_id: str) -> bool:
        return item_id in self._items or item_id.startswith(OURS)

    def hide_call(self, call_id: str) -> None:
        """The model has called a tool of the server by this name."""
        _keep(self._calls, call_id)

    def hides_call(self, call_id: str) -> bool:
        return call_id in self._calls

    def session(self, text: str, kind: str, own: Mapping[str, Any]) -> str:
        """An event with a session in it; *own* is what the client has asked for itself."""
        event = object_of(text)
        session = event.get("session")
        if not isinstance(session, dict):
            session = {}
        event["type"], event["session"] = kind, session
        session["id"] = self._session_id
        if "expires_at" in session:
            # Another model may go on with the call, and the client's call does not end with one.
            self._expires_at = self._expires_at or session["expires_at"]
            session["expires_at"] = self._expires_at
        self._clean(session, own)
        return text_of(event)

    def response(self, text: str, own: Mapping[str, Any]) -> str:
        """An event with an answer in it, of which some servers say all that it was made with."""
        marks = ('"instructions"', '"tools"', '"mcp_', '"failed"', *self._tools)
        if not any(mark in text for mark in marks):
            return text
        event = object_of(text)
        response = event.get("response")
        if isinstance(response, dict):
            self._clean(response, own)
        return text_of(event) if event else ""

    def failure(self, text: str) -> str:
        """An event with an error in it that is none of an order's."""
        event = object_of(text)
        return text_of(self.failed(event)) if event else ""

    def failed(self, said: Any) -> Any:
        """What is said of something that failed, in the model's words as far as they may be."""
        error = dict_of(dict_of(said).get("error"))
        message = error.get("message")
        if not isinstance(message, str):
            return said
        return {**said, "error": {**error, "message": self.message(message)}}

    def message(self, message: str) -> str:
        """An error's own words, unless they repeat what is hidden."""
        words = message[:MESSAGE_CHARACTERS]
        if "sk-" in words or not self._names.isdisjoint(NAME.findall(words)):
            return GENERIC
        for start in range(max(1, len(words) - PIECE_CHARACTERS + 1)):
            piece = words[start : start + PIECE_CHARACTERS]
            if len(piece) == PIECE_CHARACTERS and any(piece in text for text in self._texts):
                return GENERIC
        return words

    def _clean(self, said: dict[str, Any], own: Mapping[str, Any]) -> None:
        if "instructions" in said:
            said["instructions"] = own.get("instructions", "")
        if isinstance(said.get("tools"), list):
            said["tools"] = [tool for tool in said["tools"] if self._is_theirs(tool)]
        choice = said.get("tool_choice")
        if isinstance(choice, dict) and not self._is_theirs({"type": "function", **choice}):
            said["tool_choice"] = "auto"
        if isinstance(said.get("output"), list):
            said["output"] = [item for item in said["output"] if not self._is_ours(item)]
        if "status_details" in said:
            said["status_details"] = self.failed(said["status_details"])
        if said.get("prompt") is not None:
            said["prompt"] = None

    def _is_ours(self, item: Any) -> bool:
        """Of the items of an answer."""
        words = words_of(item)
        kind, name = words.get("type", ""), words.get("name", "")
        return self.hides_item(kind, name, words.get("id", ""))

    def _is_theirs(self, tool: Any) -> bool:
        is_function = isinstance(tool, dict) and tool.get("type") == "function"
        name = tool.get("name") if is_function else None
        return isinstance(name, str) and name not in self._tools


def _keep(names: dict[str, None], name: str) -> None:
    names[name] = None
    if len(names) > HIDDEN_KEPT:
        del names[next(iter(names))]


def _hidden_texts(config: SessionConfig) -> tuple[str, ...]:
    texts = [config.model_session.instructions]
    texts += [turn.text for turn in config.model_session.history]
    texts += [msgspec.json.encode(tool_entry(each)).decode() for each in config.tools.told]
    texts += [function.description for function in config.tools.functions]
    return tuple(text for text in texts if len(text) >= PIECE_CHARACTERS)
