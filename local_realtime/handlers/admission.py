"""Who may have a session, and which: what is checked when a WebSocket opens."""

import hmac
from dataclasses import dataclass
from typing import Any

from local_realtime.errors import Fatal, Refused, invalid
from local_realtime.handlers.client_secrets import PREFIX, ClientSecret
from local_realtime.session.models import TRANSCRIPTION_MODELS, can_transcribe
from local_realtime.session.session_config import MAX_MODEL_LETTERS
from local_realtime.session.session_kinds import (
    AZURE_REALTIME,
    KINDS,
    REALTIME,
    TRANSCRIPTION,
    SessionKind,
)

SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta."
BETA_DISABLED = Refused(
    "beta_api_shape_disabled",
    "The beta API shape is no longer supported; use the GA API, without the OpenAI-Beta header.",
)


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the upgrade request said; *protocols* is a secret, since it may hold the key."""

    model: str
    intent: str
    authorization: str
    api_key: str
    beta: str
    protocols: tuple[str, ...]
    is_azure: bool = False
    """Below Azure's path; *model* is the deployment then."""

    @property
    def credential(self) -> str | None:
        key = presented_key(self.authorization, self.api_key)
        if key:
            return key
        keys = (p for p in self.protocols if p.startswith(KEY_SUBPROTOCOL))
        return next((key.removeprefix(KEY_SUBPROTOCOL) for key in keys), None)


@dataclass(frozen=True, slots=True)
class Opening:
    """The session that somebody may have."""

    kind: SessionKind
    model: str | None
    config: dict[str, Any]


def presented_key(authorization: str, api_key: str) -> str | None:
    """What a request's headers present: `Authorization: Bearer`, or else `api-key`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return api_key or None


def holds_key(presented: str | None, api_key: str | None) -> bool:
    """Whether that is the server's key; any is if the server has none, but no client secret.

    A client secret that is valid never comes here: others must not open what it does not say.
    """
    if api_key is None:
        return not (presented or "").startswith(PREFIX)
    given = (presented or "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, api_key.encode("utf-8", "surrogateescape"))


def admit(
    handshake: Handshake, api_key: str | None, secret: ClientSecret | None = None
) -> Opening | Fatal:
    """The session to open, or why there will be none.

    *api_key* is the server's, None if it has none; *secret* is the one presented, if it is valid.
    """
    try:
        if secret is None and not holds_key(handshake.credential, api_key):
            return Fatal(Refused("invalid_api_key", "Incorrect API key provided."), 3000)
        if handshake.beta or any(p.startswith(BETA_SUBPROTOCOL) for p in handshake.protocols):
            return Fatal(BETA_DISABLED, 4000)
        kind = _kind(handshake, secret)
        model = _model(handshake, kind, secret)
        if handshake.is_azure and kind is REALTIME:
            kind = AZURE_REALTIME
        return Opening(kind, model, _config(kind, model, secret))
    except Refused as refused:
        return Fatal(refused, 4000)


def _kind(handshake: Handshake, secret: ClientSecret | None) -> SessionKind:
    of_secret = secret.kind if secret else None
    if not handshake.intent:
        return of_secret or REALTIME
    if handshake.intent not in KINDS:
        raise invalid("intent", f"supported values are: {', '.join(map(repr, KINDS))}")
    kind = KINDS[handshake.intent]
    if of_secret not in {None, kind}:
        raise invalid("intent", "the client secret is for a session of the other kind")
    return kind


def _model(handshake: Handshake, kind: SessionKind, secret: ClientSecret | None) -> str | None:
    if kind is TRANSCRIPTION:
        return _transcription_model(handshake.model)
    model = handshake.model or (secret.model if secret else None)
    if not model:
        raise Refused("missing_model", "You must provide a model parameter.")
    if model in TRANSCRIPTION_MODELS:
        message = f"{model} is a transcription model and cannot be used as the session's model."
        raise Refused("invalid_model", message)
    _require_short(model)
    return model


def _transcription_model(model: str) -> str | None:
    """None is best, as OpenAI has it; some clients name the transcription model all the same."""
    _require_short(model)
    if model and not can_transcribe(model):
        message = (
            f"{model} cannot transcribe: name a transcription model, or none and choose it by "
            "session.update."
        )
        raise Refused("invalid_model", message)
    return model or None


def _require_short(model: str) -> None:
    if len(model) > MAX_MODEL_LETTERS:
        message = f"A model's name has at most {MAX_MODEL_LETTERS} characters."
        raise Refused("invalid_model", message)


def _config(kind: SessionKind, model: str | None, secret: ClientSecret | None) -> dict[str, Any]:
    if secret is None:
        return kind.default(model)
    # The model of the handshake is the one that counts; the secret's is for who names none.
    wanted = {**secret.wanted, "model": model} if secret.model else secret.wanted
    return kind.begun_as(model, wanted)
