"""``run.py token``: prints a token."""

import argparse
import time

from terminal.words import answer, complain
from tornado_app.admission import tokens
from tornado_app.commands.configuration import token_rules
from tornado_app.settings.schema import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 with the token alone in standard output, 2 with a sentence if there can be none."""
    try:
        token = tokens.issue(
            options.user,
            token_rules(settings),
            time.time(),  # noqa: TID251  `exp` is wall time
            options.ttl_s,
            options.scope,
        )
    except ValueError as error:
        complain(f"No token: {error}")
        return 2
    answer(token)
    return 0
