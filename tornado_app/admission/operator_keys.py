"""The keys of those who run the gateway: each has a name, for what is written of what it did."""

import hmac
from collections.abc import Iterable, Iterator

from tornado_app.admission.application_keys import LEAST_CHARACTERS

LONGEST_NAME = 64


class OperatorKeys:
    """Thread: any; nothing here changes."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Each is ``name:key``."""
        pairs = [each.partition(":") for each in keys]
        self._keys = [(name, key.encode()) for name, _, key in pairs]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def name_of(self, key: str) -> str | None:
        """Whose it is; None: nobody's.  The time tells nothing of how nearly, or of which."""
        shown = key.encode("utf-8", "replace")
        found = [name for name, known in self._keys if hmac.compare_digest(shown, known)]
        return found[0] if found else None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self._keys)

    @staticmethod
    def problems(keys: Iterable[str]) -> Iterator[str]:
        """What is wrong with them, a sentence each that holds none of them."""
        pairs = [each.partition(":") for each in keys]
        if any(not _is_name(name) or not between for name, between, _ in pairs):
            yield (
                f"each must be name:key, the name 1 to {LONGEST_NAME} letters, digits, '-', '_' "
                "or '.'"
            )
        elif any(len(key) < LEAST_CHARACTERS or not _is_printable(key) for *_, key in pairs):
            yield f"each key must have at least {LEAST_CHARACTERS} characters, printable ASCII"
        elif len({key for *_, key in pairs}) < len(pairs):
            yield "two have the same key: nobody could say whose it was"


def _is_name(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return len(text) <= LONGEST_NAME and plain.isascii() and plain.isalnum()


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
