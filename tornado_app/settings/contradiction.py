"""What is wrong with settings of which each has its type."""

from typing import Any, NamedTuple

from tornado_app.settings.reading import label
from tornado_app.settings.schema import Settings


class Contradiction(NamedTuple):
    """What is wrong although each value has its type; *names* are the settings it is about."""

    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{label(self.names[0])}: {self.reason}"


def value_of(settings: Settings, name: str) -> Any:
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)
