"""What can be understood of an event that is not quite as it should be.

A field of another type than the API says (a number as text, null, a list) costs that field, not
the event: an event that is thrown away may be the one that somebody waits for.
"""

from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

T = TypeVar("T", bound=Struct)

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


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
        for choice in (wanted, *get_args(wanted)):
            if isinstance(choice, type) and issubclass(choice, Struct):
                return mend(choice, raw)
        raise
