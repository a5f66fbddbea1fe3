"""How long a user has waited for the last answers, and for whom."""

from collections import deque
from collections.abc import Mapping
from typing import Any

WAITS_KEPT = 12


class LastWaits:
    """Of one call.  Thread: loop."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        self._waits: deque[dict[str, float | None]] = deque(maxlen=WAITS_KEPT)

    def hear(self, event: str, fields: Mapping[str, Any], now: float) -> None:  # noqa: ARG002
        """A fact of the call."""
        if event == "answer_heard":
            parts = ("model_ms", "gateway_ms", "tools_ms")
            self._waits.append({part: fields[part] for part in parts})

    def told(self) -> list[dict[str, float | None]]:
        """The newest last, each in parts that add up; None: it needed no tool."""
        return list(self._waits)
