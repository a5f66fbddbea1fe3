"""Who a token says is calling: by our own secret, or by an identity provider; and who no more."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from tornado_app.admission import tokens
from tornado_app.admission.claims import Caller, TokenRejected, check_shape, peek
from tornado_app.admission.file_watch import FileWatch, Unreadable
from tornado_app.admission.issuers import rules as issued
from tornado_app.admission.issuers.fetching import KeyFetcher
from tornado_app.admission.issuers.key_set import KeySet
from tornado_app.admission.issuers.remote import RemoteKeys, State
from tornado_app.admission.issuers.rules import UNSIGNED, IssuerRules, UnknownKey
from tornado_app.admission.issuers.schedule import Schedule
from tornado_app.admission.revocations import NONE, Revocations, read_revocations
from tornado_app.errors import Refused
from tornado_app.logs import get_logger
from tornado_app.settings.issuers import Issuers, KeyFile, Remote, read_issuers
from tornado_app.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[1]

NO_KEYS = "The keys of the token's issuer cannot be had now. Try again later."
REVOKED = "The token, or its user, may not connect any more."
RETRY_MS = 5000
LINES_SHOWN = 10


class _Keys(Protocol):
    """Where an issuer's keys come from."""

    @property
    def state(self) -> State: ...

    @property
    def age_s(self) -> float | None: ...

    def current(self) -> KeySet | None: ...


@dataclass(slots=True)
class _KeptKeys:
    """Of secrets, or of files by their place."""

    parts: list[KeySet]
    state: State = "good"
    age_s: float | None = None
    """They are as they were written, however long ago."""

    def current(self) -> KeySet:
        return KeySet(tuple(key for part in self.parts for key in part.keys))


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
        self._settings = settings
        self._own = own
        self._loop = loop
        self._on_revoked = on_revoked
        self._revoked = NONE
        self._log = get_logger()
        self._watch = FileWatch(post)
        found = read_issuers(settings, ROOT)[0]
        self._fetcher = self._fetcher_for(found, post)
        self._issuers: dict[str, tuple[IssuerRules, _Keys]] = {
            issuer.rules.issuer: (issuer.rules, self._keys_of(issuer.rules.name, issuer.source))
            for issuer in found.issuers
        }
        self._watch_revoked()

    def begin(self) -> None:
        if self._fetcher is not None:
            self._fetcher.start()
        for keys in self._remote():
            keys.start()
        self._watch.start()

    async def stop(self) -> None:
        for keys in self._remote():
            keys.stop()
        if self._fetcher is not None:
            await self._fetcher.stop()
        await self._watch.stop()

    def identify(self, token: str | None) -> Caller:
        """Who shows this token.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        try:
            caller = self._verified(token or "")
        except TokenRejected as rejected:
            raise Refused(rejected.code, rejected.sentence) from None
        if self._revoked.takes_back(caller):
            raise Refused("token_revoked", REVOKED)
        return caller

    def awaited(self, token: str | None) -> "asyncio.Future[None] | None":
        """What to wait for before `identify` knows all that can be known; None: nothing.

        It is done in `remote.WAIT_S` at the latest.
        """
        rules, keys = self._issuer_of(token or "")
        if rules is None or not isinstance(keys, RemoteKeys) or not token:
            return None
        if not self._lacks_key(token, rules, keys.current() or KeySet(())):
            return None
        return keys.wait(lambda newer: not self._lacks_key(token, rules, newer))

    def has_taken_back(self, user_id: str, token_id: str | None) -> bool:
        return self._revoked.has(user_id, token_id)

    def without_good_keys(self) -> Mapping[str, State]:
        """Issuers whose keys are not those of the last question, by the operator's name."""
        states = {rules.name: keys.state for rules, keys in self._issuers.values()}
        return {name: state for name, state in states.items() if state != "good"}

    def key_states(self) -> Mapping[str, tuple[State, float | None]]:
        """How the keys of each issuer are, and how many seconds ago they were asked for."""
        return {rules.name: (keys.state, keys.age_s) for rules, keys in self._issuers.values()}

    @property
    def revoked(self) -> Revocations:
        """Who is taken back now."""
        return self._revoked

    def revocations_age_s(self) -> float | None:
        """How long ago the file of them was last seen as it is; None: there is none."""
        name = self._settings.auth.revoked_file
        return self._watch.age_s(ROOT / name) if name else None

    @property
    def is_blind(self) -> bool:
        """There are issuers, and of none a key: nobody of theirs can come in."""
        states = [keys.state for _, keys in self._issuers.values()]
        return bool(states) and all(state in {"asking", "missing"} for state in states)

    def _verified(self, token: str) -> Caller:
        check_shape(token, self._settings.auth.token_bytes)
        now = time.time()  # noqa: TID251  `exp` is wall time
        rules, keys = self._issuer_of(token)
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

    def _issuer_of(self, token: str) -> tuple[IssuerRules | None, _Keys | None]:
        """Whose the token says it is; nothing else in it is believed for that."""
        if not self._issuers or len(token) > self._settings.auth.token_bytes:
            return None, None
        name = (peek(token)[1] or {}).get("iss")
        return self._issuers.get(name, (None, None)) if isinstance(name, str) else (None, None)

    def _lacks_key(self, token: str, rules: IssuerRules, keys: KeySet) -> bool:
        try:
            issued.verify(token, rules, keys, time.time())  # noqa: TID251  `exp` is wall time
        except UnknownKey:
            return True
        except TokenRejected:
            return False
        return False

    def _fetcher_for(self, found: Issuers, post: Callable[..., None]) -> KeyFetcher | None:
        if not any(isinstance(issuer.source, Remote) for issuer in found.issuers):
            return None
        return KeyFetcher(post, uses_environment=found.uses_environment)

    def _keys_of(self, name: str, source: Remote | KeyFile | KeySet) -> _Keys:
        match source:
            case Remote() if self._fetcher is not None:
                # Not all processes at once.
                refresh_s = source.refresh_s * random.uniform(0.8, 1.0)  # noqa: S311  no secret
                schedule = Schedule(refresh_s, source.stale_s)
                fetch = self._fetcher.fetch
                return RemoteKeys(name, source.address, schedule, fetch, self._loop)
            case KeyFile():
                return self._watched(name, source)
            case KeySet():
                return _KeptKeys([source])
        raise AssertionError(source)

    def _watched(self, name: str, files: KeyFile) -> _KeptKeys:
        kept = _KeptKeys([files.read(path.read_bytes()) for path in files.paths])
        for place, path in enumerate(files.paths):
            tell = partial(self._on_key_file, name, kept, place)
            self._watch.add(path, files.read, tell, kept.parts[place])
        return kept

    def _on_key_file(
        self, name: str, kept: _KeptKeys, place: int, found: KeySet | Unreadable
    ) -> None:
        if isinstance(found, Unreadable):
            self._log.error("issuer_keys_unreadable", issuer=name, reason=found.reason)
            return
        kept.parts[place] = found
        self._log.info("issuer_keys", issuer=name, keys=len(kept.current().keys))

    def _remote(self) -> list[RemoteKeys]:
        return [keys for _, keys in self._issuers.values() if isinstance(keys, RemoteKeys)]

    def _watch_revoked(self) -> None:
        name = self._settings.auth.revoked_file
        if not name:
            return
        path = ROOT / name
        self._revoked = read_revocations(path.read_bytes())
        self._watch.add(path, read_revocations, self._on_revocations, self._revoked)

    def _on_revocations(self, found: Revocations | Unreadable) -> None:
        if isinstance(found, Unreadable):
            self._log.error("revocations_unreadable", reason=found.reason)
            return
        self._revoked = found
        self._log.info("revocations_read", users=len(found.users), tokens=len(found.token_ids))
        if found.wrong_lines:
            self._log.warning("revocations_wrong", lines=list(found.wrong_lines[:LINES_SHOWN]))
        self._on_revoked()
