"""Who a token says is calling: by our own secret, or by an identity provider; and who no more."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from terminal.files import read_whole
from tornado_app.admission import tokens
from tornado_app.admission.bans import NOBODY, Bans, read_bans
from tornado_app.admission.claims import Caller, TokenRejected, check_shape, peek
from tornado_app.admission.file_watch import FileWatch, Unreadable
from tornado_app.admission.issuers import rules as issued
from tornado_app.admission.issuers.key_set import KeySet
from tornado_app.admission.issuers.remote import RemoteKeys, State
from tornado_app.admission.issuers.rules import UNSIGNED, IssuerRules, UnknownKey
from tornado_app.admission.issuers.schedule import Schedule
from tornado_app.admission.revocations import NONE, Revocations, read_revocations
from tornado_app.errors import Refused
from tornado_app.logs import get_logger
from tornado_app.settings.issuers import Issuer, Issuers, KeyFile, Remote, read_issuers
from tornado_app.settings.schema import Settings

if TYPE_CHECKING:
    from tornado_app.admission.issuers.fetching import KeyFetcher

ROOT = Path(__file__).resolve().parents[1]

BANS = "bans.json"

NO_KEYS = "The keys of the token's issuer cannot be had now. Try again later."
REVOKED = "The token, or its user, may not connect any more."
RETRY_MS = 5000
LINES_SHOWN = 10


def bans_path(settings: Settings) -> Path:
    """Where bans are written down, for all processes of this machine."""
    return ROOT / settings.server.state_dir / BANS


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


@dataclass(eq=False, slots=True)
class _Known:
    """Whom one reading of the settings trusts, and whom not."""

    settings: Settings
    own: tokens.TokenRules | None
    watch: FileWatch
    fetcher: "KeyFetcher | None" = None
    issuers: dict[str, tuple[IssuerRules, _Keys]] = field(default_factory=dict)
    sources: dict[str, Remote | KeyFile | KeySet] = field(default_factory=dict)
    """By the operator's names."""
    revoked: Revocations = NONE
    bans: Bans = NOBODY

    def remote(self) -> set[RemoteKeys]:
        return {keys for _, keys in self.issuers.values() if isinstance(keys, RemoteKeys)}


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
        self._log = get_logger()
        self._go_by(_Known(settings, own, FileWatch(post)))

    def begin(self) -> None:
        self._start(self._known)

    def go_by(self, settings: Settings, own: tokens.TokenRules | None) -> Coroutine[Any, Any, None]:
        """Other secrets, issuers and files from now on; to be awaited: the end of what was before.

        The keys of an issuer that is asked at the same address are kept.

        Raises:
            OSError: If a file of keys, or of who is taken back, cannot be read; all is as before.
            ValueError: If it is none.
        """
        before = self._known
        self._go_by(_Known(settings, own, FileWatch(self._post)), before)
        self._start(self._known, before)
        if (self._known.revoked, self._known.bans) != (before.revoked, before.bans):
            self._on_revoked()
        return self._end(before, self._known)

    async def stop(self) -> None:
        await self._end(self._known)

    def _go_by(self, known: _Known, before: _Known | None = None) -> None:
        found = read_issuers(known.settings, ROOT)[0]
        known.fetcher = self._fetcher_for(found, before)
        for issuer in found.issuers:
            keys = self._kept_keys(issuer, known, before) or self._keys_of(issuer, known)
            known.issuers[issuer.rules.issuer] = (issuer.rules, keys)
            known.sources[issuer.rules.name] = issuer.source
        self._watch_revoked(known)
        self._watch_bans(known, NOBODY if before is None else before.bans)
        self._known = known

    @staticmethod
    def _start(known: _Known, before: _Known | None = None) -> None:
        if known.fetcher is not None and (before is None or known.fetcher is not before.fetcher):
            known.fetcher.start()
        for keys in known.remote() - (before.remote() if before else set()):
            keys.start()
        known.watch.start()

    @staticmethod
    async def _end(known: _Known, after: _Known | None = None) -> None:
        for keys in known.remote() - (after.remote() if after else set()):
            keys.stop()
        if known.fetcher is not None and (after is None or known.fetcher is not after.fetcher):
            await known.fetcher.stop()
        await known.watch.stop()

    def identify(self, token: str | None) -> Caller:
        """Who shows this token.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        try:
            caller = self._verified(token or "")
        except TokenRejected as rejected:
            raise Refused(rejected.code, rejected.sentence) from None
        if self.has_taken_back(caller.user_id, caller.token_id):
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
        """Whether the operator's file, or a ban for a time, has either of them."""
        now = time.time()  # noqa: TID251  bans have the time that people know
        known = self._known
        return known.revoked.has(user_id, token_id) or known.bans.has(user_id, token_id, now)

    def without_good_keys(self) -> Mapping[str, State]:
        """Issuers whose keys are not those of the last question, by the operator's name."""
        states = {rules.name: keys.state for rules, keys in self._known.issuers.values()}
        return {name: state for name, state in states.items() if state != "good"}

    def key_states(self) -> Mapping[str, tuple[State, float | None]]:
        """How the keys of each issuer are, and how many seconds ago they were asked for."""
        issuers = self._known.issuers.values()
        return {rules.name: (keys.state, keys.age_s) for rules, keys in issuers}

    @property
    def revoked(self) -> Revocations:
        """Who is taken back now."""
        return self._known.revoked

    def learn_bans(self, bans: Bans) -> None:
        """What is known of them elsewhere, beside what is known here."""
        before = self._known.bans
        self._known.bans = before.merged(bans, time.time())  # noqa: TID251  as `has_taken_back`
        if self._known.bans is not before:
            self._on_revoked()

    @property
    def bans(self) -> Bans:
        """Who is kept out for a time."""
        return self._known.bans

    def revocations_age_s(self) -> float | None:
        """How long ago the file of them was last seen as it is; None: there is none."""
        name = self._known.settings.auth.revoked_file
        return self._known.watch.age_s(ROOT / name) if name else None

    @property
    def is_blind(self) -> bool:
        """There are issuers, and of none a key: nobody of theirs can come in."""
        states = [keys.state for _, keys in self._known.issuers.values()]
        return bool(states) and all(state in {"asking", "missing"} for state in states)

    def _verified(self, token: str) -> Caller:
        own = self._known.own
        check_shape(token, self._known.settings.auth.token_bytes)
        now = time.time()  # noqa: TID251  `exp` is wall time
        rules, keys = self._issuer_of(token)
        if rules is None or keys is None:
            if own is None:
                raise TokenRejected(
                    "token_invalid", "The token is from no issuer of this server's."
                )
            return tokens.verify(token, own, now)
        known = keys.current()
        try:
            return issued.verify(token, rules, known or KeySet(()), now)
        except UnknownKey:
            if known is None or keys.state != "good":
                raise Refused("server_busy", NO_KEYS, retry_after_ms=RETRY_MS) from None
            raise TokenRejected("token_invalid", UNSIGNED) from None

    def _issuer_of(self, token: str) -> tuple[IssuerRules | None, _Keys | None]:
        """Whose the token says it is; nothing else in it is believed for that."""
        issuers = self._known.issuers
        if not issuers or len(token) > self._known.settings.auth.token_bytes:
            return None, None
        name = (peek(token)[1] or {}).get("iss")
        return issuers.get(name, (None, None)) if isinstance(name, str) else (None, None)

    def _lacks_key(self, token: str, rules: IssuerRules, keys: KeySet) -> bool:
        try:
            issued.verify(token, rules, keys, time.time())  # noqa: TID251  `exp` is wall time
        except UnknownKey:
            return True
        except TokenRejected:
            return False
        return False

    def _fetcher_for(self, found: Issuers, before: _Known | None) -> "KeyFetcher | None":
        if not any(isinstance(issuer.source, Remote) for issuer in found.issuers):
            return None
        fetcher = before.fetcher if before is not None else None
        if fetcher is not None and fetcher.uses_environment == found.uses_environment:
            return fetcher
        # An eighth of a second, which is much for those who ask no issuer.
        from tornado_app.admission.issuers.fetching import KeyFetcher  # noqa: PLC0415

        return KeyFetcher(self._post, uses_environment=found.uses_environment)

    @staticmethod
    def _kept_keys(issuer: Issuer, known: _Known, before: _Known | None) -> RemoteKeys | None:
        """Those that are had already, of an issuer that is asked as before."""
        if before is None or known.fetcher is not before.fetcher:
            return None
        keys = before.issuers.get(issuer.rules.issuer, (None, None))[1]
        is_the_same = before.sources.get(issuer.rules.name) == issuer.source
        return keys if is_the_same and isinstance(keys, RemoteKeys) else None

    def _keys_of(self, issuer: Issuer, known: _Known) -> _Keys:
        name = issuer.rules.name
        match source := issuer.source:
            case Remote() if known.fetcher is not None:
                # Not all processes at once.
                refresh_s = source.refresh_s * random.uniform(0.8, 1.0)  # noqa: S311  no secret
                schedule = Schedule(refresh_s, source.stale_s)
                fetch = known.fetcher.fetch
                return RemoteKeys(name, source.address, schedule, fetch, self._loop)
            case KeyFile():
                return self._watched(name, source, known.watch)
            case KeySet():
                return _KeptKeys([source])
        raise AssertionError(source)

    def _watched(self, name: str, files: KeyFile, watch: FileWatch) -> _KeptKeys:
        kept = _KeptKeys([files.read(read_whole(path)) for path in files.paths])
        for place, path in enumerate(files.paths):
            tell = partial(self._on_key_file, name, kept, place)
            watch.add(path, files.read, tell, kept.parts[place])
        return kept

    def _on_key_file(
        self, name: str, kept: _KeptKeys, place: int, found: KeySet | Unreadable
    ) -> None:
        if isinstance(found, Unreadable):
            self._log.error("issuer_keys_unreadable", issuer=name, reason=found.reason)
            return
        kept.parts[place] = found
        self._log.info("issuer_keys", issuer=name, keys=len(kept.current().keys))

    def _watch_revoked(self, known: _Known) -> None:
        name = known.settings.auth.revoked_file
        if not name:
            return
        path = ROOT / name
        known.revoked = read_revocations(read_whole(path))
        tell = partial(self._on_revocations, known)
        known.watch.add(path, read_revocations, tell, known.revoked)

    def _watch_bans(self, known: _Known, before: Bans) -> None:
        """Where somebody may write them, or has: without keys nobody is let in again unasked."""
        known.bans = before
        path, settings = bans_path(known.settings), known.settings
        if not (settings.admin.keys or settings.shared.redis_url or path.exists()):
            return
        written = NOBODY
        with contextlib.suppress(FileNotFoundError):
            written = read_bans(read_whole(path))
        now = time.time()  # noqa: TID251  as `has_taken_back`
        known.bans = before.merged(written, now)
        known.watch.add(path, read_bans, partial(self._on_bans, known), written)

    def _on_bans(self, known: _Known, found: Bans | Unreadable) -> None:
        if known is not self._known:
            return  # of the reading before
        if isinstance(found, Unreadable):
            if bans_path(known.settings).exists():
                self._log.error("bans_unreadable", reason=found.reason)
            return
        self.learn_bans(found)

    def _on_revocations(self, known: _Known, found: Revocations | Unreadable) -> None:
        if known is not self._known:
            return  # of the file before
        if isinstance(found, Unreadable):
            self._log.error("revocations_unreadable", reason=found.reason)
            return
        known.revoked = found
        self._log.info("revocations_read", users=len(found.users), tokens=len(found.token_ids))
        if found.wrong_lines:
            self._log.warning("revocations_wrong", lines=list(found.wrong_lines[:LINES_SHOWN]))
        self._on_revoked()
