"""``GET /v1/realtime``: a call of a client that speaks the Realtime API itself."""

from typing import Any

from tornado_app.errors import Refused
from tornado_app.guests import Knock
from tornado_app.handlers.handshake import wrong_handshake
from tornado_app.handlers.openai.answering import error_body
from tornado_app.handlers.openai.keys import check_beta, read_key
from tornado_app.handlers.opening import read_query
from tornado_app.handlers.refusals import http_status
from tornado_app.handlers.voice import VoiceHandler
from tornado_app.protocol.close import Close
from tornado_app.protocol.realtime.api_errors import api_error, refusing_close


class RealtimeHandler(VoiceHandler):
    """Comes in as those clients do: with a key where they show it, refused in words they know.

    All the rest is as at `/ws`.  Thread: loop.
    """

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Whoever does not upgrade learns whether the key is good: people try it with curl."""
        if wrong_handshake(self.request):
            try:
                knock = self.read_knock()
                await self._gateway.access.reception.identify(knock.origin, knock.token)
            except Refused as refused:
                self._log_refused(refused)
                self.refuse(refused, http_status(refused))
                return
        await super().get(*args, **kwargs)

    @property
    def may_introduce(self) -> bool:
        """The API has no message for that."""
        return False

    def read_knock(self) -> Knock:
        check_beta(self.request)
        query = read_query(self.request)
        allow_query = self._settings.auth.allow_query_token
        return Knock(
            dialect=self._dialect,
            origin=self.request.headers.get("Origin"),
            token=read_key(self.request, query, allow_query=allow_query),
            query=query,
            ip=self.request.remote_ip or "",
            traceparent=self.request.headers.get("traceparent"),
        )

    def reads_http(self) -> bool:
        """The API upgrades whoever asks, and those clients read only what comes then."""
        return False

    def close_for(self, refused: Refused) -> Close:
        return refusing_close(api_error(refused.code, refused.sentence, refused.field))

    def http_error(self, refused: Refused) -> bytes:
        return error_body(refused)
