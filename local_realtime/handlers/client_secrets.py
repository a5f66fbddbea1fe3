"""Keys for a browser: short-lived, with the session that they open.

https://platform.openai.com/docs/api-reference/realtime-sessions/create-realtime-client-secret
"""

import secrets
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from local_realtime.errors import Refused
from local_realtime.ids import new_id, random_letters
from local_realtime.session.session_kinds import KINDS, SessionKind
from local_realtime.session.value_rules import fields, integer, nullable, one_of, text

PREFIX = "ek_"
DEFAULT_SECONDS = 600
MAX_SECRETS = 10_000
MAX_STORED_BYTES = 64 * 1024 * 1024
"""Of the requests that are kept as configurations."""

EXPIRES_AFTER = fields(
    {"anchor": one_of("created_at"), "seconds": integer(10, 7200)},
    start={"anchor": "created_at", "seconds": DEFAULT_SECONDS},
)
REQUEST = fields(
    {
        "expires_after": nullable(EXPIRES_AFTER),
        "session": nullable(lambda wanted, _path, _current: wanted),
    },
    start={"expires_after": None, "session": None},
)
SESSION_TYPE = fields({"type": one_of(*KINDS)}, required=("type",))


@dataclass(frozen=True, slots=True)
class ClientSecret:
    expires_at: int
    kind: SessionKind
    wanted: dict[str, Any]
    """The configuration as it was asked for: `type`, and for a realtime session often `model`."""

    size_bytes: int

    @property
    def model(self) -> str | None:
        model: str | None = self.wanted.get("model")
        return model


class ClientSecrets:
    """Those that are valid; one opens any number of sessions until it expires.  Thread: loop.

    Kept by digests under a key of this process, so that a look-up tells nothing about a value by
    how long it takes.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._by_digest: dict[bytes, ClientSecret] = {}
        self._stored_bytes = 0

    def _digest(self, value: str) -> bytes:
        return blake2b(value.encode("utf-8", "surrogateescape"), key=self._key).digest()

    def find(self, value: str | None, unix_now: float) -> ClientSecret | None:
        """The secret of this value, if it is one that has not expired."""
        secret = self._by_digest.get(self._digest(value)) if value else None
        return secret if secret and unix_now < secret.expires_at else None

    def mint(self, request: Any, size_bytes: int, unix_now: float) -> dict[str, Any]:
        """The answer to a request of *size_bytes* for a new secret.

        Raises:
            Refused: If it asks for a session that cannot be had, or there are too many secrets.
        """
        asked = REQUEST(request, "", None)
        wanted = {"type": "realtime"} if asked["session"] is None else asked["session"]
        kind = _kind_of(wanted)
        model = nullable(text(256))(wanted.get("model"), "session.model", None)
        config = kind.begun_as(model, wanted)
        self._make_room(size_bytes, unix_now)
        seconds = (asked["expires_after"] or EXPIRES_AFTER({}, "", None))["seconds"]
        secret = ClientSecret(int(unix_now) + seconds, kind, wanted, size_bytes)
        value = PREFIX + random_letters(32)
        self._by_digest[self._digest(value)] = secret
        self._stored_bytes += size_bytes
        session = {**config, "id": new_id("sess"), "expires_at": 0}
        return {"value": value, "expires_at": secret.expires_at, "session": session}

    def _make_room(self, size_bytes: int, unix_now: float) -> None:
        if self._has_room(size_bytes):
            return
        valid = {d: s for d, s in self._by_digest.items() if unix_now < s.expires_at}
        self._by_digest = valid
        self._stored_bytes = sum(secret.size_bytes for secret in valid.values())
        if not self._has_room(size_bytes):
            message = "Too many client secrets are valid; try again when some have expired."
            raise Refused("rate_limit_exceeded", message, kind="requests")

    def _has_room(self, size_bytes: int) -> bool:
        is_small_enough = self._stored_bytes + size_bytes <= MAX_STORED_BYTES
        return is_small_enough and len(self._by_digest) < MAX_SECRETS


def _kind_of(wanted: Any) -> SessionKind:
    is_object = isinstance(wanted, dict)
    only_type = {key: wanted[key] for key in ("type",) if key in wanted} if is_object else wanted
    return KINDS[SESSION_TYPE(only_type, "session", None)["type"]]
