"""A client that is gone is noticed by its pings, and told so in the words of other servers."""

from typing import TYPE_CHECKING

from tornado.websocket import WebSocketProtocol13

if TYPE_CHECKING:
    from asyncio import Future

PING_TIMED_OUT = "ping timed out"
"""What Tornado says then, with 1000: as if the conversation had come to its end."""


class KeptAlive(WebSocketProtocol13):
    """Whatever a client says shows that it is there: behind much of it a pong may come late.

    Thread: loop.
    """

    def _handle_message(self, opcode: int, data: bytes) -> "Future[None] | None":
        self._received_pong = True
        return super()._handle_message(opcode, data)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        if code is None and reason == PING_TIMED_OUT:
            # https://websockets.readthedocs.io/en/stable/topics/keepalive.html
            code, reason = 1011, "keepalive ping timeout"
        super().close(code, reason)
