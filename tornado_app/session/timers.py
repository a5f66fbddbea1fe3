"""Deadlines by name."""

import math


class Timers:
    """When a session wants to be woken, and for what.  Thread: loop."""

    __slots__ = ("_due_at", "earliest")

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}
        self.earliest = math.inf
        """When the first is due; infinity if none is set."""

    def set(self, name: str, at: float) -> None:
        self._due_at[name] = at
        self._find_earliest()

    def __contains__(self, name: str) -> bool:
        return name in self._due_at

    def clear(self, name: str) -> None:
        self._due_at.pop(name, None)
        self._find_earliest()

    def clear_all(self) -> None:
        self._due_at.clear()
        self._find_earliest()

    def take_due(self, now: float) -> list[str]:
        """Names whose time has come, earliest first; they are forgotten."""
        if now < self.earliest:
            return []
        due = sorted((at, name) for name, at in self._due_at.items() if at <= now)
        for _, name in due:
            del self._due_at[name]
        self._find_earliest()
        return [name for _, name in due]

    def _find_earliest(self) -> None:
        # Timers are set a few times a minute, and asked for with every event.
        self.earliest = min(self._due_at.values(), default=math.inf)
