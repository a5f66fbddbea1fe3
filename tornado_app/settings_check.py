"""Turns what an operator wrote into typed values, and all that is wrong with it into sentences."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from tornado_app import origins, proxies

if TYPE_CHECKING:
    from tornado_app.settings import Settings

DEVELOPMENT_PREFIX = "parley-development-only-"
"""Tells a development secret from a real one, on whatever computer it ends up."""

# RFC 7518, section 3.2: a key is no shorter than the hash.
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}

PLACEHOLDERS = (
    "change",
    "placeholder",
    "replace",
    "your-",
    "your_",
    "secret",
    "example",
    "password",
    "dummy",
)

VARIABLE_PREFIX = "PARLEY_"

OTHER_VARIABLES = {"upstream.api_key": "OPENAI_API_KEY"}
"""Read where neither the file nor a variable of ours names one."""


class Secret:
    """A text that no log, error or repr shows."""

    # No dataclass: msgspec would look inside.
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(hidden)" if self._text else "Secret(empty)"


class Source:
    """Reads settings as flat ``{"section.key": value}`` and collects what is wrong with them."""

    def __init__(self, sections: Mapping[str, type[msgspec.Struct]]) -> None:
        self.sections = sections
        self.types = {
            f"{section}.{field.name}": field.type
            for section, structure in sections.items()
            for field in msgspec.structs.fields(structure)
        }
        self.problems: list[str] = []
        self.wrong: set[str] = set()
        """The settings whose value has the wrong type or range."""
        self.readable = True

    def from_toml(self, where: str, text: str) -> dict[str, Any]:
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            self.readable = False
            self.problems.append(f"{where} is not valid TOML: {error}")
            return {}
        values: dict[str, Any] = {}
        for section, table in tables.items():
            if section in self.sections and not isinstance(table, dict):
                self.problems.append(f"{section}: is a section, to be written as [{section}]")
            elif section not in self.sections:
                self._unknown(f"[{section}] in {where}", section)
            else:
                values |= {f"{section}.{key}": value for key, value in table.items()}
        for name in [name for name in values if name not in self.types]:
            self._unknown(f"{name} in {where}", name)
            del values[name]
        return values

    def from_environment(self, environ: Mapping[str, str]) -> dict[str, Any]:
        names = {variable(name): name for name in self.types}
        values: dict[str, Any] = {}
        for key in sorted(key for key in environ if key.startswith(VARIABLE_PREFIX)):
            if key in names:
                values[names[key]] = _from_text(self.types[names[key]], environ[key])
            else:
                self._unknown(key, key.removeprefix(VARIABLE_PREFIX).lower().replace("_", ".", 1))
        return values

    def convert(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give each value its type; those that have another are left out."""
        converted: dict[str, Any] = {}
        for name, kind in self.types.items():
            if name not in values:
                self.problems.append(f"{name}: has no default")
                continue
            try:
                converted[name] = msgspec.convert(values[name], kind, dec_hook=_secret)
            except msgspec.ValidationError:
                self.wrong.add(name)
                self.problems.append(f"{label(name)}: must be {_wanted(kind, values[name])}")
        return converted

    def _unknown(self, shown: str, name: str) -> None:
        section = name.partition(".")[0]
        if section not in self.sections:
            hint = f"the sections are {', '.join(self.sections)}"
        else:
            hint = f"[{section}] has {', '.join(self.sections[section].__struct_fields__)}"
        self.problems.append(f"{shown}: is no setting; {hint}")


def variable(name: str) -> str:
    """What the setting is called in the environment."""
    return VARIABLE_PREFIX + name.upper().replace(".", "_")


def label(name: str) -> str:
    """The setting and how it can be set, to begin a sentence with."""
    other = f" or {OTHER_VARIABLES[name]}" if name in OTHER_VARIABLES else ""
    return f"{name} ({variable(name)}{other})"


def _secret(_: type, value: object) -> Secret:
    # White space around a key comes from a file that was pasted whole; it would break a header.
    if not isinstance(value, str) or value != value.strip():
        raise ValueError
    return Secret(value)


def _from_text(kind: Any, text: str) -> Any:
    """A text setting is taken as it is, any other is JSON; what is neither fails by its type."""
    match _plain(kind):
        case inspect.StrType() | inspect.LiteralType() | inspect.CustomType():
            return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(kind: Any) -> inspect.Type:
    info = inspect.type_info(kind)
    return info.type if isinstance(info, inspect.Metadata) else info


def _wanted(kind: Any, value: object) -> str:
    info = inspect.type_info(kind)
    if isinstance(info, inspect.CustomType):
        return "text without white space around it"
    shown = json.dumps(value, default=str, ensure_ascii=False)
    return f"{_describe(info)}, not {shown if len(shown) <= 80 else shown[:80] + '...'}"


def _describe(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(extra_json_schema={"description": str(words)}):
            return words
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"an integer from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low} to {high}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(json.dumps(value) for value in values)}"
        case inspect.StrType(min_length=low, max_length=high):
            return f"text of {low or 0} to {high} characters"
        case inspect.VarTupleType(item_type=item, min_length=low):
            least = " with at least one item" if low else ""
            return f"a list (JSON in the environment){least}, each item {_describe(item)}"
    raise AssertionError(info)


class Contradiction(NamedTuple):
    """What is wrong although each value has its type; *names* are the settings it is about."""

    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{label(self.names[0])}: {self.reason}"


def contradictions(settings: "Settings") -> Iterator[Contradiction]:
    """What cannot work, or is not safe in production."""
    yield from _between(settings)
    yield from _unusable(settings)
    if settings.server.environment == "production":
        yield from _unsafe(settings)


def _between(settings: "Settings") -> Iterator[Contradiction]:
    smaller_than = {
        "server.drain_notice_s": "server.drain_s",
        "heartbeat.interval_s": "heartbeat.read_timeout_s",
        "upstream.ping_interval_s": "upstream.read_timeout_s",
    }
    for small, large in smaller_than.items():
        if _value(settings, small) >= _value(settings, large):
            yield Contradiction(f"must be less than {label(large)}", (small, large))
    if settings.upstream.reconnect_initial_ms > settings.upstream.reconnect_max_ms:
        names = ("upstream.reconnect_initial_ms", "upstream.reconnect_max_ms")
        yield Contradiction(f"must not be more than {label(names[1])}", names)


def _value(settings: "Settings", name: str) -> Any:
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


def _unusable(settings: "Settings") -> Iterator[Contradiction]:
    for problem in origins.problems(settings.server.allowed_origins):
        yield Contradiction(problem, ("server.allowed_origins",))
    for problem in proxies.problems(settings.server.trusted_proxies):
        yield Contradiction(problem, ("server.trusted_proxies",))
    for name in ("upstream.api_key", "model.chat_api_key"):
        key = _value(settings, name).reveal()
        if not key.isascii() or not key.isprintable():
            yield Contradiction("must be printable ASCII", (name,))
    if settings.model.chat_url and not _is_url(settings.model.chat_url, {"http", "https"}):
        reason = (
            "must be http:// or https:// with a host, and hold no user name, password or fragment"
        )
        yield Contradiction(reason, ("model.chat_url",))
    if settings.model.chat_url and settings.model.mode == "echo":
        names = ("model.chat_url", "model.mode")
        yield Contradiction(
            f"needs another {label('model.mode')}: an echo asks no chat model", names
        )
    if settings.upstream.url and not _is_websocket(settings.upstream.url):
        reason = "must be ws:// or wss:// with a host, and hold no user name, password or fragment"
        yield Contradiction(reason, ("upstream.url",))
    least = max(SECRET_BYTES[algorithm] for algorithm in settings.auth.algorithms)
    if 0 < len(settings.auth.secret.reveal().encode()) < least:
        reason = f"must be at least {least} bytes for {', '.join(settings.auth.algorithms)}"
        yield Contradiction(reason, ("auth.secret", "auth.algorithms"))


def _is_websocket(url: str) -> bool:
    return _is_url(url, {"ws", "wss"})


def _is_url(url: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return (
        url.isascii()
        and url.isprintable()
        and " " not in url
        and parts.scheme in schemes
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and "#" not in url
    )


def _unsafe(settings: "Settings") -> Iterator[Contradiction]:
    names = ("auth.secret", "server.environment")
    secret = settings.auth.secret.reveal()
    if not secret:
        yield Contradiction("must be set in production", names)
    elif secret.startswith(DEVELOPMENT_PREFIX):
        yield Contradiction("is a development secret; production needs one of its own", names)
    elif _is_guessable(secret):
        yield Contradiction("is a placeholder or easily guessed; it must be random", names)
    if not settings.server.allowed_origins:
        names = ("server.allowed_origins", "server.environment")
        yield Contradiction("must name at least one origin in production", names)
    if settings.model.fault:
        names = ("model.fault", "server.environment")
        yield Contradiction("must be empty in production", names)
    for name, plain in (("upstream.url", "ws"), ("model.chat_url", "http")):
        url = _value(settings, name)
        if _is_url(url, {plain}) and not _is_loopback(url):
            reason = f"must be {plain}s:// in production, except on loopback"
            yield Contradiction(reason, (name, "server.environment"))


def _is_guessable(secret: str) -> bool:
    # 32 random characters have more than 8 different ones, even of 16 hexadecimal digits.
    lowered = secret.lower()
    return len(set(secret)) < 8 or any(word in lowered for word in PLACEHOLDERS)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
