"""The defaults, the operator's file and the environment, the later ones winning."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tornado_app.settings.contradiction import Contradiction
from tornado_app.settings.contradictions import contradictions
from tornado_app.settings.environment import variable
from tornado_app.settings.reading import OTHER_VARIABLES, InvalidSettings, Source
from tornado_app.settings.schema import SECTIONS, Settings


class ConfigFile(NamedTuple):
    """An operator's file; *text* is None if it could not be read, *reason* says why."""

    name: str
    text: str | None
    reason: str = ""


def load(
    defaults_toml: str,
    config: ConfigFile | None,
    environ: Mapping[str, str],
    further: Callable[[Settings], Iterable[Contradiction]] = lambda _: (),
    *,
    warn: Callable[[str], object] = lambda _: None,
) -> Settings:
    """Lay the operator's file over the defaults, and the environment over both.

    *further* says what else cannot be used of settings whose types are right.  *warn* is called
    with a sentence about what is no fault and may yet be a mistake.

    Raises:
        InvalidSettings: With everything that is wrong, at once.
    """
    source = Source(SECTIONS)
    defaults = source.from_toml("the file of defaults", defaults_toml)
    fallback = source.convert(_resolve(defaults))
    if source.problems:
        raise InvalidSettings(source.problems)

    values = defaults | (_from_file(source, config) if config else {})
    values |= source.from_environment(environ)
    for warning in source.warnings:
        warn(warning)
    for name, other in OTHER_VARIABLES.items():
        if variable(name) not in environ and values[name] == "":
            values[name] = environ.get(other, "")
    settings = _build(fallback | source.convert(_resolve(values), environ))

    # What follows from a value that could not be read would only mislead.
    if source.readable:
        source.problems += [
            str(contradiction)
            for contradiction in (*contradictions(settings), *further(settings))
            if (source.wrong | source.unread).isdisjoint(contradiction.names)
        ]
    if source.problems:
        raise InvalidSettings(source.problems)
    return settings


def _from_file(source: Source, config: ConfigFile) -> dict[str, Any]:
    if config.text is not None:
        return source.from_toml(config.name, config.text)
    source.problems.append(f"{config.name} cannot be read: {config.reason}")
    source.readable = False
    return {}


def _resolve(values: dict[str, Any]) -> dict[str, Any]:
    """Settle what "auto" means in this environment."""
    development = values.get("server.environment") == "development"
    meanings: dict[str, Any] = {
        "auth.allow_query_token": development,
        "upstream.try_at_start": not development,
        "logging.format": "console" if development else "json",
        "console.enabled": development,
        "openai.enabled": development,
    }
    return values | {n: meaning for n, meaning in meanings.items() if values.get(n) == "auto"}


def _build(values: Mapping[str, object]) -> Settings:
    sections: dict[str, Any] = {
        section: structure(
            **{key: values[f"{section}.{key}"] for key in structure.__struct_fields__}
        )
        for section, structure in SECTIONS.items()
    }
    return Settings(**sections)
