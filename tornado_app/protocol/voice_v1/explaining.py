"""What is wrong with a message, in a sentence that names the field and says what it may be."""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from tornado_app.errors import InvalidMessage

Messages: TypeAlias = Mapping[str, type[Struct]]
"""All that there are, by their names."""


SMALL_CHARACTERS = 16_384
"""What is larger is looked at only as far as a sentence needs it: to make all that stands in a
megabyte takes a tenth of a second, for which every call waits.
"""
NAMES = ("type", "id")
STAND_INS: Mapping[bytes, Any] = {b"[": [], b"{": {}}
DIGITS = frozenset({b"-", *(b"%d" % digit for digit in range(10))})
LONG_TEXT = "x" * 32_769
LONG_BYTES = 12 * 32_768 + 2
"""A larger text is as long at least, however it is escaped: too long for any field but audio."""

_fields_of: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(
    dict[str, msgspec.Raw]
)


def explain(text: str, messages: Messages) -> InvalidMessage:
    """The one field to name of a *text* that is none of *messages*.  Slow."""
    fields = as_object(text, messages)
    if fields is None:
        return InvalidMessage("invalid_message", "The message must be a JSON object.")
    refused = _explain_type(fields, messages)
    refused.ref = _id_of(fields)
    return refused


def _id_of(fields: dict[str, Any]) -> str | None:
    """What the message calls itself, if that is a name."""
    name = fields.get("id")
    is_name = isinstance(name, str) and 1 <= len(name) <= 64 and name.isprintable()
    return name if is_name else None


def _explain_type(fields: dict[str, Any], messages: Messages) -> InvalidMessage:
    allowed = ", ".join(messages)
    if "type" not in fields:
        return InvalidMessage("invalid_message", f"type is missing; it may be {allowed}.", "type")
    kind = fields["type"]
    if not isinstance(kind, str):
        return InvalidMessage(
            "invalid_message", f"type must be a string: one of {allowed}.", "type"
        )
    if kind not in messages:
        return InvalidMessage("unknown_type", f"type is not known; it may be {allowed}.", "type")
    said = {name: fields[name] for name in fields if name != "type"}
    return _explain_fields(kind, messages[kind], said)


def as_object(text: str, messages: Messages) -> dict[str, Any] | None:
    """The fields of a *text*, or None if it is no object; of a large one those that *messages* have
    and the first that none of them has, and for what is large in them something of its kind.
    """
    if len(text) > SMALL_CHARACTERS:
        return _gist(text, messages)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):  # as well over a number of 5,000 digits
        return _gist(text, messages)
    return fields if isinstance(fields, dict) else None


def _gist(text: str, messages: Messages) -> dict[str, Any] | None:
    try:
        fields = _fields_of.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    known = {
        *NAMES,
        *(name for each in messages.values() for name in each.__struct_encode_fields__),
    }
    found = {name: _kind_of(bytes(fields[name])) for name in known & fields.keys()}
    unknown = next((name for name in fields if name not in known), None)
    return found if unknown is None else {**found, unknown: None}


def _kind_of(raw: bytes) -> Any:
    """What *raw* means, if it is small; else something that is as little what is wanted."""
    if len(raw) > SMALL_CHARACTERS and raw[:1] in STAND_INS:
        return STAND_INS[raw[:1]]
    if len(raw) > LONG_BYTES and raw.startswith(b'"'):
        return LONG_TEXT
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return STAND_INS.get(raw[:1], math.inf if raw[:1] in DIGITS else None)


def _explain_fields(kind: str, message: type[Struct], fields: dict[str, Any]) -> InvalidMessage:
    known = {known.encode_name: known for known in msgspec.structs.fields(message)}
    for name, known_field in known.items():
        if name not in fields:
            if known_field.required:
                return InvalidMessage("invalid_message", f"{name} is missing in {kind}.", name)
            continue
        if known_field.type is msgspec.Raw:  # which any value is
            continue
        try:
            msgspec.convert(fields[name], known_field.type)
        except msgspec.ValidationError:
            return InvalidMessage(
                "invalid_message", f"{name} must be {words_of(known_field.type)}.", name
            )
    unknown = next((name for name in fields if name not in known), None)
    immense = next((name for name, value in fields.items() if _is_immense(value)), None)
    if unknown is None and immense is not None:
        sentence = f"{immense} has a number that is too large for any field."
        return InvalidMessage("invalid_message", sentence, immense)
    if unknown is None:  # such as a key that stands twice
        sentence = f"{kind} has a field twice, and once it is wrong; each may stand once."
        return InvalidMessage("invalid_message", sentence)
    takes = ", ".join(known) or "no fields"
    return InvalidMessage(
        "invalid_message",
        f"{kind} has no field {_shown(unknown)}; it takes {takes}.",
        _shown(unknown),
    )


def _is_immense(value: Any) -> bool:
    """Whether there is a number in it that no float holds; not by recursion, as depth is theirs."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, float) and math.isinf(each):
            return True
        if isinstance(each, dict | list):
            left += each.values() if isinstance(each, dict) else each
    return False


def _shown(name: str) -> str:
    """A client's own field name, short enough to be said back, and sayable: half of a surrogate
    pair is no text (RFC 8259, 8.2).
    """
    short = name if len(name) <= 64 else name[:61] + "..."
    return short.encode("utf-8", "replace").decode()


def words_of(annotation: object) -> str:
    """The description that the field's annotation carries."""
    return _description(msgspec.inspect.type_info(annotation)) or "a value of another type"


def _description(info: msgspec.inspect.Type) -> str | None:
    if isinstance(info, msgspec.inspect.UnionType):
        return next((words for part in info.types if (words := _description(part))), None)
    if isinstance(info, msgspec.inspect.Metadata):
        return (info.extra_json_schema or {}).get("description")
    return None
