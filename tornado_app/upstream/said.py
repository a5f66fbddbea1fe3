"""What a link says most: a message of the model."""

import math
from typing import Any

from msgspec import Struct


class LinkSaid(Struct, frozen=True):
    """One message, parsed.  Answer it with `Link.consumed(posted_bytes)`."""

    event: Any
    """Whatever the parser makes of a message: a link knows no dialect."""
    posted_bytes: int
    """The size of all messages up to this one, so that no answer depends on another."""
    read_at: float = math.inf
    """When it was whole."""
