"""An identity provider: keys of all kinds, tokens signed with them, and a server that shows them.

The server lives on the test's own loop: whoever waited for it on that loop would wait for ever.
"""

import asyncio
import json
import time
from functools import cached_property
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from tornado.netutil import bind_sockets

ISSUER = "https://id.example"
AUDIENCE = "parley"

_RSA = {"RS", "PS"}


class SigningKey:
    """A key pair that signs with *algorithm*."""

    def __init__(self, algorithm: str = "ES256", kid: str | None = "k1", **how: Any) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self._how = how

    @cached_property
    def private(self) -> Any:
        """Made when it is first asked for: one of RSA takes long, and who collects needs none."""
        return _private(self.algorithm, **self._how)

    @property
    def public(self) -> Any:
        return self.private.public_key()

    @property
    def pem(self) -> bytes:
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def jwk(self, **changes: Any) -> dict[str, Any]:
        kinds = {"RS": RSAAlgorithm, "PS": RSAAlgorithm, "ES": ECAlgorithm, "Ed": OKPAlgorithm}
        jwk = kinds[self.algorithm[:2]].to_jwk(self.public, as_dict=True)
        jwk = {**jwk, "use": "sig", "kid": self.kid, "alg": self.algorithm, **changes}
        return {name: value for name, value in jwk.items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, /, **claims: Any) -> str:
        """Good for ten minutes, unless *claims* says otherwise; None leaves a claim out."""
        headers = {"kid": self.kid} | (header or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        said = claims_of(**claims)
        return jwt.encode(said, self.private, self.algorithm, headers)


def _private(algorithm: str, bits: int = 2048, *, ed448_curve: bool = False) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            kind = ed448.Ed448PrivateKey if ed448_curve else ed25519.Ed25519PrivateKey
            return kind.generate()
    return rsa.generate_private_key(65537, bits)


def claims_of(**claims: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600}
    return {name: value for name, value in (said | claims).items() if value is not None}


def jwks(*keys: SigningKey) -> bytes:
    return json.dumps({"keys": [key.jwk() for key in keys]}).encode()


class IssuerServer:
    """Shows *keys* at ``/jwks`` and says so at the address of discovery.  Counts who asks."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked: list[str] = []
        self.agents: set[str] = set()
        """What those who ask call themselves."""
        self.says: bytes | None = None
        """In place of the key set."""
        self.status = 200
        self.issuer: str | None = None
        """In place of its own name in the document of discovery."""
        self.document: bytes | None = None
        """In place of that document."""
        self.hangs = False
        self.is_away = False
        self._hung: list[HTTPServerRequest] = []

    async def __aenter__(self) -> Self:
        [socket] = bind_sockets(0, "127.0.0.1")
        self.port = socket.getsockname()[1]
        self._server = HTTPServer(self._answer)
        self._server.add_socket(socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    @property
    def questions(self) -> int:
        """How often it was asked for the key set."""
        return self.asked.count("/jwks")

    def release(self) -> None:
        """Answer those who hang."""
        self.hangs = False
        for request in self._hung:
            self._say(request)
        self._hung.clear()

    def _answer(self, request: HTTPServerRequest) -> None:
        self.asked.append(request.path)
        self.agents.add(request.headers.get("User-Agent", ""))
        if self.is_away:
            request.connection.stream.close()
        elif self.hangs:
            self._hung.append(request)
        else:
            self._say(request)

    def _say(self, request: HTTPServerRequest) -> None:
        if request.path == "/jwks":
            body = jwks(*self.keys) if self.says is None else self.says
        else:
            document = {"issuer": self.issuer or self.url, "jwks_uri": self.jwks_url}
            body = json.dumps(document).encode() if self.document is None else self.document
        headers = HTTPHeaders({"Content-Length": str(len(body))})
        line = ResponseStartLine("HTTP/1.1", self.status, "As told")
        writing = request.connection.write_headers(line, headers, body)
        writing.add_done_callback(lambda done: done.exception())
        request.connection.finish()


async def until(condition, timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
