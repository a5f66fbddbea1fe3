"""What a report may not hold, whoever has written the sentence that it stands in."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from terminal.files import read_whole
from tornado_app.logs import HIDDEN, scrub_text
from tornado_app.settings.secret import Secret

SECRET_ENDINGS = ("SECRET", "KEY", "KEYS", "TOKEN", "PASSWORD")
SHORTEST = 6
"""A shorter text is found in harmless words as well."""


class Veil:
    """Hides secrets that are known, and what looks like one.  They are known from `add` on."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        for name, value in os.environ.items():
            if name.startswith(("PARLEY_", "OPENAI_")):
                self._add_named(name, value)

    def add(self, secret: str) -> None:
        if len(secret) >= SHORTEST:
            self._secrets.add(secret)

    def add_url(self, url: str) -> None:
        """Its user, its password and its query are nobody's business."""
        try:
            parts = urlsplit(url)
        except ValueError:
            self.add(url)
            return
        for part in (parts.username, parts.password, parts.query, *_values(parts.query)):
            self.add(part or "")

    def add_settings(self, settings: msgspec.Struct) -> None:
        """Every secret of them."""
        for secret in _secrets(settings):
            self.add(secret)
        for url in _urls(settings):
            self.add_url(url)

    def add_file(self, path: str) -> None:
        """The same of a file of settings, also of one that is wrong in other places."""
        try:
            text = read_whole(Path(path)).decode()
        except (OSError, UnicodeDecodeError):
            return
        for name, value in re.findall(r"^\s*(\w+)\s*=\s*(.+)$", text, re.MULTILINE):
            for part in re.findall(r"""["']([^"']*)["']""", value):
                self._add_named(name.upper(), part)

    def _add_named(self, name: str, value: str) -> None:
        if name.endswith(SECRET_ENDINGS):
            self.add(value)
        if name.endswith("URL"):
            self.add_url(value)

    def over(self, text: str) -> str:
        """*text* in one line, without any of them."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return scrub_text(text)


def _values(query: str) -> list[str]:
    return [value for _, value in parse_qsl(query)]


def _urls(value: object) -> Iterator[str]:
    match value:
        case msgspec.Struct():
            for name, part in msgspec.structs.asdict(value).items():
                if name.endswith("url"):
                    yield part.reveal() if isinstance(part, Secret) else part
                else:
                    yield from _urls(part)
        case tuple():
            for each in value:
                yield from _urls(each)


def _secrets(value: object) -> Iterator[str]:
    match value:
        case Secret():
            yield value.reveal()
        case msgspec.Struct():
            for field in msgspec.structs.fields(value):
                part = getattr(value, field.name)
                yield from _secrets(part)
        case tuple():
            for each in value:
                yield from _secrets(each)
