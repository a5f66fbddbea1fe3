"""The Tornado shell of a handshake: who asks, for what, and how that is refused.  Thread: loop."""

from datetime import UTC, datetime
from typing import Any

from tornado.websocket import WebSocketHandler

from local_realtime.errors import Fatal, Refused
from local_realtime.handlers.admission import SUBPROTOCOL, Handshake, Opening, admit
from local_realtime.handlers.http_api import error_body, tell_error
from local_realtime.handlers.registry import Registry

AZURE_PATH = "/openai/"
NAME_HEADER, NAME = "X-Realtime-Model", "local model"
"""Who answers; `session.model` is what the client has asked for."""


class OpeningHandler(WebSocketHandler):
    """A WebSocket until it is open."""

    def initialize(self, registry: Registry) -> None:
        self._registry = registry
        self._opening: Opening

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002
        """Any page may connect, as to the real API; an api key keeps strangers out."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            self.set_header("Upgrade", "websocket")
            message = "This address speaks WebSocket: ask for an upgrade."
            await self._refuse_upgrade(426, Refused("upgrade_required", message))
            return
        handshake = self._handshake()
        if self._registry.api_key is not None and handshake.credential is None:
            message = "Missing bearer or basic authentication in header"
            await self._refuse_upgrade(401, Refused(None, message))
            return
        if self.get_query_argument("call_id", ""):
            message = "There are no calls here: WebRTC and SIP are not available."
            await self._refuse_upgrade(404, Refused("call_id_not_found", message))
            return
        self.set_header(NAME_HEADER, NAME)
        await super().get(*args, **kwargs)

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        tell_error(self, status_code)

    async def _refuse_upgrade(self, status: int, refused: Refused) -> None:
        self.set_status(status)
        await self.finish(error_body(refused))

    def _handshake(self) -> Handshake:
        headers = self.request.headers
        offered = headers.get("Sec-WebSocket-Protocol", "").split(",")
        is_azure = self.request.path.startswith(AZURE_PATH)
        deployment = self.get_query_argument("deployment", "") if is_azure else ""
        return Handshake(
            model=self.get_query_argument("model", "") or deployment,
            intent=self.get_query_argument("intent", ""),
            authorization=headers.get("Authorization", ""),
            api_key=headers.get("api-key", "") or self.get_query_argument("api-key", ""),
            beta=headers.get("OpenAI-Beta", ""),
            protocols=tuple(protocol.strip() for protocol in offered),
            is_azure=is_azure,
        )

    def _refusal(self) -> Fatal | None:
        """Why there will be no session; if there will, what it is, is known from here on."""
        handshake = self._handshake()
        secret = self._registry.secrets.find(handshake.credential, unix_now())
        admitted = admit(handshake, self._registry.api_key, secret)
        if isinstance(admitted, Fatal):
            return admitted
        self._opening = admitted
        return None


def unix_now() -> float:
    return datetime.now(UTC).timestamp()
