"""One thing that a call has used."""

from decimal import Decimal
from typing import Literal

import msgspec

Kind = Literal["answer", "transcription", "tool", "call"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Of one kind, with what that has; written down once, however often it is tried."""

    id: str
    """No other record has it."""
    kind: Kind
    at: int
    """When it was over: Unix time in milliseconds."""
    session_id: str
    user_id: str
    organisation: str = ""
    model: str = ""
    """The one that was asked for; of a tool its name."""
    status: str = ""
    """How an answer ended, what became of a tool, why a call ended."""
    seconds: float = 0.0
    """How long a call or a tool was; of a turn that was written down, what its model counts."""
    received_s: float = 0.0
    """Of a call: audio of its user."""
    answered_s: float = 0.0
    """Of a call: audio that its user was sent."""
    tokens: dict[str, int] = {}
    """By type (`token_types`), which add up."""
    cost: Decimal | None = None
    """None: there is no price for it."""
    currency: str = ""
    is_estimated: bool = False
    """Its end never came: tokens and cost are what they were at least likely to be."""
    response_id: str = ""
    trace_id: str = ""


class Unfit(ValueError):
    """The place is there, and takes others, but never these records."""
