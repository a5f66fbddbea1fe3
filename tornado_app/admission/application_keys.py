"""The keys with which an application's own servers ask for tokens."""

import hmac
from collections.abc import Iterable

LEAST_CHARACTERS = 32


class ApplicationKeys:
    """Thread: any; nothing here changes."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def have(self, key: str) -> bool:
        """Whether it is one of them; the time tells nothing of how nearly, or of which."""
        shown = key.encode("utf-8", "replace")
        return sum(hmac.compare_digest(shown, known) for known in self._keys) > 0
