"""What is asked of an issuer, known without the client that asks; and the answer without keys."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where an issuer's keys are."""

    issuer: str
    jwks_url: str
    """Empty: the issuer's own document says it (OpenID Connect Discovery 1.0, 4)."""

    @property
    def is_plain(self) -> bool:
        """It is asked without TLS, as the operator has written it."""
        return urlsplit(self.jwks_url or self.issuer).scheme == "http"


@dataclass(frozen=True, slots=True)
class Failed:
    """No keys; *cause* is a word for the log."""

    cause: str
