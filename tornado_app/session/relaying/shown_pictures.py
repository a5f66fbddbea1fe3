"""The pictures in an item of a client, as they are judged."""

from collections.abc import Iterable, Iterator
from typing import Any

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.picture_files import Size
from tornado_app.session.pictures import Pictures

PREFIX = "data:image/"


def pictures_of(path: str, item: Any) -> Iterator[tuple[str, asked.Image]]:
    """Those that are data URLs, which all are that a client may show, each with where it stands."""
    parts = item.get("content") if isinstance(item, dict) else None
    for number, part in enumerate(parts if isinstance(parts, list) else ()):
        url = part.get("image_url") if isinstance(part, dict) else None
        if isinstance(url, str) and url.startswith(PREFIX):
            kind, _, image = url.removeprefix(PREFIX).partition(";base64,")
            yield f"{path}.content[{number}].image_url", asked.Image(image, kind)


def take(pictures: Pictures, shown: Iterable[tuple[str, asked.Image]]) -> None:
    """They count, so that this comes behind all else for which an event is refused.

    Raises:
        Refused: If one is not taken; then none counts.
    """
    taken: list[tuple[asked.Image, Size]] = []
    for where, picture in shown:
        found = pictures.judge(picture, len(taken))
        if isinstance(found, Refused):
            sentence = f"{where}: {found.sentence}"
            raise Refused(found.code, sentence, where, found.retry_after_ms)
        taken.append((picture, found))
    for picture, found in taken:
        pictures.count(picture, found)
