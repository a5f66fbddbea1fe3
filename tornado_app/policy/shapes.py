"""Objects of the Realtime API: which fields one has, and of which type each is.

What is judged is what is sent: a field that is not in the table, or a list where a text is judged,
may mean something to a server, and to nobody here.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias

from tornado_app.protocol.realtime.api_errors import missing, need, unknown

SHOWN_CHARACTERS = 64


class Of(NamedTuple):
    """One without types is judged elsewhere, or by the model."""

    expected: str = ""
    types: tuple[type, ...] = ()
    is_needed: bool = False


Shape: TypeAlias = Mapping[str, Of]

ANY: Final = Of()
NEEDED: Final = Of(is_needed=True)
TEXT: Final = Of("a string", (str,), is_needed=True)
TEXT_OR_NULL: Final = Of("a string", (str, NoneType))


def check_shape(path: str, value: Mapping[str, Any], shape: Shape) -> None:
    """Whether an object has what it needs and nothing else; *path* empty: it is the event itself.

    Raises:
        ApiRefusal: As the API would.
    """
    before = f"{path}." if path else ""
    for name, found in value.items():
        field = shape.get(name)
        if field is None:
            raise unknown(f"{before}{name[:SHOWN_CHARACTERS]}")
        if field.types:
            need(f"{before}{name}", found, field.expected, *field.types)
    for name, field in shape.items():
        if field.is_needed and name not in value:
            raise missing(f"{before}{name}")
