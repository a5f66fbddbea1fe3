"""A model's event as the object that it is, for the few of which something has to be changed."""

from typing import Any

import msgspec

from tornado_app.protocol.realtime.mending import whole_characters


def object_of(text: str) -> dict[str, Any]:
    """Total: of what cannot be read there is nothing in it.

    A server that cuts its text where it likes leaves halves of characters.
    """
    for whole in (text, whole_characters(text)):
        try:
            found = msgspec.json.decode(whole)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def dict_of(value: Any) -> dict[str, Any]:
    """The object that it is, or an empty one."""
    return value if isinstance(value, dict) else {}


def words_of(item: Any) -> dict[str, str]:
    """The texts of an object that somebody else has written; what else stands there is no text."""
    return {name: value for name, value in dict_of(item).items() if isinstance(value, str)}


def text_of(event: dict[str, Any]) -> str:
    return msgspec.json.encode(event).decode()
