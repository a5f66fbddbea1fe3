"""Requests that have a body."""

from collections.abc import Mapping
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.web import stream_request_body

from tornado_app.admission.json_object import read_object
from tornado_app.errors import Refused
from tornado_app.handlers.quiet import QuietHandler

BODY_BYTES = 65_536
READ_BYTES = 4 * BODY_BYTES
"""A body that is too large is read to be refused in words; one that is much larger is not read."""


@stream_request_body
class BodyHandler(QuietHandler):
    """Reads at most `READ_BYTES`, and keeps nothing of somebody who is refused.  Thread: loop."""

    def begin_body(self) -> None:
        """Called from `prepare`, before anything of the body comes."""
        cast(HTTP1Connection, self.request.connection).set_max_body_size(READ_BYTES)
        self._body = bytearray()
        self.refused: Refused | None = None
        """Why nothing will come of this request, as far as it is known."""

    def data_received(self, chunk: bytes) -> None:
        if self.refused is None and len(self._body) + len(chunk) > BODY_BYTES:
            sentence = f"The body may have at most {BODY_BYTES} bytes."
            self.refused = Refused("message_too_large", sentence)
        if self.refused is not None:
            self._body.clear()
            return
        self._body += chunk

    def read_body(self) -> Mapping[str, Any]:
        """The object that the body is.

        Raises:
            Refused: If it is none; or why it was not read.
        """
        if self.refused is not None:
            raise self.refused
        asked = read_object(bytes(self._body))
        if asked is None:
            sentence = "The body must be a JSON object in which each name stands once."
            raise Refused("invalid_json", sentence)
        return asked
