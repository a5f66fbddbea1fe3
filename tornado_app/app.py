"""Routes and Tornado settings, nothing else."""

import asyncio
import re
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application

from tornado_app.admin.administration import Administration
from tornado_app.admission.application_keys import ApplicationKeys
from tornado_app.client_side.front_door import Doorstep, FrontDoor
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.handlers.admin.page import page_files
from tornado_app.handlers.admin.routes import admin_routes
from tornado_app.handlers.console import console_headers, console_routes
from tornado_app.handlers.metrics import make_metrics_server
from tornado_app.handlers.openai.answering import ELSEWHERE, Elsewhere
from tornado_app.handlers.openai.calls import RealtimeHandler
from tornado_app.handlers.openai.client_secrets import ClientSecretsHandler, SecretRates
from tornado_app.handlers.openai.models import ModelsHandler
from tornado_app.handlers.probes import HealthHandler, ReadyHandler
from tornado_app.handlers.quiet import NowhereHandler, error_message
from tornado_app.handlers.sessions import SessionRate, SessionsHandler
from tornado_app.handlers.voice import VoiceHandler
from tornado_app.handlers.web import WebFileHandler
from tornado_app.health import Health
from tornado_app.logs import log_request
from tornado_app.metrics.page import Page
from tornado_app.protocol.openai_v1.dialect import OPENAI_V1
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.readings import LocalModel, look
from tornado_app.settings.schema import Settings
from tornado_app.web.files import WebFile, names_in

# A request may name the whole address (RFC 9112, 3.2.2), as proxies do.
HOST = r"(?:https?://[^/]+)?"
# What pages of other origins may import; who may call is decided by the token, not by the script.
MODULES = ("parley.js", "parley.d.ts", "parley-call.js", "parley-call.d.ts")
SHARED = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}

# Azure's are below /openai; with two slashes where somebody's base URL ends in one.
API = rf"{HOST}(?:/openai)?/v1/+"
CALLS = rf"{HOST}(?:/openai|(?:/openai)?/v1)/+realtime/?"

Route = tuple[str, Any, dict[str, Any]]


def make_front_door(gateway: Gateway, health: Health) -> FrontDoor:
    """The whole HTTP server; it listens on nothing yet."""
    doorstep = Doorstep(gateway.settings, asyncio.get_running_loop(), gateway.hear)
    return FrontDoor(make_app(gateway, health, doorstep), doorstep, _spell)


def renew_front_door(door: FrontDoor, gateway: Gateway, health: Health) -> None:
    """Have it go by what the gateway does."""
    door.go_by(make_app(gateway, health, door.doorstep), gateway.settings)


def _spell(sentence: str) -> bytes:
    """What those are told whose requests cannot be read."""
    return error_message(VOICE_V1, Refused("invalid_message", sentence))


def make_metrics_app(
    gateway: Gateway,
    health: Health,
    door: FrontDoor,
    model: LocalModel | None,
    administration: Administration | None = None,
) -> HTTPServer:
    """What scrapers and operators talk to, on an address of its own; it listens on nothing yet.

    *administration* None: there is nothing for operators.
    """

    async def see() -> Page:
        return look(gateway, health, len(door.doorstep.waiting), model)

    operators = [] if administration is None else admin_routes(administration, door.doorstep)
    return make_metrics_server(see, VOICE_V1, operators)


def make_app(gateway: Gateway, health: Health, doorstep: Doorstep) -> Application:
    voice = {"gateway": gateway, "doorstep": doorstep, "dialect": VOICE_V1}
    return Application(
        [
            (rf"{HOST}/ws", VoiceHandler, voice),
            *_sessions(gateway, doorstep),
            *_openai(gateway, doorstep),
            *_modules(),
            *_console(gateway, doorstep),
            (rf"{HOST}/healthz", HealthHandler, {"health": health}),
            (rf"{HOST}/readyz", ReadyHandler, {"health": health}),
        ],
        default_handler_class=NowhereHandler,
        dialect=VOICE_V1,
        log_function=log_request,
        # Pings and their deadlines are the session's: Tornado clamps the timeout to the interval.
        websocket_ping_interval=0,
        serve_traceback=False,
    )


def read_web(settings: Settings) -> None:
    """Have all files that browsers load, which takes a moment the first time.  Thread: any."""
    names = [*MODULES]
    if settings.console.enabled:
        names += names_in("console")
    if settings.metrics.enabled and settings.admin.keys:
        names += page_files()
    for name in names:
        WebFile.read(name)


def _modules() -> list[Route]:
    return [_file(name, SHARED) for name in MODULES]


def _console(gateway: Gateway, doorstep: Doorstep) -> list[Route]:
    """The page at `/` and what it asks for; nowhere, if it is switched off."""
    routes = console_routes(gateway, doorstep)
    if not routes:
        return []
    headers = console_headers(gateway.settings)
    page = _file("console/index.html", headers, "")
    files = [_file(name, headers) for name in names_in("console")]
    return [page, *files, *((f"{HOST}{path}", handler, how) for path, handler, how in routes)]


def _file(name: str, headers: dict[str, str], path: str | None = None) -> Route:
    """The file of that *name*, at the same path or another."""
    address = re.escape(name if path is None else path)
    return (f"{HOST}/{address}", WebFileHandler, {"file": WebFile.read(name), "headers": headers})


def _sessions(gateway: Gateway, doorstep: Doorstep) -> list[Route]:
    """The address at which tokens are made; nowhere, if nobody has a key for it."""
    keys = _application_keys(gateway)
    given = {"gateway": gateway, "doorstep": doorstep, "keys": keys, "rate": SessionRate()}
    return [(rf"{HOST}/sessions", SessionsHandler, given)] if keys else []


def _openai(gateway: Gateway, doorstep: Doorstep) -> list[Route]:
    """The addresses of the OpenAI API; nowhere, if they are switched off."""
    if not gateway.settings.openai.enabled:
        return []
    all_of_them = {"gateway": gateway, "doorstep": doorstep}
    secrets = {**all_of_them, "keys": _application_keys(gateway), "rates": SecretRates()}
    return [
        (CALLS, RealtimeHandler, {**all_of_them, "dialect": OPENAI_V1}),
        (rf"{API}realtime/client_secrets/?", ClientSecretsHandler, secrets),
        (rf"{API}models/?", ModelsHandler, all_of_them),
        (rf"{API}models/([^/]+)/?", ModelsHandler, all_of_them),
        *((f"{HOST}{path}", Elsewhere, {**all_of_them, "said": said}) for path, said in ELSEWHERE),
    ]


def _application_keys(gateway: Gateway) -> ApplicationKeys:
    return ApplicationKeys(key.reveal() for key in gateway.settings.auth.application_keys)
