"""Deadlines by name."""


class Timers:
    """When a session wants to be woken, and for what.  Thread: loop."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}

    def set(self, name: str, at: float) -> None:
        self._due_at[name] = at

    def clear(self, name: str) -> None:
        self._due_at.pop(name, None)

    def clear_all(self) -> None:
        self._due_at.clear()

    def earliest(self) -> float | None:
        return min(self._due_at.values(), default=None)

    def take_due(self, now: float) -> list[str]:
        """Names whose time has come, earliest first; they are forgotten."""
        due = sorted((at, name) for name, at in self._due_at.items() if at <= now)
        for _, name in due:
            del self._due_at[name]
        return [name for _, name in due]
