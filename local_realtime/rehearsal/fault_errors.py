"""The errors of faults on demand: how a handshake is refused, and how a response fails."""

from local_realtime.errors import Fatal, Refused
from local_realtime.rehearsal.faults import REFUSALS, Faults

LIMIT_MESSAGE = "Rate limit reached. Please try again later."
QUOTA_MESSAGE = "You exceeded your current quota, please check your plan and billing details."

_REFUSED: dict[str, tuple[Refused, int]] = {
    "bad-key": (Refused("invalid_api_key", "Incorrect API key provided."), 3000),
    "no-credit": (
        Refused("credit_balance_exhausted", QUOTA_MESSAGE, kind="insufficient_quota"),
        1013,
    ),
    "retired-model": (
        Refused("model_not_found", "The model does not exist or you do not have access to it."),
        4004,
    ),
    "missing-model": (Refused("missing_model", "You must provide a model parameter."), 4000),
    "invalid-model": (Refused("invalid_model", "The model is not supported in realtime."), 4000),
    "beta-header": (
        Refused("beta_api_shape_disabled", "The beta API shape is no longer supported."),
        4000,
    ),
}
FAILURES = {
    "server-error": {
        "type": "server_error",
        "code": "server_error",
        "message": "The server had an error while processing your request.",
    },
    "insufficient-quota": {
        "type": "insufficient_quota",
        "code": "insufficient_quota",
        "message": QUOTA_MESSAGE,
    },
    "rate-limit-exceeded": {
        "type": "tokens",
        "code": "rate_limit_exceeded",
        "message": LIMIT_MESSAGE,
    },
}


def in_band_refusal(faults: Faults) -> Fatal | None:
    """How the handshake is to fail after the upgrade, if it is."""
    for name in REFUSALS:
        if name in faults:
            return Fatal(*_REFUSED[name])
    return None
