"""Settings in the environment: which variables are ours, and which only look like it."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from compiling.loading import VARIABLE as COMPILED

PREFIX = "PARLEY_"
FILE_SUFFIX = "_FILE"
"""`PARLEY_AUTH_SECRET_FILE` names a file that holds the secret, as containers are given them."""

_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")
_LINK = re.compile(r"SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?")


class Variables(NamedTuple):
    """The variables that begin as ours do."""

    ours: dict[str, str]
    """Those of our sections, whether or not there is such a setting."""
    foreign: list[str]
    """The others, which are left alone."""


def variable(name: str) -> str:
    """What the setting is called in the environment."""
    return PREFIX + name.upper().replace(".", "_")


def variables(environ: Mapping[str, str], sections: Iterable[str]) -> Variables:
    """Sort the variables that begin with `PREFIX`.

    Kubernetes tells every pod where the services of its namespace are, in variables that begin
    with the service's name: one that is called "parley" or "parley-server" looks like settings of
    ours (https://kubernetes.io/docs/concepts/services-networking/service/, environment variables).
    """
    ours = tuple(f"{PREFIX}{section.upper()}_" for section in sections)
    named = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
    named.pop(COMPILED, None)  # looked at long before there are settings
    services = _services(named)
    links = {key for key in named if _is_link(key, named[key], services)}
    found = {key: named[key] for key in sorted(named.keys() - links) if key.startswith(ours)}
    return Variables(found, sorted(named.keys() - found.keys()))


def foreign_warning(foreign: Iterable[str], known: Iterable[str]) -> str:
    """One sentence about variables that are left alone, with what may have been meant."""
    known = list(known)
    shown = []
    for key in foreign:
        # The address of a service may stand in a variable that bears the name of a setting.
        near = [] if key in known else difflib.get_close_matches(key, known, 1, cutoff=0.85)
        [meant] = near or [""]
        shown.append(f"{key} (did you mean {meant}?)" if meant else key)
    return f"No settings of Parley, and left alone: {', '.join(shown)}."


def _services(named: Mapping[str, str]) -> set[str]:
    """The beginnings of the names of those variables that tell of a service."""
    services = {key.removesuffix("SERVICE_HOST") for key in named if key.endswith("_SERVICE_HOST")}
    return services | {
        key.removesuffix("PORT")
        for key, value in named.items()
        if key.endswith("_PORT") and _ADDRESS.match(value)
    }


def _is_link(key: str, value: str, services: Iterable[str]) -> bool:
    for service in services:
        rest = key.removeprefix(service)
        if rest != key and (_LINK.fullmatch(rest) or (rest == "PORT" and _ADDRESS.match(value))):
            return True
    return False
