"""Who may have a session: what is checked when a WebSocket opens."""

import hmac
from dataclasses import dataclass

from local_realtime.errors import Fatal, Refused

SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta."


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the upgrade request said; *protocols* is a secret, since it may hold the key."""

    model: str
    intent: str
    authorization: str
    api_key: str
    beta: str
    protocols: tuple[str, ...]

    @property
    def credential(self) -> str | None:
        scheme, _, token = self.authorization.partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
        if self.api_key:
            return self.api_key
        keys = (p for p in self.protocols if p.startswith(KEY_SUBPROTOCOL))
        return next((key.removeprefix(KEY_SUBPROTOCOL) for key in keys), None)


def refusal(handshake: Handshake, api_key: str | None) -> Fatal | None:
    """Why there will be no session, or None; *api_key* is the server's, None if it has none."""
    if api_key is not None:
        presented = (handshake.credential or "").encode()
        if not hmac.compare_digest(presented, api_key.encode()):
            return Fatal(Refused("invalid_api_key", "Incorrect API key provided."), 3000)
    if handshake.beta or any(p.startswith(BETA_SUBPROTOCOL) for p in handshake.protocols):
        message = "The beta API shape is no longer supported; remove the OpenAI-Beta header."
        return Fatal(Refused("beta_api_shape_disabled", message), 4000)
    if handshake.intent == "transcription":
        message = "Transcription sessions are not available on this local server."
        return Fatal(Refused("invalid_value", message, "intent"), 4000)
    if not handshake.model:
        return Fatal(Refused("missing_model", "You must provide a model parameter."), 4000)
    return None
