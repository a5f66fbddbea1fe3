"""Who a token says is calling: by our own secret, or by an identity provider."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tornado_app.admission import tokens
from tornado_app.admission.claims import Caller, TokenRejected, check_shape
from tornado_app.admission.file_watch import FileWatch
from tornado_app.admission.issuers import rules as issued
from tornado_app.admission.issuers.key_set import KeySet
from tornado_app.admission.issuers.remote import RemoteKeys
from tornado_app.admission.issuers.rules import UNSIGNED, IssuerRules, UnknownKey
from tornado_app.errors import Refused
from tornado_app.issuer_keys import IssuerKeys
from tornado_app.settings.schema import Settings
from tornado_app.taken_back import TakenBack

NO_KEYS = "The keys of the token's issuer cannot be had now. Try again later."
REVOKED = "The token, or its user, may not connect any more."
RETRY_MS = 5000


class Trust:
    """Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        own: tokens.TokenRules | None,
        loop: asyncio.AbstractEventLoop,
        post: Callable[..., None],
        on_revoked: Callable[[], None],
    ) -> None:
        """*own* are the rules of `auth.secret`, if there is one.

        *on_revoked* is called when somebody is taken back who was not before.
        """
        self._loop = loop
        self._post = post
        self._on_revoked = on_revoked
        self._own = own
        self._token_bytes = settings.auth.token_bytes
        self._watch = FileWatch(post)
        self.keys = IssuerKeys(settings, self._watch, loop, post)
        """Of the issuers of now."""
        self.taken_back = TakenBack(settings, self._watch, on_revoked)
        """Who may not come in any more."""

    def begin(self) -> None:
        self.keys.start()
        self._watch.start()

    def go_by(self, settings: Settings, own: tokens.TokenRules | None) -> Coroutine[Any, Any, None]:
        """Other secrets, issuers and files from now on; to be awaited: the end of what was before.

        The keys of an issuer that is asked at the same address are kept.

        Raises:
            OSError: If a file of keys, or of who is taken back, cannot be read; all is as before.
            ValueError: If it is none.
        """
        keys_before, taken_before, watch_before = self.keys, self.taken_back, self._watch
        watch = FileWatch(self._post)
        keys = IssuerKeys(settings, watch, self._loop, self._post, keys_before)
        taken_back = TakenBack(settings, watch, self._on_revoked, taken_before)
        taken_before.end()
        self._own, self._token_bytes = own, settings.auth.token_bytes
        self.keys, self.taken_back, self._watch = keys, taken_back, watch
        keys.start(keys_before)
        watch.start()
        if (taken_back.revoked, taken_back.bans) != (taken_before.revoked, taken_before.bans):
            self._on_revoked()
        return _end(keys_before, watch_before, keys)

    async def stop(self) -> None:
        await _end(self.keys, self._watch)

    def identify(self, token: str | None) -> Caller:
        """Who shows this token.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        try:
            caller = self._verified(token or "")
        except TokenRejected as rejected:
            raise Refused(rejected.code, rejected.sentence) from None
        if self.taken_back.has(caller.user_id, caller.token_id):
            raise Refused("token_revoked", REVOKED)
        return caller

    def awaited(self, token: str | None) -> "asyncio.Future[None] | None":
        """What to wait for before `identify` knows all that can be known; None: nothing.

        It is done in `remote.WAIT_S` at the latest.
        """
        rules, keys = self.keys.of(token or "")
        if rules is None or not isinstance(keys, RemoteKeys) or not token:
            return None
        if not _lacks_key(token, rules, keys.current() or KeySet(())):
            return None
        return keys.wait(lambda newer: not _lacks_key(token, rules, newer))

    def _verified(self, token: str) -> Caller:
        check_shape(token, self._token_bytes)
        now = time.time()  # noqa: TID251  `exp` is wall time
        rules, keys = self.keys.of(token)
        if rules is None or keys is None:
            if self._own is None:
                raise TokenRejected(
                    "token_invalid", "The token is from no issuer of this server's."
                )
            return tokens.verify(token, self._own, now)
        known = keys.current()
        try:
            return issued.verify(token, rules, known or KeySet(()), now)
        except UnknownKey:
            if known is None or keys.state != "good":
                raise Refused("server_busy", NO_KEYS, retry_after_ms=RETRY_MS) from None
            raise TokenRejected("token_invalid", UNSIGNED) from None


def _lacks_key(token: str, rules: IssuerRules, keys: KeySet) -> bool:
    try:
        issued.verify(token, rules, keys, time.time())  # noqa: TID251  `exp` is wall time
    except UnknownKey:
        return True
    except TokenRejected:
        return False
    return False


async def _end(keys: IssuerKeys, watch: FileWatch, after: IssuerKeys | None = None) -> None:
    await keys.stop(after)
    await watch.stop()
