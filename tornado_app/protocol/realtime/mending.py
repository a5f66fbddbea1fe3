"""What can be understood of an event that is not quite as it should be.

A field of another type than the API says (a number as text, null, a list) costs that field, not
the event: an event that is thrown away may be the one that somebody waits for.  So does half of a
character, which a server leaves that cuts its text where it likes.
"""

import re
from types import UnionType
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

T = TypeVar("T", bound=Struct)

_ESCAPES = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})"
    r"|(?P<half>u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape of JSON (RFC 8259, section 7), or two that are one character (its section 8.2)."""

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


def whole_characters(text: str) -> str:
    """*text* of JSON with U+FFFD in the place of every escape that is half of a character."""
    return _ESCAPES.sub(lambda found: "\\ufffd" if found["half"] else found[0], text)


def mend(kind: type[T], text: str | bytes | Raw) -> T:
    """*text* as a *kind*; a field that cannot be read has its default.

    Raises `msgspec.DecodeError` if it is no object, or lacks a field that has no default.
    """
    given = _fields_decoder.decode(text)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        raw = given.get(field.encode_name)
        try:
            values |= {} if raw is None else {field.name: _read(field.type, raw)}
        except msgspec.DecodeError:
            if field.required:
                raise
        if field.required and field.name not in values:
            raise msgspec.ValidationError(f"no {field.name}")
    return kind(**values)


def _read(wanted: Any, raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw, type=wanted, strict=False)
    except msgspec.ValidationError:
        # Of a list it is no choice what stands in it.
        choices = get_args(wanted) if isinstance(wanted, UnionType) else (wanted,)
        for choice in choices:
            if isinstance(choice, type) and issubclass(choice, Struct):
                return mend(choice, raw)
        raise
