"""Tools and problems of the operator's file as they are found; what all kinds have alike."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tornado_app.protocol.realtime.functions import Manners
from tornado_app.settings.secret import read_secret
from tornado_app.settings.words import wrong_fields
from tornado_app.tools.entries import DESCRIPTION_CHARACTERS, TIMEOUT_MAX_S, Kept
from tornado_app.tools.http import is_address
from tornado_app.tools.result import Tool

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the API takes as the name of a function."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OUR_HEADERS = {"accept-encoding", "content-length", "content-type", "host", "transfer-encoding"}
SIGNING_KEY_BYTES = 16

T = TypeVar("T", bound=msgspec.Struct)


class Reading:
    """Collects; nothing is raised, so that all that is wrong is said at once."""

    def __init__(self, folder: Path, result_bytes: int) -> None:
        """*folder* is where the file is: names of other files are seen from there."""
        self.folder = folder
        self.result_bytes = result_bytes
        self.tools: list[Tool] = []
        self.problems: list[str] = []

    def add(self, where: str, tool: Tool) -> None:
        """A tool, under a name that no other has."""
        if not NAME.fullmatch(tool.name):
            sentence = "a name has 1 to 64 of the characters A-Z a-z 0-9 _ -"
            self.problems.append(f"{where}: {sentence}")
        if any(other.name == tool.name for other in self.tools):
            self.problems.append(f"{where}: there is another tool of this name")
        function = tool.function
        if function is not None and not 0 < function.timeout_s <= TIMEOUT_MAX_S:
            sentence = f"timeout_s must be above 0 and at most {TIMEOUT_MAX_S:g}"
            self.problems.append(f"{where}: {sentence}")
        if function is not None and len(function.description) > DESCRIPTION_CHARACTERS:
            sentence = f"the description is longer than {DESCRIPTION_CHARACTERS} characters"
            self.problems.append(f"{where}: {sentence}")
        if function is not None:
            self.check_filler(where, function.manners, function.timeout_s)
        self.tools.append(tool)

    def check_filler(self, where: str, manners: Manners, timeout_s: float) -> None:
        """Whether the sentence comes before the time of the call is over."""
        after_ms = manners.filler_after_ms
        if after_ms is not None and after_ms >= 1000 * timeout_s:
            self.problems.append(f"{where}: filler_after_ms must be less than timeout_s")

    def converted(self, where: str, table: dict[str, Any], kind: type[T]) -> T | None:
        """The table as a value; None if it is none."""
        wrong = [f"{where}.{name}: {reason}" for name, reason in wrong_fields(table, kind)]
        self.problems += wrong
        return None if wrong else msgspec.convert(table, kind)

    def url(self, where: str, url: str) -> str:
        """An address that can be asked."""
        if not is_address(url):
            sentence = "must be http:// or https://, a host and no user"
            self.problems.append(f"{where}.url: {sentence}")
        return url

    def headers(self, where: str, headers: Mapping[str, str | Kept]) -> dict[str, str]:
        """Names and values, with the secrets in them."""
        read = {}
        for name, value in headers.items():
            text = value if isinstance(value, str) else self.kept(f"{where}.headers.{name}", value)
            if not HEADER_NAME.fullmatch(name):
                self.problems.append(f"{where}.headers: {name!r} is no name of a header")
            elif name.lower() in OUR_HEADERS or name.lower().startswith("x-parley-"):
                self.problems.append(f"{where}.headers: {name} is set by Parley itself")
            elif not text.isascii() or not text.isprintable():
                sentence = "a header holds printable ASCII characters only"
                self.problems.append(f"{where}.headers.{name}: {sentence}")
            read[name] = text
        return read

    def signing_key(self, where: str, kept: Kept | None) -> bytes:
        """Empty: requests are not signed."""
        if kept is None:
            return b""
        before = len(self.problems)
        key = self.kept(f"{where}.signing_key", kept).encode()
        if len(key) < SIGNING_KEY_BYTES and len(self.problems) == before:
            sentence = f"must have at least {SIGNING_KEY_BYTES} bytes"
            self.problems.append(f"{where}.signing_key: {sentence}")
        return key

    def kept(self, where: str, kept: Kept) -> str:
        """The secret itself; what is wrong is said without it."""
        if bool(kept.env) == bool(kept.file):
            self.problems.append(f"{where}: give either env or file")
            return ""
        if kept.env:
            value = os.environ.get(kept.env, "").strip()
            if not value:
                self.problems.append(f"{where}: {kept.env} is not set in the environment")
            return kept.prefix + value
        try:
            return kept.prefix + read_secret(self.folder / kept.file)
        except ValueError as error:
            self.problems.append(f"{where}: {kept.file} {error}")
            return ""
