"""Where speech is in the sound that a client has sent, whichever model says it.

A model counts from the first sample that it has heard itself.  One that goes on with a call hears
only what the one before had made no turn of, and what was dropped on the way no model hears.
"""

from tornado_app.session.model_side import ModelSide
from tornado_app.session.rebuilding import CarriedOver


class Clock:
    """Thread: loop."""

    def __init__(self) -> None:
        self._begins_ms = 0.0
        """Where that which this model hears begins in what the client has sent."""

    def left_out(self, duration_ms: float) -> None:
        """The model hears nothing of so much."""
        self._begins_ms += duration_ms

    def carry_over(self, model: ModelSide) -> CarriedOver | None:
        """The model is gone: have what was said carried over to the next, as `ModelSide` does."""
        written_ms = model.gate.written_ms
        carried = model.carry_over()
        self._begins_ms += written_ms - (carried.said_again_ms if carried is not None else 0.0)
        return carried

    def clients_ms(self, position_ms: float) -> int:
        """Where the client has said what the model has heard there."""
        return round(position_ms + self._begins_ms)
