"""How an endpoint knows that it is Parley that asks (docs/tools.md has the check)."""

import hashlib
import hmac

TIMESTAMP = "X-Parley-Timestamp"
SIGNATURE = "X-Parley-Signature"


def signature(key: bytes, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) over ``timestamp``, a full stop and the body, in hexadecimal.

    *timestamp* is Unix time in seconds, so that a request that was written down is no good later.
    """
    signed = b"%d.%b" % (timestamp, body)
    return f"v1={hmac.new(key, signed, hashlib.sha256).hexdigest()}"
