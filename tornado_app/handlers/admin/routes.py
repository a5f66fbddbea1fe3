"""Which address is answered by whom."""

from typing import Any

from tornado_app.admin.administration import Administration
from tornado_app.client_side.front_door import Doorstep
from tornado_app.handlers.admin.bans import BanHandler, BansHandler
from tornado_app.handlers.admin.calls import CallHandler, CallsHandler, EndHandler
from tornado_app.handlers.admin.description import DescriptionHandler
from tornado_app.handlers.admin.listening import ListeningHandler
from tornado_app.handlers.admin.owners import OwnerHandler, ResetHandler
from tornado_app.handlers.admin.page import page_routes
from tornado_app.handlers.admin.usage import UsageHandler
from tornado_app.handlers.admin.whole import (
    DrainHandler,
    ElsewhereHandler,
    FiguresHandler,
    LimitsHandler,
    ReloadHandler,
    VersionHandler,
)

Route = tuple[str, Any, dict[str, Any]]

BELOW = "/admin/v1"


def admin_routes(administration: Administration, doorstep: Doorstep) -> list[Route]:
    """All of them; without a key in `admin.keys` they answer as addresses that are none."""
    given = {"administration": administration, "doorstep": doorstep}
    return [
        *page_routes(administration),
        *_asked(given),
    ]


def _asked(given: dict[str, Any]) -> list[Route]:
    return [
        (f"{BELOW}/{path}", handler, given)
        for path, handler in (
            ("openapi.json", DescriptionHandler),
            ("version", VersionHandler),
            ("limits", LimitsHandler),
            ("figures", FiguresHandler),
            ("usage", UsageHandler),
            ("limits/([^/]+)/([^/]+)", OwnerHandler),
            ("limits/([^/]+)/([^/]+)/reset", ResetHandler),
            ("calls", CallsHandler),
            ("calls/([^/]+)", CallHandler),
            ("calls/([^/]+)/end", EndHandler),
            ("calls/([^/]+)/listening", ListeningHandler),
            ("bans", BansHandler),
            ("bans/([^/]+)/([^/]+)", BanHandler),
            ("drain", DrainHandler),
            ("reload", ReloadHandler),
            (".*", ElsewhereHandler),
        )
    ]
