"""What can be understood of an event that is not quite as it should be.

A field of another type than the API says (a number as text, null, a list) costs that field, not
the event: an event that is thrown away may be the one that somebody waits for.  Of a list it costs
what stands there, and no more.  So does half of a character, which a server leaves that cuts its
text where it likes.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

T = TypeVar("T", bound=Struct)

_ESCAPES = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})"
    r"|(?P<half>u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape of JSON (RFC 8259, section 7), or two that are one character (its section 8.2)."""

_NO_NUMBERS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|(?P<bare>-?Infinity|NaN)', re.DOTALL)
"""A text of JSON, within which anything may stand, or what Python writes for a number that is none
(https://docs.python.org/3/library/json.html#infinite-and-nan-number-values).
"""

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


def whole_characters(text: str) -> str:
    """*text* of JSON with U+FFFD in the place of every escape that is half of a character."""
    return _ESCAPES.sub(lambda found: "\\ufffd" if found["half"] else found[0], text)


def known_numbers(text: str | bytes) -> str | None:
    """*text* of JSON with null in the place of every number that JSON has not; None: it has none.

    A server in Python may write them: the logarithm of the probability of a word is -Infinity.
    """
    with suppress(UnicodeError):
        was = text if isinstance(text, str) else text.decode()
        if "NaN" not in was and "Infinity" not in was:
            return None
        known = _NO_NUMBERS.sub(lambda found: "null" if found["bare"] else found[0], was)
        return None if known == was else known
    return None


def mend(kind: type[T], text: str | bytes | Raw) -> T:
    """*text* as a *kind*; a field that cannot be read has its default, or is JSON's own text for it
    if *kind* names it in ``AS_TEXT``.

    Raises `msgspec.DecodeError` if it is no object, or lacks a field that has no default.
    """
    given = _fields_decoder.decode(text)
    as_text = getattr(kind, "AS_TEXT", ())
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        raw = given.get(field.encode_name)
        try:
            values |= {} if raw is None else {field.name: _read(field.type, raw)}
        except msgspec.DecodeError:
            if field.required:
                raise
            if raw is not None and field.name in as_text and bytes(raw) != b"null":
                values[field.name] = bytes(raw).decode()
        if field.required and field.name not in values:
            raise msgspec.ValidationError(f"no {field.name}")
    return kind(**values)


def _read(wanted: Any, raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError:
        return _read_other(wanted, raw)


def _read_other(wanted: Any, raw: Raw) -> Any:
    for choice in get_args(wanted) if isinstance(wanted, UnionType) else (wanted,):
        if get_origin(choice) is tuple:
            return tuple(_readable(get_args(choice)[0], raw))
        if isinstance(choice, type) and issubclass(choice, Struct):
            return mend(choice, raw)
    value = msgspec.json.decode(raw, type=wanted, strict=False)
    if isinstance(value, float) and not math.isfinite(value):
        # "nan" as text is one to Python; JSON has none, and no sum survives it.
        raise msgspec.ValidationError("no finite number")
    return value


def _readable(wanted: Any, raw: Raw) -> Iterator[Any]:
    """What of a list can be read."""
    for each in msgspec.json.decode(raw, type=list[Raw]):
        with suppress(msgspec.DecodeError):
            yield _read(wanted, each)
