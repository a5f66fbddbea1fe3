"""Where speech is in the sound that a client has sent, whichever model says it.

A model counts from the first sample that it has heard itself.  One that goes on with a call hears
only what the one before had made no turn of, and what was dropped on the way no model hears.
"""

from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.reading import object_of, text_of

POSITIONS = ("audio_start_ms", "audio_end_ms")


class Clock:
    """Thread: loop."""

    def __init__(self) -> None:
        self._begins_ms = 0.0
        """Where that which this model hears begins in what the client has sent."""

    def left_out(self, duration_ms: float) -> None:
        """The model hears nothing of so much."""
        self._begins_ms += duration_ms

    def carry_over(self, model: ModelSide) -> None:
        """The model is gone: have what was said carried over to the next."""
        written_ms = model.gate.written_ms
        carried = model.carry_over()
        self._begins_ms += written_ms - (carried.said_again_ms if carried is not None else 0.0)

    def shown(self, text: str) -> str:
        """An event with positions of speech, as the client counts."""
        if not self._begins_ms:
            return text
        event = object_of(text)
        for name in POSITIONS:
            if isinstance(position_ms := event.get(name), int | float):
                event[name] = round(position_ms + self._begins_ms)
        return text_of(event)
