"""What the console's page asks for beside its files: what it is talking to, and a token."""

import time
from typing import Any
from urllib.parse import urlsplit

from tornado_app.admission.limits import Bucket
from tornado_app.admission.origins import OriginRules
from tornado_app.admission.own_page import PageRequest, objection
from tornado_app.client_side.front_door import Doorstep
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.handlers.quiet import QuietHandler, as_json
from tornado_app.handlers.web import page_headers
from tornado_app.issuing import Wanted
from tornado_app.logs import get_logger
from tornado_app.settings.schema import Settings
from tornado_app.upstream.endpoint import provider

USER = "console"
TTL_S = 3600.0
"""A call ends with its token, and nobody wants that while trying things out."""
PER_S = 2.0
BURST = 40.0

PASTE = "paste"
ISSUED = "/console/token"


def console_headers(settings: Settings) -> dict[str, str]:
    """Of the console, which may ask another host for its token and may have the microphone."""
    elsewhere = urlsplit(settings.console.token_url)
    token_host = f"{elsewhere.scheme}://{elsewhere.netloc}" if elsewhere.netloc else ""
    return page_headers(token_host, microphone="self")


class AboutHandler(QuietHandler):
    """``GET /console/about``: what a page can say before there is a call.  Thread: loop."""

    allowed = ("GET", "HEAD")

    def initialize(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def get(self) -> None:
        settings = self._gateway.settings
        body = {
            "model": settings.upstream.model,
            "goes_to": provider(settings),
            "token": token_source(settings),
            "writes_down": bool(settings.session.transcription_model),
            "hold_ms": settings.audio.hold_ms,
            "fields": self._gateway.access.judge.offered(),
        }
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.answer(200, as_json(body))

    def head(self) -> None:
        """As GET; Tornado leaves the body out."""
        self.get()


class TokenHandler(QuietHandler):
    """``POST /console/token``: a token for the page, in development.  Thread: loop."""

    allowed = ("POST",)

    def initialize(self, gateway: Gateway, doorstep: Doorstep, rate: Bucket) -> None:
        self._gateway = gateway
        self._doorstep = doorstep
        self._rate = rate
        self._named = OriginRules.read(gateway.settings.server.allowed_origins)

    def post(self) -> None:
        request = PageRequest(self.request.headers, self.request.remote_ip or "")
        sentence = objection(request, self._named)
        if sentence is not None:
            self._doorstep.refusals.log(
                "client_refused", code="origin_denied", ip=self.request.remote_ip, detail="console"
            )
            self.refuse(Refused("origin_denied", sentence), 403)
            return
        if wait_s := self._rate.take(time.monotonic()):
            sentence = "The console asks for tokens too often. Wait a moment."
            refused = Refused("rate_limited", sentence, retry_after_ms=int(wait_s * 1000) + 1)
            self.refuse(refused, 429)
            return
        issued = self._gateway.access.judge.issuer.issue(Wanted(USER, TTL_S), time.time())  # noqa: TID251  `exp`
        get_logger().info("token_issued", user_id=USER, with_session=False)
        body = {"token": issued.token, "expires_at": int(issued.expires_at * 1000)}
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.answer(201, as_json(body))


def token_source(settings: Settings) -> str:
    """Where the page gets its token: an address that it asks, or `PASTE`."""
    if settings.console.token_url:
        return settings.console.token_url
    return ISSUED if settings.server.environment == "development" else PASTE


def console_routes(gateway: Gateway, doorstep: Doorstep) -> list[tuple[str, Any, dict[str, Any]]]:
    """The addresses that the page asks for more than files; none, where there is no page."""
    if not gateway.settings.console.enabled:
        return []
    routes: list[tuple[str, Any, dict[str, Any]]] = [
        ("/console/about", AboutHandler, {"gateway": gateway})
    ]
    if token_source(gateway.settings) == ISSUED:
        given = {"gateway": gateway, "doorstep": doorstep, "rate": Bucket(PER_S, BURST)}
        routes.append((ISSUED, TokenHandler, given))
    return routes
