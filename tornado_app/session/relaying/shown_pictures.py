"""The pictures in an item of a client, as they are judged."""

from collections.abc import Iterator
from typing import Any

from tornado_app.protocol import asked

PREFIX = "data:image/"


def pictures_of(item: Any) -> Iterator[asked.Image]:
    """Those that are data URLs, which all are that a client may show."""
    parts = item.get("content") if isinstance(item, dict) else None
    for part in parts if isinstance(parts, list) else ():
        url = part.get("image_url") if isinstance(part, dict) else None
        if isinstance(url, str) and url.startswith(PREFIX):
            kind, _, image = url.removeprefix(PREFIX).partition(";base64,")
            yield asked.Image(image, kind)
