"""The files of this room, read once when the server starts."""

import gzip
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

ROOM = Path(__file__).parent

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file, plain and compressed."""

    content_type: str
    body: bytes = field(repr=False)
    gzipped: bytes = field(repr=False)
    digest: str

    @classmethod
    def read(cls, name: str) -> "WebFile":
        """The file of that name in this room.

        Raises:
            OSError: If it is not there.
        """
        path = ROOM / name
        body = path.read_bytes()
        return cls(
            _TYPES[path.suffix],
            body,
            gzip.compress(body, mtime=0),
            hashlib.sha256(body).hexdigest()[:32],
        )


def names_in(folder: str) -> list[str]:
    """The names of the files in a *folder* of this room."""
    return sorted(f"{folder}/{path.name}" for path in (ROOM / folder).iterdir())
