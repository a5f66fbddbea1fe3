"""Asks issuers for their keys over HTTP, on a loop in a thread of its own.

Names are resolved, certificates read and keys taken apart there, and a server that hangs holds
nobody up.  httpx2 is known here and by the tools.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2

from terminal.addresses import NO_PROXY_HERE
from tornado_app.admission.issuers.address import Address, Failed
from tornado_app.admission.issuers.key_set import KeySet, read_jwks
from tornado_app.admission.json_object import read_object

FETCH_S = 4.0
"""For all of one answer, with the document of discovery."""
BODY_BYTES = 1 << 20
READ_BYTES = 65_536
JOIN_S = 5.0

DISCOVERY = "/.well-known/openid-configuration"


class KeyFetcher:
    """Thread: the gateway's loop."""

    def __init__(self, post: Callable[..., None], *, uses_environment: bool) -> None:
        """*post* is safe from any thread; *uses_environment*: as of the tools' client."""
        self._post_threadsafe = post
        self.uses_environment = uses_environment
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name="issuer-keys", daemon=True)
        self._client: httpx2.AsyncClient | None = None

    def start(self) -> None:
        self._thread.start()

    def fetch(self, address: Address, tell: Callable[[KeySet | Failed], None]) -> None:
        """Ask once; *tell* is called on the gateway's loop, after `FETCH_S` at the latest."""
        asyncio.run_coroutine_threadsafe(self._answer(address, tell), self._loop)

    async def stop(self) -> None:
        """Break off what runs; nobody is told any more."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, JOIN_S)
        elif not self._loop.is_closed():  # it was never started
            self._loop.close()

    # What follows runs on the other loop.

    def _turn(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._end())
        finally:
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.aclose()

    async def _answer(self, address: Address, tell: Callable[[KeySet | Failed], None]) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                found: KeySet | Failed = await self._keys(address)
        except TimeoutError:
            found = Failed("timeout")
        except _Useless as useless:
            found = Failed(str(useless))
        except Exception as error:  # noqa: BLE001  a server that we do not know has caused it
            found = Failed(type(error).__name__)
        self._post_threadsafe(tell, found)

    async def _keys(self, address: Address) -> KeySet:
        url = address.jwks_url or await self._discovered(address)
        text = await self._get(url)
        try:
            return read_jwks(text)
        except ValueError as error:
            raise _Useless(str(error)) from None

    async def _discovered(self, address: Address) -> str:
        document = read_object(await self._get(address.issuer.rstrip("/") + DISCOVERY))
        if document is None:
            raise _Useless("no_discovery_document")
        # Else one issuer could hand out another's keys as its own (OpenID Discovery, 4.3).
        if document.get("issuer") != address.issuer:
            raise _Useless("other_issuer")
        url = document.get("jwks_uri")
        schemes = {"https", "http"} if address.is_plain else {"https"}
        if not isinstance(url, str) or urlsplit(url).scheme not in schemes:
            raise _Useless("bad_jwks_uri")
        return url

    async def _get(self, url: str) -> bytes:
        # Without an encoding there is nothing that grows when it is taken off.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client_here().stream("GET", url, headers=headers) as response:
            if response.status_code != 200:
                raise _Useless(f"http_{response.status_code}")
            body = bytearray()
            async for piece in response.aiter_raw(READ_BYTES):
                body += piece
                if len(body) > BODY_BYTES:
                    raise _Useless("too_large")
        return bytes(body)

    def _client_here(self) -> httpx2.AsyncClient:
        """Made with the first question: the system's certificates take a tenth of a second."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                headers={"User-Agent": "parley"},
                trust_env=self.uses_environment,
                mounts=NO_PROXY_HERE,
                # Who can answer for the issuer's keys is who the operator has named.
                follow_redirects=False,
                timeout=FETCH_S,
            )
        return self._client


class _Useless(Exception):
    """An answer without keys, in a word."""
