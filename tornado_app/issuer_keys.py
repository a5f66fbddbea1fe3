"""The keys of identity providers, as the operator has written where each has them."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from terminal.files import read_whole
from tornado_app.admission.claims import peek
from tornado_app.admission.file_watch import FileWatch, Unreadable
from tornado_app.admission.issuers.key_set import KeySet
from tornado_app.admission.issuers.remote import RemoteKeys, State
from tornado_app.admission.issuers.rules import IssuerRules
from tornado_app.admission.issuers.schedule import Schedule
from tornado_app.logs import get_logger
from tornado_app.settings.issuers import Issuer, Issuers, KeyFile, Remote, read_issuers
from tornado_app.settings.schema import Settings

if TYPE_CHECKING:
    from tornado_app.admission.issuers.fetching import KeyFetcher

ROOT = Path(__file__).resolve().parents[1]


class Keys(Protocol):
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


class IssuerKeys:
    """Of all issuers that one reading of the settings has.  Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        watch: FileWatch,
        loop: asyncio.AbstractEventLoop,
        post: Callable[..., None],
        before: "IssuerKeys | None" = None,
    ) -> None:
        """The keys of an issuer that is asked at the same address are those of *before*.

        Raises:
            OSError: If a file of keys cannot be read.
            ValueError: If it is none.
        """
        self._token_bytes = settings.auth.token_bytes
        self._watch = watch
        self._loop = loop
        self._log = get_logger()
        found = read_issuers(settings, ROOT)[0]
        self.fetcher = _fetcher_for(found, post, before)
        self.issuers: dict[str, tuple[IssuerRules, Keys]] = {}
        self.sources: dict[str, Remote | KeyFile | KeySet] = {}
        """By the operator's names."""
        for issuer in found.issuers:
            keys = self._had(issuer, before) or self._new(issuer)
            self.issuers[issuer.rules.issuer] = (issuer.rules, keys)
            self.sources[issuer.rules.name] = issuer.source

    def start(self, before: "IssuerKeys | None" = None) -> None:
        """Ask for those that *before* has not asked for."""
        if self.fetcher is not None and (before is None or self.fetcher is not before.fetcher):
            self.fetcher.start()
        for keys in self.remote() - (before.remote() if before else set()):
            keys.start()

    async def stop(self, after: "IssuerKeys | None" = None) -> None:
        """Ask no more for those that *after* has not either."""
        for keys in self.remote() - (after.remote() if after else set()):
            keys.stop()
        if self.fetcher is not None and (after is None or self.fetcher is not after.fetcher):
            await self.fetcher.stop()

    def of(self, token: str) -> tuple[IssuerRules | None, Keys | None]:
        """Whose the token says it is; nothing else in it is believed for that."""
        if not self.issuers or len(token) > self._token_bytes:
            return None, None
        name = (peek(token)[1] or {}).get("iss")
        return self.issuers.get(name, (None, None)) if isinstance(name, str) else (None, None)

    def remote(self) -> set[RemoteKeys]:
        """Those that are asked for."""
        return {keys for _, keys in self.issuers.values() if isinstance(keys, RemoteKeys)}

    def without_good(self) -> Mapping[str, State]:
        """Issuers whose keys are not those of the last question, by the operator's name."""
        states = {rules.name: keys.state for rules, keys in self.issuers.values()}
        return {name: state for name, state in states.items() if state != "good"}

    def states(self) -> Mapping[str, tuple[State, float | None]]:
        """How the keys of each issuer are, and how many seconds ago they were asked for."""
        return {rules.name: (keys.state, keys.age_s) for rules, keys in self.issuers.values()}

    @property
    def are_missing(self) -> bool:
        """There are issuers, and of none a key: nobody of theirs can come in."""
        states = [keys.state for _, keys in self.issuers.values()]
        return bool(states) and all(state in {"asking", "missing"} for state in states)

    def _had(self, issuer: Issuer, before: "IssuerKeys | None") -> RemoteKeys | None:
        """Those that are had already, of an issuer that is asked as before."""
        if before is None or self.fetcher is not before.fetcher:
            return None
        keys = before.issuers.get(issuer.rules.issuer, (None, None))[1]
        is_the_same = before.sources.get(issuer.rules.name) == issuer.source
        return keys if is_the_same and isinstance(keys, RemoteKeys) else None

    def _new(self, issuer: Issuer) -> Keys:
        name = issuer.rules.name
        match source := issuer.source:
            case Remote() if self.fetcher is not None:
                # Not all processes at once.
                refresh_s = source.refresh_s * random.uniform(0.8, 1.0)  # noqa: S311  no secret
                schedule = Schedule(refresh_s, source.stale_s)
                return RemoteKeys(name, source.address, schedule, self.fetcher.fetch, self._loop)
            case KeyFile():
                return self._watched(name, source)
            case KeySet():
                return _KeptKeys([source])
        raise AssertionError(source)

    def _watched(self, name: str, files: KeyFile) -> _KeptKeys:
        kept = _KeptKeys([files.read(read_whole(path)) for path in files.paths])
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


def _fetcher_for(
    found: Issuers, post: Callable[..., None], before: IssuerKeys | None
) -> "KeyFetcher | None":
    if not any(isinstance(issuer.source, Remote) for issuer in found.issuers):
        return None
    fetcher = before.fetcher if before is not None else None
    if fetcher is not None and fetcher.uses_environment == found.uses_environment:
        return fetcher
    # An eighth of a second, which is much for those who ask no issuer.
    from tornado_app.admission.issuers.fetching import KeyFetcher  # noqa: PLC0415

    return KeyFetcher(post, uses_environment=found.uses_environment)
