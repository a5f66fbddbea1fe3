"""The token of one call, made in either of two ways (docs/tokens.md).

With PARLEY_APPLICATION_KEY the gateway at PARLEY_URL is asked for it.  Without, it is made here,
with the secrets that are the gateway's as well: PARLEY_AUTH_SECRET and PARLEY_AUTH_SEALING_KEY.
"""

import base64
import json
import os
import time
import uuid

import httpx2
import jwt
from joserfc import jwe
from joserfc.jwk import OctKey

LIFETIME_S = 600
ALGORITHMS = {"alg": "dir", "enc": "A256GCM"}


async def token_for(user, session):
    """A token that lets *user* call once or more, while it is good, with what *session* says."""
    key = os.environ.get("PARLEY_APPLICATION_KEY")
    if key:
        url = os.environ.get("PARLEY_URL", "http://127.0.0.1:8765")
        return await asked(url, key, user, session)
    secret, sealing_key = os.environ["PARLEY_AUTH_SECRET"], os.environ["PARLEY_AUTH_SEALING_KEY"]
    return signed(secret, sealing_key, user, session)


async def asked(url, key, user, session):
    """By the gateway, which says what is wrong with *session*."""
    body = {"user": user, "ttl_s": LIFETIME_S, "session": session}
    headers = {"Authorization": f"Bearer {key}"}
    # In our own network, which is behind no proxy of the environment.
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
        answer = await http.post(f"{url}/sessions", json=body, headers=headers)
    if answer.is_error:
        raise RuntimeError(answer.json()["error"])
    return answer.json()["token"]


def signed(secret, sealing_key, user, session):
    """By ourselves: sealed for the gateway, and signed."""
    key = OctKey.import_key(base64.urlsafe_b64decode(sealing_key.rstrip("=") + "="))
    text = json.dumps(session, ensure_ascii=False)
    sealed = jwe.encrypt_compact(ALGORITHMS, text, key, algorithms=list(ALGORITHMS.values()))
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + LIFETIME_S, "jti": uuid.uuid4().hex}
    return jwt.encode(claims | {"parley_session": sealed}, secret, "HS256")
