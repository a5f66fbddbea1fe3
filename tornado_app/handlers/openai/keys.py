"""Where a client of the OpenAI API shows its key, which is a token here."""

from collections.abc import Mapping, Sequence

from tornado.httputil import HTTPServerRequest

from tornado_app.admission.tokens import SECRET_PREFIX
from tornado_app.errors import Refused
from tornado_app.handlers.opening import bearer, offered

KEY_SUBPROTOCOL = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta."

BETA_GONE = (
    "The beta of this API is no longer spoken. "
    "Leave out the header OpenAI-Beta and the subprotocol openai-beta."
)


def read_key(
    request: HTTPServerRequest, query: Mapping[str, Sequence[str]], *, allow_query: bool
) -> str | None:
    """The token that the request shows, wherever it may; the first place that has one wins."""
    key = bearer(request) or request.headers.get("api-key") or _offered_key(request)
    if not key and allow_query:
        key = next((query[name][-1] for name in ("api-key", "token") if query.get(name)), None)
    return key.strip().removeprefix(SECRET_PREFIX) if key else None


def check_beta(request: HTTPServerRequest) -> None:
    """Raises `Refused`, if the client speaks the API's beta."""
    offers_beta = any(offer.startswith(BETA_SUBPROTOCOL) for offer in offered(request))
    if offers_beta or "realtime=v1" in request.headers.get("OpenAI-Beta", ""):
        raise Refused("invalid_message", BETA_GONE, "OpenAI-Beta")


def _offered_key(request: HTTPServerRequest) -> str | None:
    offers = (offer for offer in offered(request) if offer.startswith(KEY_SUBPROTOCOL))
    return next((offer.removeprefix(KEY_SUBPROTOCOL) for offer in offers), None)
