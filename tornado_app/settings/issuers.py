"""The operator's file of identity providers: which there are, and what is wrong with it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from terminal.files import read_whole
from tornado_app.admission.claims import Path as ClaimPath
from tornado_app.admission.issuers.address import Address
from tornado_app.admission.issuers.key_set import (
    HMAC,
    Algorithm,
    KeySet,
    of_secrets,
    read_jwks,
    read_pem,
)
from tornado_app.admission.issuers.rules import ClaimNames, IssuerRules, plain_type
from tornado_app.settings.schema import Settings
from tornado_app.settings.secret import read_secret
from tornado_app.settings.shapes import SECRET_BYTES, is_guessable, is_loopback, is_url
from tornado_app.settings.toml_file import read_tables
from tornado_app.settings.words import allowed

ISSUERS_MAX = 32

_NAME = "the name of a claim, or a list of names that leads to it"
_Claim = Annotated[str | list[str], Meta(description=_NAME)]
_Text = Annotated[str, Meta(min_length=1, max_length=500)]
_Names = Annotated[tuple[_Text, ...], Meta(min_length=1)]
_Secret = Annotated[dict[str, str], Meta(description='{ env = "NAME" } or { file = "NAME" }')]


class IssuerTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table ``[issuers.NAME]``."""

    issuer: _Text
    audience: _Names
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)]
    discovery: bool = False
    jwks_url: Annotated[str, Meta(min_length=1, max_length=2000)] = ""
    jwks_file: _Text = ""
    pem_files: _Names = ()
    secrets: Annotated[
        tuple[_Secret, ...],
        Meta(description="a list, each item " + '{ env = "NAME" } or { file = "NAME" }'),
    ] = ()
    typ: _Names = ()
    user: _Claim = "sub"
    user_prefix: Annotated[str, Meta(max_length=64)] = ""
    scopes: Annotated[tuple[_Claim, ...], Meta(description=f"a list, each item {_NAME}")] = (
        "scope",
        "scopes",
    )
    token_id: _Claim = "jti"  # noqa: S105  its name
    session: _Claim | None = None
    refresh_s: Annotated[float, Meta(ge=10, le=86_400)] = 300.0
    stale_s: Annotated[float, Meta(ge=60, le=604_800)] = 3600.0


_TYPES = {field.name: field.type for field in msgspec.structs.fields(IssuerTable)}
_TYPES["session"] = _Claim
_NEEDED = ("issuer", "audience", "algorithms")
_SOURCES = ("discovery", "jwks_url", "jwks_file", "pem_files", "secrets")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Public keys in files, which may be changed while we run."""

    paths: tuple[Path, ...]
    is_jwks: bool

    def read(self, text: bytes) -> KeySet:
        """Raises ValueError with a reason."""
        return read_jwks(text) if self.is_jwks else read_pem(text)


@dataclass(frozen=True, slots=True)
class Remote:
    """Public keys that are asked for."""

    address: Address
    refresh_s: float
    stale_s: float


@dataclass(frozen=True, slots=True)
class Issuer:
    """One identity provider, and where its keys come from."""

    rules: IssuerRules
    source: Remote | KeyFile | KeySet


@dataclass(frozen=True, slots=True)
class Issuers:
    """All that the file names."""

    issuers: tuple[Issuer, ...] = ()
    uses_environment: bool = False
    """Requests take the proxies and certificates of the environment."""


def read_issuers(settings: Settings, root: Path) -> tuple[Issuers, list[str]]:
    """The issuers of `auth.issuers_file`, below *root* unless absolute, and what is wrong."""
    name = settings.auth.issuers_file
    if not name:
        return Issuers(), []
    try:
        tables = read_tables(root / name)
    except ValueError as error:
        return Issuers(), [f"it {error}"]
    reading = _Reading(settings, (root / name).parent)
    found = tuple(reading.issuers(tables))
    return Issuers(found, tables.get("use_environment_proxies") is True), reading.problems


class _Reading:
    """Collects; nothing is raised, so that all that is wrong is said at once."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._is_production = settings.server.environment == "production"
        self.problems: list[str] = []

    def issuers(self, tables: Mapping[str, Any]) -> Iterator[Issuer]:
        for name in tables.keys() - {"issuers", "use_environment_proxies"}:
            self._wrong(name, "the file may have [issuers.NAME] and use_environment_proxies")
        if not isinstance(tables.get("use_environment_proxies", False), bool):
            self._wrong("use_environment_proxies", "must be true or false")
        named = tables.get("issuers")
        if not isinstance(named, dict) or not 0 < len(named) <= ISSUERS_MAX:
            self._wrong("issuers", f"must be 1 to {ISSUERS_MAX} tables, written as [issuers.NAME]")
            return
        prefixed = [isinstance(table, dict) and "user_prefix" in table for table in named.values()]
        if len(named) > 1 and not all(prefixed):
            self._wrong(
                "issuers",
                'with more than one, each needs user_prefix; "" says that its users are the same '
                "people as another's of the same name",
            )
        taken = {self._settings.auth.issuer: "auth.issuer"}
        for name, table in named.items():
            issuer = self._issuer(f"issuers.{name}", name, table)
            if issuer is None:
                continue
            other = taken.setdefault(issuer.rules.issuer, f"issuers.{name}.issuer")
            if other != f"issuers.{name}.issuer":
                self._wrong(f"issuers.{name}.issuer", f"is that of {other}, too")
            yield issuer

    def _issuer(self, where: str, name: str, table: Any) -> Issuer | None:
        """None: too much is wrong with it to say more."""
        if not isinstance(table, dict):
            self._wrong(where, f"must be a table, written as [{where}]")
            return None
        before = len(self.problems)
        for key in table.keys() - _TYPES.keys():
            self._wrong(f"{where}.{key}", f"is no setting of an issuer; it has {', '.join(_TYPES)}")
        values = {}
        for key, kind in _TYPES.items():
            if key in table and not (key == "session" and table[key] == ""):
                try:
                    values[key] = msgspec.convert(table[key], kind)
                except msgspec.ValidationError:
                    self._wrong(f"{where}.{key}", f"must be {allowed(kind)}")
            elif key in _NEEDED:
                self._wrong(f"{where}.{key}", "is needed")
        given = [key for key in _SOURCES if table.get(key)]
        if len(given) != 1:
            self._wrong(where, f"needs one of {', '.join(_SOURCES)}, and no second one")
        if len(self.problems) > before:
            return None
        entry = IssuerTable(**values)
        self._check_algorithms(where, entry)
        source = self._source(where, entry)
        said_there = table.get("session") != ""
        return Issuer(self._rules(where, name, entry, has_session=said_there), source)

    def _rules(
        self, where: str, name: str, entry: IssuerTable, *, has_session: bool
    ) -> IssuerRules:
        auth = self._settings.auth
        session = entry.session or auth.session_claim
        if not entry.user_prefix.isprintable():
            self._wrong(f"{where}.user_prefix", "has characters that cannot be printed")
        names = ClaimNames(
            user=self._path(f"{where}.user", entry.user),
            user_prefix=entry.user_prefix,
            scopes=tuple(self._path(f"{where}.scopes", claim) for claim in entry.scopes),
            token_id=self._path(f"{where}.token_id", entry.token_id),
            session=self._path(f"{where}.session", session) if has_session else None,
            session_as=auth.session_claim,
        )
        return IssuerRules(
            name=name,
            issuer=entry.issuer,
            audiences=entry.audience,
            algorithms=entry.algorithms,
            types=tuple(map(plain_type, entry.typ)),
            claims=names,
            leeway_s=auth.leeway_s,
            max_lifetime_s=auth.max_lifetime_s,
        )

    def _path(self, where: str, claim: str | list[str]) -> ClaimPath:
        path = (claim,) if isinstance(claim, str) else tuple(claim)
        if not path or not all(path):
            self._wrong(where, f"must be {_NAME}")
        return path

    def _check_algorithms(self, where: str, entry: IssuerTable) -> None:
        with_secrets = [name for name in entry.algorithms if name in HMAC]
        if entry.secrets and len(with_secrets) < len(entry.algorithms):
            self._wrong(f"{where}.algorithms", f"must be of {', '.join(HMAC)} with secrets")
        if not entry.secrets and with_secrets:
            sentence = "a public key is no secret: HS256, HS384 and HS512 need secrets"
            self._wrong(f"{where}.algorithms", sentence)

    def _source(self, where: str, entry: IssuerTable) -> Remote | KeyFile | KeySet:
        if entry.secrets:
            return self._secrets(where, entry)
        if entry.jwks_file:
            return self._files(f"{where}.jwks_file", (entry.jwks_file,), entry, is_jwks=True)
        if entry.pem_files:
            return self._files(f"{where}.pem_files", entry.pem_files, entry, is_jwks=False)
        url, key = (entry.jwks_url, "jwks_url") if entry.jwks_url else (entry.issuer, "issuer")
        if not is_url(url, {"https", "http"}):
            sentence = "must be https:// with a host, and hold no user name, password or fragment"
            self._wrong(f"{where}.{key}", sentence)
        elif self._is_production and url.startswith("http:") and not is_loopback(url):
            self._wrong(f"{where}.{key}", "must be https:// in production, except on loopback")
        if entry.stale_s < 2 * entry.refresh_s:
            self._wrong(f"{where}.stale_s", "must be at least twice refresh_s")
        return Remote(Address(entry.issuer, entry.jwks_url), entry.refresh_s, entry.stale_s)

    def _files(
        self, where: str, names: tuple[str, ...], entry: IssuerTable, *, is_jwks: bool
    ) -> KeyFile:
        files = KeyFile(tuple(self._folder / name for name in names), is_jwks)
        for name, path in zip(names, files.paths, strict=True):
            try:
                keys = files.read(read_whole(path)).keys
            except OSError as error:
                reason = error.strerror or type(error).__name__
                self._wrong(where, f"{name} cannot be read: {reason}")
                continue
            except ValueError as error:
                self._wrong(where, f"{name} cannot be used: {error}")
                continue
            if not any(set(key.algorithms) & set(entry.algorithms) for key in keys):
                self._wrong(where, f"{name} has no key for {', '.join(entry.algorithms)}")
        return files

    def _secrets(self, where: str, entry: IssuerTable) -> KeySet:
        least = max(SECRET_BYTES.get(name, 0) for name in entry.algorithms)
        found = []
        for number, kept in enumerate(entry.secrets, 1):
            at = f"{where}.secrets, item {number}"
            secret = self._kept(at, kept)
            if secret is None:
                continue
            if len(secret.encode()) < least:
                self._wrong(at, f"must have at least {least} bytes for these algorithms")
            elif self._is_production and is_guessable(secret):
                self._wrong(at, "is a placeholder or easily guessed; it must be random")
            found.append(secret)
        return of_secrets(found)

    def _kept(self, where: str, kept: Mapping[str, str]) -> str | None:
        """The secret itself; what is wrong is said without it."""
        match dict(kept):
            case {"env": name, **rest} if not rest:
                value = os.environ.get(name, "").strip()
                if not value:
                    self._wrong(where, f"{name} is not set in the environment")
                return value or None
            case {"file": name, **rest} if not rest:
                try:
                    return read_secret(self._folder / name)
                except ValueError as error:
                    self._wrong(where, f"{name} {error}")
                    return None
        self._wrong(where, 'must be { env = "NAME" } or { file = "NAME" }')
        return None

    def _wrong(self, where: str, reason: str) -> None:
        self.problems.append(f"{where}: {reason}")
