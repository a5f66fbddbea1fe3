"""Positions of speech in the events of a model, as the client counts."""

from tornado_app.session.clock import Clock
from tornado_app.session.relaying.reading import object_of, text_of

POSITIONS = ("audio_start_ms", "audio_end_ms")


class RelayedClock(Clock):
    """Thread: loop."""

    def shown(self, text: str) -> str:
        """An event with positions of speech, as the client counts."""
        if not self._begins_ms:
            return text
        event = object_of(text)
        for name in POSITIONS:
            if isinstance(position_ms := event.get(name), int | float):
                event[name] = self.clients_ms(position_ms)
        return text_of(event)
