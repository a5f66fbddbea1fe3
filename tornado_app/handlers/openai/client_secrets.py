"""``POST /v1/realtime/client_secrets``: a short-lived key for a page, with the call it opens."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from tornado_app.admission.application_keys import ApplicationKeys
from tornado_app.admission.claims import Caller
from tornado_app.admission.limits import Bucket
from tornado_app.admission.tokens import SECRET_PREFIX
from tornado_app.client_side.front_door import Doorstep
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.handlers.bodies import BodyHandler
from tornado_app.handlers.openai.answering import ApiHandler
from tornado_app.handlers.quiet import as_json
from tornado_app.handlers.refusals import http_status
from tornado_app.issuing import Lent
from tornado_app.logs import get_logger
from tornado_app.protocol.realtime.api_errors import unknown, wrong_type
from tornado_app.protocol.realtime.asked_session import api_path, fields_asked, session_shown

# The API's own.
TTL_S = 600
TTLS_S = (10, 7200)
APPLICATION_S = 7200.0
"""How long calls may last whose secret the application has had made, from then on."""

APPLICATION = "application"
"""The user of a secret whose application names none."""
SAFETY_IDENTIFIER = "OpenAI-Safety-Identifier"
FOR_SERVERS = "A key of the application's is for its servers, not for pages."

SHOWN_CHARACTERS = 64
PER_S = 2.0
BURST = 30.0
APPLICATION_PER_S = 50.0
APPLICATION_BURST = 200.0
USERS_KEPT = 10_000


class SecretRates:
    """How fast one user, or the application, may have secrets made.  Thread: loop."""

    def __init__(self) -> None:
        self._application = Bucket(APPLICATION_PER_S, APPLICATION_BURST)
        self._users: OrderedDict[str, Bucket] = OrderedDict()
        """The last to be forgotten is who asked last."""

    def check(self, user_id: str | None, now: float) -> None:
        """One more, of the application if there is no *user_id*; raises `Refused`."""
        bucket = self._application if user_id is None else self._bucket(user_id)
        if wait_s := bucket.take(now):
            sentence = "Client secrets were asked for too often. Ask again later."
            raise Refused("rate_limited", sentence, retry_after_ms=int(wait_s * 1000) + 1)

    def _bucket(self, user_id: str) -> Bucket:
        bucket = self._users.setdefault(user_id, Bucket(PER_S, BURST))
        self._users.move_to_end(user_id)
        if len(self._users) > USERS_KEPT:
            self._users.popitem(last=False)
        return bucket


class ClientSecretsHandler(ApiHandler, BodyHandler):
    """Answers when all of the body is there.  Thread: loop.

    Whoever shows a token lends what that gives them; with one of the application's keys it is a
    new token, as from ``POST /sessions``, in the API's words.
    """

    allowed = ("POST",)

    def initialize(  # type: ignore[override]  # two more
        self, gateway: Gateway, doorstep: Doorstep, keys: ApplicationKeys, rates: SecretRates
    ) -> None:
        super().initialize(gateway, doorstep)
        self._keys = keys
        self._rates = rates
        self._caller: Caller | None = None
        self._is_application = False

    async def prepare(self) -> None:
        """Who it is is known before the body comes; that is not kept of a stranger."""
        self.begin_body()
        if self.request.method not in self.allowed:
            return
        try:
            await self._admit()
        except Refused as refused:
            self.refused = refused
            self.note(refused, "client secret")

    async def _admit(self) -> None:
        key = self.shown_key()
        self._is_application = key is not None and self._keys.have(key)
        if self._is_application:
            self._caller = self._application()
        else:
            self._caller = await self.caller()
        user_id = None if self._is_application else self._caller.user_id
        self._rates.check(user_id, time.monotonic())

    def _application(self) -> Caller:
        if "Origin" in self.request.headers:
            # A page that had a key would have given it to everybody who looks at the page.
            raise Refused("origin_denied", FOR_SERVERS)
        user_id = self.request.headers.get(SAFETY_IDENTIFIER, APPLICATION)
        longest_s = self._gateway.settings.auth.max_lifetime_s
        return Caller(user_id, frozenset(), _now() + min(longest_s, APPLICATION_S), None)

    def post(self) -> None:
        try:
            self._mint(self.read_body())
        except Refused as refused:
            self.refuse(refused, http_status(refused))

    def _mint(self, asked: Mapping[str, Any]) -> None:
        if (caller := self._caller) is None:
            raise ValueError("nobody knows who asks")
        ttl_s, session = _read(asked)
        said = fields_asked(session)
        try:
            lent = self._gateway.access.judge.issuer.lend(
                caller, said, ttl_s, _now(), as_client=not self._is_application
            )
        except Refused as refused:
            raise Refused(refused.code, refused.sentence, api_path(refused.field)) from None
        get_logger().info("token_issued", user_id=caller.user_id, with_session=bool(said))
        self.answer(200, as_json(answer_of(lent, said)))


def answer_of(lent: Lent, said: Mapping[str, Any]) -> dict[str, Any]:
    """The secret, and what a call begins with that it opens."""
    begun, rules = lent.begun.model_session, lent.begun.rules
    shown = session_shown(begun, said, has_transcripts=rules.has_transcripts(begun))
    session = {"id": f"sess_{secrets.token_hex(10)}", **shown}
    value = f"{SECRET_PREFIX}{lent.token}"
    return {"value": value, "expires_at": int(lent.expires_at), "session": session}


def _read(asked: Mapping[str, Any]) -> tuple[float, Mapping[str, Any]]:
    """How long the secret lives, and the session object; raises `Refused`."""
    for name in asked:
        if name not in {"expires_after", "session"}:
            raise unknown(name[:SHOWN_CHARACTERS])
    session = asked.get("session")
    if session is None:
        session = {"type": "realtime"}
    if not isinstance(session, dict):
        raise wrong_type("session", "an object")
    return _ttl_s(asked.get("expires_after")), session


def _ttl_s(wanted: Any) -> float:
    if wanted is None:
        return TTL_S
    if not isinstance(wanted, dict):
        raise wrong_type("expires_after", "an object")
    for name in wanted.keys() - {"anchor", "seconds"}:
        raise unknown(f"expires_after.{name[:SHOWN_CHARACTERS]}")
    if wanted.get("anchor", "created_at") != "created_at":
        sentence = "expires_after.anchor must be created_at."
        raise Refused("invalid_message", sentence, "expires_after.anchor")
    seconds, (least, most) = wanted.get("seconds", TTL_S), TTLS_S
    if type(seconds) is not int:  # True is an int to isinstance
        raise wrong_type("expires_after.seconds", "an integer")
    if not least <= seconds <= most:
        sentence = f"expires_after.seconds must be an integer from {least} to {most}."
        raise Refused("invalid_message", sentence, "expires_after.seconds")
    return float(seconds)


def _now() -> float:
    return time.time()  # noqa: TID251  `exp` is wall time
