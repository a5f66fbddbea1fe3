"""JSON of strangers, read so that no two readers can see different things in it."""

import base64
import json
from typing import Any, NoReturn


def read_object(text: bytes) -> dict[str, Any] | None:
    """The object that *text* is: UTF-8, each name once, no NaN.  None: it is none."""
    try:
        # json.loads would also take UTF-16 and UTF-32 for bytes.
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_part(text: str) -> dict[str, Any] | None:
    """The same of base64url without padding, as parts of a token are."""
    try:
        return read_object(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of {"sub": "a", "sub": "b"} may see two different users.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_number(_: str) -> NoReturn:
    raise ValueError
