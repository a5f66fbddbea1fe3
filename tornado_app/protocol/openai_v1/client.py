"""What the frames of a client mean.

The hot path is an append of audio.  One that is written plainly, as all known clients do, is found
by a few searches, without parsing it; any doubt leads to the parser.
"""

import json
import re
from typing import Any, Final

import msgspec

from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked, json_values
from tornado_app.protocol.opening import Introduction
from tornado_app.protocol.realtime.api_errors import missing, refusal, wrong_type

APPEND = "input_audio_buffer.append"
EVENT_ID_CHARACTERS = 512

_PLAIN_APPEND: Final = re.compile(
    r'\s*\{\s*"type"\s*:\s*"input_audio_buffer\.append"\s*,\s*"audio"\s*:\s*"', re.ASCII
)
_AUDIO_FIRST: Final = re.compile(r'\s*\{\s*"audio"\s*:\s*"', re.ASCII)
_TYPE_LAST: Final = re.compile(
    r'"\s*,\s*"type"\s*:\s*"input_audio_buffer\.append"\s*\}\s*', re.ASCII
)
_END: Final = re.compile(r'"\s*\}\s*', re.ASCII)
HEAD_CHARACTERS = 128


def parse_client(text: str) -> asked.ClientMessage:
    """Read one text frame.

    Raises:
        ApiRefusal: It is no JSON object with a type.
    """
    audio = plain_audio(text)
    return asked.Audio(audio) if audio is not None else _parse(text)


def plain_audio(text: str) -> str | None:
    """The base64 of an append that has nothing but type and audio, each once and without escapes.

    None: it is none, or not written so plainly.  Whether it is base64 the model finds out.
    """
    if head := _PLAIN_APPEND.match(text, 0, HEAD_CHARACTERS):
        end = text.find('"', head.end())
        whole = _END.fullmatch(text, end) if end >= 0 else None
    elif head := _AUDIO_FIRST.match(text, 0, HEAD_CHARACTERS):
        end = text.find('"', head.end())
        whole = _TYPE_LAST.fullmatch(text, end) if end >= 0 else None
    else:
        return None
    if whole is None or not text.isascii() or "\\" in text:
        return None
    return text[head.end() : end]


def read_introduction(message: str | bytes) -> Introduction:
    """The API has no such message: who has no token is not let in."""
    del message
    raise InvalidMessage("token_missing", "There is no API key.")


def read_place(message: str | bytes) -> int | None:
    """Nobody goes on with a call in this dialect."""
    del message
    return None


class _Ambiguous(Exception):
    """A name stands twice in an object."""


def _parse(text: str) -> asked.ClientEvent:
    fields = _object(text)
    kind = fields.get("type")
    ref = _event_id(fields)
    if kind is None:
        raise missing("type", ref)
    if not isinstance(kind, str):
        raise wrong_type("type", "a string", ref)
    try:
        json.loads(text, object_pairs_hook=_once)
    except (_Ambiguous, ValueError, RecursionError):
        # Two parsers may take another of the two for the right one: the model is told what was
        # judged here.
        text = msgspec.json.encode(fields).decode()
    return asked.ClientEvent(kind, fields, text, ref=ref)


def _object(text: str) -> dict[str, Any]:
    if json_values.has_too_many(text):
        sentence = f"An event may have at most {json_values.VALUES} values."
        raise refusal("invalid_event", sentence, None)
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise refusal("invalid_json", "The frame is not valid JSON.", None) from None
    if not isinstance(fields, dict):
        raise refusal("invalid_event", "An event is a JSON object.", None)
    if json_values.is_too_deep(fields):
        most = f"{json_values.LEVELS} lists and objects in each other"
        raise refusal("invalid_event", f"An event may have at most {most}.", None)
    return fields


def _event_id(fields: dict[str, Any]) -> str | None:
    event_id = fields.get("event_id")
    if event_id is None:
        return None
    if not isinstance(event_id, str):
        raise wrong_type("event_id", "a string")
    if len(event_id) > EVENT_ID_CHARACTERS:
        sentence = f"event_id may have at most {EVENT_ID_CHARACTERS} characters."
        raise refusal("string_above_max_length", sentence, "event_id")
    return event_id


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Ambiguous
    return found
