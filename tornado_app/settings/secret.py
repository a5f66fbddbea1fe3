"""A text that must not be seen."""

DEVELOPMENT_PREFIX = "parley-development-only-"
"""Tells a development secret from a real one, on whatever computer it ends up."""


class Secret:
    """A text that no log, error or repr shows."""

    # No dataclass: msgspec would look inside.
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(hidden)" if self._text else "Secret(empty)"
