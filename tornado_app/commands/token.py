"""``run.py token``: prints a token."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from terminal.files import read_whole
from terminal.words import answer, complain
from tornado_app.admission.json_object import read_object
from tornado_app.commands.configuration import read_policy, token_rules
from tornado_app.errors import Refused
from tornado_app.issuing import Issuer, Wanted
from tornado_app.settings.schema import Settings
from tornado_app.terms import Terms


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 with the token alone in standard output, 2 with a sentence if there can be none."""
    try:
        session = _session(options.session) if options.session else {}
        wanted = Wanted(
            options.user, options.ttl_s, tuple(options.scope), session, options.organisation or ""
        )
        issuer = Issuer(settings, token_rules(settings), Terms(settings, read_policy(settings)))
        issued = issuer.issue(wanted, time.time())  # noqa: TID251  `exp` is wall time
    except (ValueError, Refused) as error:
        words = str(error)
        complain(words if words.startswith("No token:") else f"No token: {words}")
        return 2
    answer(issued.token)
    return 0


def _session(path: str) -> Mapping[str, Any]:
    """What a file says of a call.

    Raises:
        ValueError: If it says nothing that can be read.
    """
    try:
        text = read_whole(Path(path))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    said = read_object(text)
    if said is None:
        raise ValueError(f"{path} is not a JSON object in which each name stands once.")
    return said
