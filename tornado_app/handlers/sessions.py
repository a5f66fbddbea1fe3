"""``POST /sessions``: an application's server asks for a token (docs/tokens.md)."""

import time
from collections.abc import Mapping
from typing import Any

from tornado_app.admission.application_keys import ApplicationKeys
from tornado_app.admission.limits import Bucket
from tornado_app.client_side.front_door import Doorstep
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.handlers.bodies import BodyHandler
from tornado_app.handlers.quiet import as_json
from tornado_app.handlers.refusals import http_status
from tornado_app.issuing import read_wanted
from tornado_app.logs import get_logger

PER_S = 50.0
BURST = 200.0

_KEY = "It needs the header Authorization: Bearer, with one of auth.application_keys."


class SessionRate:
    """How fast tokens are made in this process.  Thread: loop."""

    def __init__(self) -> None:
        self._bucket = Bucket(PER_S, BURST)

    def take(self) -> Refused | None:
        wait_s = self._bucket.take(time.monotonic())
        if not wait_s:
            return None
        sentence = f"More than {PER_S:g} tokens a second were asked for. Ask again later."
        return Refused("rate_limited", sentence, retry_after_ms=int(wait_s * 1000) + 1)


class SessionsHandler(BodyHandler):
    """Answers when all of the body is there.  Thread: loop."""

    allowed = ("POST",)

    def initialize(
        self, gateway: Gateway, doorstep: Doorstep, keys: ApplicationKeys, rate: SessionRate
    ) -> None:
        self._gateway = gateway
        self._doorstep = doorstep
        self._keys = keys
        self._rate = rate

    def prepare(self) -> None:
        """Who it is is known before the body comes; that is not kept of a stranger."""
        self.begin_body()
        if self.request.method in self.allowed:
            self.refused = self._stranger() or self._rate.take()

    def post(self) -> None:
        try:
            self._issue(self.read_body())
        except Refused as refused:
            self.refuse(refused, http_status(refused))

    def _issue(self, asked: Mapping[str, Any]) -> None:
        wanted = read_wanted(asked, self._gateway.settings.auth.max_lifetime_s)
        issued = self._gateway.access.judge.issuer.issue(wanted, time.time())  # noqa: TID251  `exp` is wall time
        get_logger().info("token_issued", user_id=wanted.user, with_session=bool(wanted.session))
        body = {"token": issued.token, "expires_at": int(issued.expires_at * 1000)}
        self.answer(201, as_json(body))

    def _stranger(self) -> Refused | None:
        """Why this is none of the application's servers."""
        if "Origin" in self.request.headers:
            # A page that had a key would have given it to everybody who looks at the page.
            return self._note(Refused("origin_denied", "This address is for servers, not pages."))
        scheme, _, key = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return self._note(Refused("token_missing", _KEY))
        if not self._keys.have(key.strip()):
            return self._note(Refused("token_invalid", f"This is no key of this server's. {_KEY}"))
        return None

    def _note(self, refused: Refused) -> Refused:
        ip = self._doorstep.address_of(self.request).ip
        self._doorstep.refusals.log(
            "client_refused", code=refused.code, ip=ip, detail="application key"
        )
        return refused
