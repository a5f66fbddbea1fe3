"""The pictures in an item of a client, as they are judged."""

from collections.abc import Iterator
from typing import Any

from tornado_app.protocol import asked

PREFIX = "data:image/"


def pictures_of(path: str, item: Any) -> Iterator[tuple[str, asked.Image]]:
    """Those that are data URLs, which all are that a client may show, each with where it stands."""
    parts = item.get("content") if isinstance(item, dict) else None
    for number, part in enumerate(parts if isinstance(parts, list) else ()):
        url = part.get("image_url") if isinstance(part, dict) else None
        if isinstance(url, str) and url.startswith(PREFIX):
            kind, _, image = url.removeprefix(PREFIX).partition(";base64,")
            yield f"{path}.content[{number}].image_url", asked.Image(image, kind)
