"""What only this gateway may read: JSON Web Encryption (RFC 7516) for a key of its own.

joserfc lives here and nowhere else.  One algorithm each way, direct encryption with A256GCM
(RFC 7518, 4.5 and 5.3), and no compression: its length tells of its content, and a short text may
become a long one.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from joserfc.jwe import JWERegistry, decrypt_compact, encrypt_compact
from joserfc.jwk import OctKey

from tornado_app.admission.json_object import read_object, read_part

KEY_BYTES = 32
_HEADER = {"alg": "dir", "enc": "A256GCM"}
_HEADER_MAY = {*_HEADER, "typ", "cty", "kid"}
_REGISTRY = JWERegistry(algorithms=list(_HEADER.values()))
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{43}=?")
# Five parts, of which that of the key is empty, without padding.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}")


class Unreadable(Exception):
    """Nothing that was sealed for this gateway."""


def read_key(text: str) -> bytes:
    """A key as base64url.

    Raises:
        ValueError: If it is none of 32 bytes.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("must be 32 bytes as base64url")
    return base64.urlsafe_b64decode(text[:43] + "=")


class Seal:
    """Closes with the first key and opens with any.  Thread: any; nothing here changes."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = [OctKey.import_key(key) for key in keys]

    def close(self, said: Mapping[str, Any]) -> str:
        """*said* as a compact JWE."""
        text = json.dumps(said, ensure_ascii=False).encode()
        return encrypt_compact(dict(_HEADER), text, self._keys[0], registry=_REGISTRY)

    def open(self, sealed: str) -> dict[str, Any]:
        """What `close`, or anybody who has the key, put into it.

        Raises:
            Unreadable: If it was not sealed with one of the keys, or not as it has to be.
        """
        match = _COMPACT.fullmatch(sealed)
        if match is None or not _is_header(match[1]):
            raise Unreadable
        for key in self._keys:
            try:
                text = decrypt_compact(sealed, key, registry=_REGISTRY).plaintext
            except Exception:  # noqa: BLE001, S112  a stranger may have written this
                continue
            said = read_object(text) if text else None
            if said is not None:
                return said
        raise Unreadable


def _is_header(part: str) -> bool:
    """Exactly ours; what asks for anything else is not even tried."""
    header = read_part(part)
    if header is None or not set(header) <= _HEADER_MAY:
        return False
    return all(header.get(name) == value for name, value in _HEADER.items())
