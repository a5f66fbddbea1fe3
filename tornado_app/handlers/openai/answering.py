"""How plain HTTP is answered here: as the API does it."""

from typing import Any

from tornado_app.admission.claims import Caller
from tornado_app.client_side.front_door import Doorstep
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.handlers.openai.keys import read_key
from tornado_app.handlers.opening import read_query
from tornado_app.handlers.quiet import QuietHandler, as_json
from tornado_app.protocol.realtime.api_errors import refusal, said

PREFLIGHT_S = 600


def error_body(refused: Refused) -> bytes:
    """The JSON of an answer that refuses."""
    return as_json({"error": said(refused).fields})


class ApiHandler(QuietHandler):
    """Errors in the API's shape, and pages of other origins where those may connect.

    Thread: loop.
    """

    def initialize(self, gateway: Gateway, doorstep: Doorstep) -> None:
        self._gateway = gateway
        self._doorstep = doorstep

    def http_error(self, refused: Refused) -> bytes:
        return error_body(refused)

    def answer(self, status: int, body: bytes) -> None:
        self._let_pages_read()
        super().answer(status, body)

    def options(self, *_args: str) -> None:
        """What a browser asks before it sends a key (https://fetch.spec.whatwg.org/#cors)."""
        if not self._is_read_by_page():
            self.refuse(Refused("origin_denied", "Pages of this origin may not connect."), 403)
            return
        self._let_pages_read()
        self.set_status(204)
        self.set_header("Access-Control-Allow-Methods", ", ".join(self.allowed))
        # No star: that would not stand for Authorization.
        wanted = self.request.headers.get("Access-Control-Request-Headers", "Authorization")
        self.set_header("Access-Control-Allow-Headers", wanted)
        self.set_header("Access-Control-Max-Age", str(PREFLIGHT_S))
        self.finish()

    def shown_key(self) -> str | None:
        """The token, or the application's key, that the request shows; raises `Refused`."""
        allow_query = self._gateway.settings.auth.allow_query_token
        return read_key(self.request, read_query(self.request), allow_query=allow_query)

    async def caller(self) -> Caller:
        """Who asks.

        Raises:
            Refused: As for a call.
        """
        origin = self.request.headers.get("Origin")
        return await self._gateway.access.reception.identify(origin, self.shown_key())

    def note(self, refused: Refused, detail: str | None = None) -> None:
        """Write down that somebody was refused."""
        ip, detail = self._doorstep.address_of(self.request).ip, detail or refused.detail
        self._doorstep.refusals.log("client_refused", code=refused.code, ip=ip, detail=detail)

    def _is_read_by_page(self) -> bool:
        return self._gateway.access.judge.allows_origin(self.request.headers.get("Origin"))

    def _let_pages_read(self) -> None:
        origin = self.request.headers.get("Origin")
        self.set_header("Vary", "Origin")
        if origin is not None and self._is_read_by_page():
            self.set_header("Access-Control-Allow-Origin", origin)


class Elsewhere(ApiHandler):
    """Addresses of the API that are not served, each with a sentence that says so."""

    allowed = ()

    def initialize(  # type: ignore[override]  # what is said
        self, gateway: Gateway, doorstep: Doorstep, said: tuple[int, Refused]
    ) -> None:
        super().initialize(gateway, doorstep)
        self._status, self._refused = said

    def prepare(self) -> None:
        if self.request.method != "OPTIONS":
            self.refuse(self._refused, self._status)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002  Tornado's
        """A method that Tornado does not know is no better here than any other."""
        self.prepare()


NO_WEBRTC = "WebRTC and SIP are not served here. Dial the WebSocket /v1/realtime."
NO_SESSIONS = (
    "The beta of this API is no longer spoken. Ask POST /v1/realtime/client_secrets for a key."
)
NOTHING_ELSE = (
    "There is nothing at this address. Of the OpenAI API there are /v1/realtime, "
    "/v1/realtime/client_secrets and /v1/models."
)

ELSEWHERE = (
    (r"(?:/openai)?/v1/+realtime/calls(?:/.*)?", (404, Refused("invalid_message", NO_WEBRTC))),
    (
        r"(?:/openai)?/v1/+realtime/(?:transcription_)?sessions/?",
        (400, refusal("beta_api_shape_disabled", NO_SESSIONS, None)),
    ),
    (r"/(?:openai|v1)/.*", (404, Refused("invalid_message", NOTHING_ELSE))),
)
"""Paths, and with which status what is said there; behind all that are served."""
