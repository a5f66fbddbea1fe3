"""Which fields a call has, how each is checked, and which of them no client is shown."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tornado_app.policy.formats import (
    CHANNELS_MAY_BE,
    ENCODING_MAY_BE,
    FORMAT_MAY_BE,
    RATE_MAY_BE,
    check_format,
    check_output_encoding,
    check_whole,
)
from tornado_app.policy.functions import (
    CHOICE_MAY_BE,
    TOOLS_MAY_BE,
    check_tool_choice,
    check_tools,
    size_bytes,
)
from tornado_app.policy.turns import check_turn_detection
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import SessionType, Turn
from workers.formats import CHANNELS_MAX, RATE_HZ_MAX, RATE_HZ_MIN

Source = Literal["token", "query", "configure"]
"""Who may set something beside the operator, each within what the one before leaves open."""

SOURCES: tuple[Source, ...] = ("token", "query", "configure")

Measure = Literal["value", "number", "characters"]
"""How a policy can narrow a field: to values, to a range, to a length."""

INSTRUCTIONS_CHARACTERS = 65_536
NAME_CHARACTERS = 200
TURNS_MAX = 128
TURN_CHARACTERS = 32_768
HISTORY_CHARACTERS = 131_072
# Those of the API's own metadata.
METADATA_PAIRS = 16
METADATA_KEY_CHARACTERS = 64
METADATA_CHARACTERS = 512
CALL_S_MAX = 86_400
CALL_MAY_BE = f"an integer from 1 to {CALL_S_MAX}"

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_KEY = re.compile(rf"[A-Za-z0-9_-]{{1,{METADATA_KEY_CHARACTERS}}}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"\d{1,8}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be set of a call."""

    name: str
    check: Callable[[str, Any], Any]
    """(name, value as JSON has it) -> the value as `ModelSession` has it; raises `Wrong`."""
    may_be: str
    measure: Measure
    sources: frozenset[Source]
    """Who can spell it at all: what is long or hidden has no place in an address."""
    is_hidden: bool = False
    """No client is told, neither in what is negotiated nor in an error; no log is, either."""
    is_done: bool = False
    """Of a client while the call runs it is no value but something that it does."""


def size_of(value: Any) -> int:
    """How long a value of a field is whose measure is characters."""
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(len(key) + len(text) for key, text in value.items())
        case [Function(), *_]:
            return size_bytes(value)
        case _:
            return sum(len(turn.text) for turn in value)


def from_text(name: str, text: str) -> Any:
    """What stands in an address, as JSON would have it."""
    field = FIELDS[name]
    if field.measure != "number" or not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _is_text(value: Any, shortest: int, longest: int) -> bool:
    """Whether it can be sent on: a half of a surrogate pair, as JSON may name one, cannot."""
    if not isinstance(value, str) or not shortest <= len(value) <= longest or "\0" in value:
        return False
    return value.isascii() or not _SURROGATE.search(value)


def _text(longest: int) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not _is_text(value, 0, longest):
            raise Wrong(name, f"a text of at most {longest} characters")
        return str(value)

    return check


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS:
        raise Wrong(name, FIELDS[name].may_be)
    if not value.isprintable():
        raise Wrong(name, FIELDS[name].may_be)
    return value


def _language(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise Wrong(name, FIELDS[name].may_be)
    return value


def _output(name: str, value: Any) -> str:
    if value not in ("audio", "text"):
        raise Wrong(name, FIELDS[name].may_be)
    return str(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(name, FIELDS[name].may_be)
    return value


def _session(name: str, value: Any) -> str:
    if value not in get_args(SessionType):
        raise Wrong(name, FIELDS[name].may_be)
    return str(value)


def _speed(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(name, FIELDS[name].may_be)
    if not 0.25 <= value <= 1.5:  # which NaN is not either, and an integer of any size may be asked
        raise Wrong(name, FIELDS[name].may_be)
    return float(value)


def _metadata(name: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > METADATA_PAIRS:
        raise Wrong(name, FIELDS[name].may_be)
    for key, text in value.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise Wrong(name, FIELDS[name].may_be)
        if not _is_text(text, 0, METADATA_CHARACTERS):
            raise Wrong(f"{name}.{key}", f"a text of at most {METADATA_CHARACTERS} characters")
    return dict(value)


def _history(name: str, value: Any) -> tuple[Turn, ...]:
    if not isinstance(value, list | tuple) or len(value) > TURNS_MAX:
        raise Wrong(name, FIELDS[name].may_be)
    turns = tuple(_turn(f"{name}[{number}]", turn) for number, turn in enumerate(value))
    if size_of(turns) > HISTORY_CHARACTERS:
        raise Wrong(name, f"at most {HISTORY_CHARACTERS} characters in all")
    return turns


def _turn(name: str, value: Any) -> Turn:
    if not isinstance(value, dict) or set(value) != {"role", "text"}:
        raise Wrong(name, "an object of role and text")
    if value["role"] not in ("user", "assistant"):
        raise Wrong(f"{name}.role", "one of user, assistant")
    text = value["text"]
    if not _is_text(text, 1, TURN_CHARACTERS):
        raise Wrong(f"{name}.text", f"a text of 1 to {TURN_CHARACTERS} characters")
    return Turn(value["role"], text)


_EVERYBODY = frozenset(SOURCES)
_CLIENT = frozenset[Source]({"query", "configure"})
_TOKEN = frozenset[Source]({"token"})
_BUT_QUERY = frozenset[Source]({"token", "configure"})
_NAME = f"a text of 1 to {NAME_CHARACTERS} printable characters"

FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field(
            "instructions",
            _text(INSTRUCTIONS_CHARACTERS),
            f"a text of at most {INSTRUCTIONS_CHARACTERS} characters",
            "characters",
            _BUT_QUERY,
            is_hidden=True,
        ),
        Field("voice", _word, _NAME, "value", _EVERYBODY),
        # The model is part of the address that is dialled.
        Field("model", _word, _NAME, "value", frozenset({"token", "query"})),
        # Of a client of the Realtime API its session says it.
        Field("transcription_model", _word, _NAME, "value", _TOKEN),
        Field(
            "transcription_language",
            _language,
            "a language as in en, de or pt-BR",
            "value",
            _EVERYBODY,
        ),
        Field(
            "turn_detection",
            check_turn_detection,
            "one of server_vad, semantic_vad, none, or an object with such a type",
            "value",
            _EVERYBODY,
        ),
        Field("output", _output, "one of audio, text", "value", _EVERYBODY),
        Field("speed", _speed, "a number from 0.25 to 1.5", "number", _EVERYBODY),
        Field(
            "max_output_tokens",
            check_whole(1, 4096),
            "an integer from 1 to 4096",
            "number",
            _EVERYBODY,
        ),
        Field(
            "metadata",
            _metadata,
            f"an object of at most {METADATA_PAIRS} texts, their names letters, digits, _ and -",
            "characters",
            frozenset({"token"}),
            is_hidden=True,
        ),
        Field(
            "history",
            _history,
            f"a list of at most {TURNS_MAX} objects of role and text",
            "characters",
            _BUT_QUERY,
            is_hidden=True,
        ),
        # Its client performs them, and is told of every call.
        Field("tools", check_tools, TOOLS_MAY_BE, "characters", _BUT_QUERY),
        Field("tool_choice", check_tool_choice, CHOICE_MAY_BE, "value", _BUT_QUERY),
        # Of a client while the call runs it is asked whether it may, with the first picture.
        Field("images", _flag, "true or false", "value", _BUT_QUERY, is_done=True),
        # It is settled before anything is said; whom it concerns is told.
        Field("record", _flag, "true or false", "value", frozenset({"token"})),
        # How long a call may be is settled before it begins.
        Field("idle_timeout_s", check_whole(1, CALL_S_MAX), CALL_MAY_BE, "number", _TOKEN),
        Field("max_call_s", check_whole(1, CALL_S_MAX), CALL_MAY_BE, "number", _TOKEN),
        # Another address is dialled.
        Field(
            "session",
            _session,
            f"one of {', '.join(get_args(SessionType))}",
            "value",
            frozenset({"token", "query"}),
        ),
        # What a sound card and a codec are is known where they are.
        Field("input_format", check_format, FORMAT_MAY_BE, "value", _CLIENT),
        Field("input_rate", check_whole(RATE_HZ_MIN, RATE_HZ_MAX), RATE_MAY_BE, "number", _CLIENT),
        Field("input_channels", check_whole(1, CHANNELS_MAX), CHANNELS_MAY_BE, "number", _CLIENT),
        Field("output_format", check_format, FORMAT_MAY_BE, "value", _CLIENT),
        Field("output_rate", check_whole(RATE_HZ_MIN, RATE_HZ_MAX), RATE_MAY_BE, "number", _CLIENT),
        Field("output_encoding", check_output_encoding, ENCODING_MAY_BE, "value", _CLIENT),
    )
}
