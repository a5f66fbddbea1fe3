"""The few things that are asked by plain HTTP, with answers and errors in the API's shape."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from tornado.web import RequestHandler

from local_realtime.errors import Refused
from local_realtime.handlers.admission import BETA_DISABLED, holds_key, presented_key
from local_realtime.handlers.registry import Registry

METHODS = ("GET", "HEAD", "POST", "OPTIONS")
MAX_BODY_BYTES = 1024 * 1024
STATUS_OF_CODE = {"rate_limit_exceeded": 429, "invalid_api_key": 401, "request_too_large": 413}


def error_body(refused: Refused) -> dict[str, Any]:
    inner = refused.wire()
    inner.pop("event_id")
    return {"error": inner}


def tell_error(handler: RequestHandler, status: int) -> None:
    """Answer what no handler has refused by itself."""
    refused = Refused("invalid_request", "The request could not be read.")
    if status == 405:
        method, path = handler.request.method, handler.request.path
        handler.set_header("Allow", ", ".join(_methods_of(handler)))
        refused = Refused("method_not_allowed", f"Not allowed to {method} on {path}.")
    elif status >= 500:
        message = "The server had an error while processing your request."
        refused = Refused("server_error", message, kind="server_error")
    handler.finish(error_body(refused))


def _methods_of(handler: RequestHandler) -> list[str]:
    """Those that a handler answers: it has its own way with them."""
    others = {method: getattr(RequestHandler, method.lower()) for method in METHODS}
    return [name for name in METHODS if getattr(type(handler), name.lower()) is not others[name]]


class ApiHandler(RequestHandler):
    """Says in JSON what goes wrong, whatever it is."""

    def initialize(self, registry: Registry) -> None:
        self._registry = registry

    def refuse(self, refused: Refused, status: int | None = None) -> None:
        self.set_status(status or STATUS_OF_CODE.get(refused.code or "", 400))
        self.finish(error_body(refused))

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        tell_error(self, status_code)


class ClientSecretsHandler(ApiHandler):
    """`POST /v1/realtime/client_secrets`."""

    def post(self) -> None:
        try:
            self._require_key()
            self.finish(self._registry.secrets.mint(self._body(), len(self.request.body), _now()))
        except Refused as refused:
            self.refuse(refused)

    def _require_key(self) -> None:
        headers = self.request.headers
        key = presented_key(headers.get("Authorization", ""), headers.get("api-key", ""))
        if not holds_key(key, self._registry.api_key):
            raise Refused("invalid_api_key", "Incorrect API key provided.")

    def _body(self) -> Any:
        if len(self.request.body) > MAX_BODY_BYTES:
            message = f"The body is longer than {MAX_BODY_BYTES} bytes."
            raise Refused("request_too_large", message)
        try:
            return msgspec.json.decode(self.request.body or b"{}")
        except (msgspec.DecodeError, RecursionError):
            raise Refused("invalid_json", "The body is not valid JSON, or too deep.") from None


class BetaHandler(ApiHandler):
    """Endpoints of the beta, which is gone."""

    def post(self) -> None:
        self.refuse(BETA_DISABLED, 400)


class HealthHandler(ApiHandler):
    """`/healthz`, by whatever method a probe uses."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish("ok\n")

    head = options = get


class UnknownHandler(ApiHandler):
    """Any other path."""

    def prepare(self) -> None:
        message = f"Invalid URL ({self.request.method} {self.request.path})"
        self.refuse(Refused(None, message), 404)


def _now() -> float:
    return datetime.now(UTC).timestamp()
