"""What every address answers: in JSON, and without a word in the log when the request was wrong."""

import json
import time
from typing import Any, ClassVar

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from tornado_app.errors import Refused
from tornado_app.logs import get_logger
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.told import ErrorReport

NOWHERE = "There is nothing at this address. Calls go to /ws."
NOWHERE_FOR_OPERATORS = (
    "There is nothing at this address. Here are /metrics and, with admin.keys, /admin/."
)
INTERNAL = Refused("internal", "The server had a fault of its own.")


class QuietHandler(RequestHandler):
    """Anybody can send a request that is wrong: it is answered, and is no fault of ours.

    Thread: loop.  Tornado's own answers are HTML, and it prints the request with its query, where
    a token may be.
    """

    allowed: ClassVar[tuple[str, ...]]
    """The methods that this address knows (RFC 9110, 15.5.6)."""

    def answer(self, status: int, body: bytes) -> None:
        """Finish with this JSON; to HEAD only its headers go."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(body)

    def error_message(self, refused: Refused) -> bytes:
        """The one message of a client of whom no more is known."""
        return error_message(self.settings["dialect"], refused)

    def http_error(self, refused: Refused) -> bytes:
        """The body of an answer that refuses."""
        return self.error_message(refused)

    def refuse(self, refused: Refused, status: int) -> None:
        """Finish with what says it, and the headers that go with *status*."""
        if refused.retry_after_ms is not None:
            self.set_header("Retry-After", str(-(-refused.retry_after_ms // 1000)))
        if status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if status == 405:
            self.set_header("Allow", ", ".join(self.allowed))
        if status == 426:  # RFC 9110, 15.5.22; RFC 6455, 4.4
            self.set_header("Upgrade", "websocket")
            self.set_header("Connection", "Upgrade")
            self.set_header("Sec-WebSocket-Version", "13")
        self.answer(status, self.http_error(refused))

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        """What Tornado found wrong with a request, or what went wrong here."""
        if status_code == 405:
            allowed = " and ".join(self.allowed)
            refused = Refused("invalid_message", f"This address takes {allowed} only.")
        elif status_code < 500:
            refused = Refused("invalid_message", "This request cannot be read.")
        else:
            refused = INTERNAL
        self.refuse(refused, status_code)

    def log_exception(self, *exc_info: Any) -> None:
        error = exc_info[1]
        if isinstance(error, StreamClosedError):  # whoever asked has left
            return
        if not isinstance(error, HTTPError) or error.status_code >= 500:
            get_logger().error("handler_failed", exc_info=exc_info)


class NowhereHandler(QuietHandler):
    """Every address that is none of ours.  Thread: loop."""

    allowed = ()

    def initialize(self, sentence: str = NOWHERE) -> None:
        self._sentence = sentence

    def prepare(self) -> None:
        self.refuse(Refused("invalid_message", self._sentence), 404)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002  Tornado's
        """A method that Tornado does not know is no better here than any other."""
        self.prepare()


def as_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def error_message(dialect: Dialect, refused: Refused) -> bytes:
    """The one message of a client without a session."""
    return dialect.encode(ErrorReport.of(refused), 1, time.time_ns() // 1_000_000)
