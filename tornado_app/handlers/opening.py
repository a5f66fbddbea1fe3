"""What an opening request says."""

from urllib.parse import parse_qs

from tornado.httputil import HTTPServerRequest

from tornado_app.errors import Refused
from tornado_app.guests import Knock
from tornado_app.protocol.dialect import Dialect

TOKEN_PREFIX = "bearer."  # noqa: S105  a prefix, no token
MAX_PARAMETERS = 64


def read_knock(request: HTTPServerRequest, dialect: Dialect, *, allow_query_token: bool) -> Knock:
    """What the request asks for.

    Raises:
        Refused: If it has more parameters than anybody needs.
    """
    query = read_query(request)
    token = bearer(request) or _offered_token(request)
    if token is None and allow_query_token and "token" in query:
        token = query["token"][-1]
    return Knock(
        dialect=dialect,
        origin=request.headers.get("Origin"),
        token=token,
        query=query,
        ip=request.remote_ip or "",
        traceparent=request.headers.get("traceparent"),
    )


def read_query(request: HTTPServerRequest) -> dict[str, list[str]]:
    """The parameters of the address.

    Raises:
        Refused: If there are more of them than anybody needs.
    """
    try:
        return parse_qs(request.query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        sentence = f"The address may have at most {MAX_PARAMETERS} parameters."
        raise Refused("invalid_message", sentence) from None


def offered(request: HTTPServerRequest) -> list[str]:
    """The subprotocols that the client speaks."""
    header = request.headers.get("Sec-WebSocket-Protocol", "")
    return [offer.strip() for offer in header.split(",") if offer.strip()]


def bearer(request: HTTPServerRequest) -> str | None:
    """What the header Authorization bears (RFC 6750, 2.1)."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" and credentials else None


def _offered_token(request: HTTPServerRequest) -> str | None:
    offers = (offer for offer in offered(request) if offer.startswith(TOKEN_PREFIX))
    return next((offer.removeprefix(TOKEN_PREFIX) for offer in offers), None)
