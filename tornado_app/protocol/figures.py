"""What is counted of a call, in values: who counts makes them, a status tells them."""

from msgspec import Struct


class AudioFigures(Struct, frozen=True):
    received_ms: float
    sent_ms: float
    buffered_ms: float
    clipped_samples: int
    dropped_ms: float


class ToolFigures(Struct, frozen=True):
    calls: int
    running: int
    failed: int
    total_ms: float


class LimitUse(Struct, frozen=True):
    used: float
    limit: float


class CostFigures(Struct, frozen=True):
    amount: str
    """A decimal number, exactly as it was added up."""
    currency: str
    unpriced: int
    """How many answers and written turns are not in it, because there is no price for them."""
