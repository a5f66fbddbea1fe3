"""What an exception says about the model's end of a link."""

import ssl
import struct
from typing import Literal

from websocket import (
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketProxyException,
)

from tornado_app.logs import get_logger
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.waits import retry_after_s
from tornado_app.upstream.wire import Broken

log = get_logger()

NO_CLOSE_CODE = 1005  # a close frame without a code: RFC 6455, 7.1.5
# OpenSSL's numbers (X509_STORE_CTX_get_error(3)): its own words may quote an address.
CERTIFICATES = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "certificate_self_signed",
    19: "certificate_self_signed",
    20: "certificate_of_unknown_issuer",
    62: "certificate_of_another_name",
    64: "certificate_of_another_address",
}


class PeerClosed(Broken):
    """The peer sent a close frame."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("closed", "")
        self.code = struct.unpack("!H", payload[:2])[0] if payload else NO_CLOSE_CODE
        self.reason = payload[2:].decode(errors="replace")


def failure_from(error: Exception, stage: Literal["dial", "open"]) -> Failure:
    """What *error* says about the peer.  Its message is left out: it may quote an address."""
    dialling = stage == "dial"
    name = type(error).__name__
    match error:
        case PeerClosed():
            return Failure(stage, "closed", close_code=error.code, close_reason=error.reason)
        case Broken():
            return Failure(stage, error.kind, detail=error.detail)
        case WebSocketBadStatusException():
            wait_s = retry_after_s(error.resp_headers or {})
            return Failure(stage, "handshake", error.status_code, detail=name, retry_after_s=wait_s)
        case WebSocketConnectionClosedException():
            return Failure(stage, "closed", detail=name)
        case ConnectionResetError() | BrokenPipeError() | ssl.SSLEOFError():
            return Failure(stage, "reset", detail=name)
        case WebSocketProxyException():
            return Failure(stage, "refused", detail=name)
        case ssl.SSLCertVerificationError():
            why = CERTIFICATES.get(error.verify_code, name)
            return Failure(stage, "handshake", detail=why)
        case WebSocketException() | ssl.SSLError():
            return Failure(stage, "handshake" if dialling else "protocol", detail=name)
        case TimeoutError():  # the system gave up: ETIMEDOUT
            return Failure(stage, "timeout" if dialling else "stalled", detail=name)
        case OSError():
            return Failure(stage, "refused" if dialling else "reset", detail=name)
        case UnicodeDecodeError():
            return Failure(stage, "protocol", detail=name)
    log.error("upstream_failed", exc_info=error)
    return Failure(stage, "protocol", detail=name)
