"""``/admin/``: the operator's page, which asks what the addresses beside it tell, with a key."""

import re
from typing import Any

from tornado_app.admin.administration import Administration
from tornado_app.errors import Refused
from tornado_app.handlers.quiet import NOWHERE_FOR_OPERATORS
from tornado_app.handlers.web import WebFileHandler, page_headers
from tornado_app.web.files import WebFile, names_in

PAGE = "operator/index.html"
SHARED = ("console/base.css", "console/icon.svg")
"""What it has in common with the console, but for modules."""


class PageHandler(WebFileHandler):
    """A file of it: nothing in it is a secret, and without keys there is none.  Thread: loop."""

    def initialize(self, name: str, administration: Administration) -> None:  # type: ignore[override]
        super().initialize(WebFile.read(name), page_headers())
        self._administration = administration

    def prepare(self) -> None:
        if not self._administration.gateway.settings.admin.keys:
            self.refuse(Refused("invalid_message", NOWHERE_FOR_OPERATORS), 404)


def page_files() -> tuple[str, ...]:
    """All that a browser loads of it, as the room of web names them."""
    return (*names_in("operator"), *SHARED)


def page_routes(administration: Administration) -> list[tuple[str, Any, dict[str, Any]]]:
    """The page and its files, all in one folder."""
    files = [
        (f"/admin/{re.escape(name.rpartition('/')[2])}", name)
        for name in page_files()
        if name != PAGE
    ]
    return [
        (path, PageHandler, {"name": name, "administration": administration})
        for path, name in ((r"/admin/?", PAGE), *files)
    ]
