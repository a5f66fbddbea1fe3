"""The command line: argv -> settings -> command."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tornado_app.admission import tokens
from tornado_app.commands.arguments import COMMANDS, TOKEN_TTL_S, parser
from tornado_app.commands.configuration import load_settings, token_rules
from tornado_app.commands.terminal import complain
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings

INTERRUPTED = 128 + signal.SIGINT
"""What shells say of a program that Ctrl-C has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it went (2: the settings or arguments are wrong)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] == "model":
        from local_realtime.cli import main as run_model  # noqa: PLC0415  it has options of its own

        return run_model(words[1:], "run.py model")
    if not words or (words[0] not in COMMANDS and words[0] not in {"-h", "--help"}):
        words.insert(0, "serve")
    options = parser().parse_args(words)
    try:
        settings = load_settings(options)
    except InvalidSettings as invalid:
        complain(invalid.problems)
        return 2
    run = {"serve": _serve, "token": _token, "check-config": _check, "talk": _talk}
    try:
        return run[options.command](options, settings)
    except KeyboardInterrupt:  # a server that listens takes Ctrl-C for a signal to drain
        return INTERRUPTED


def _serve(_options: argparse.Namespace, settings: Settings) -> int:
    from tornado_app.commands import serve  # noqa: PLC0415  the others need no server

    return serve.run(settings)


def _token(options: argparse.Namespace, settings: Settings) -> int:
    try:
        token = tokens.issue(
            options.user,
            token_rules(settings),
            time.time(),  # noqa: TID251  `exp` is wall time
            options.ttl_s,
            options.scope,
        )
    except ValueError as error:
        complain([f"No token: {error}"])
        return 2
    print(token)  # noqa: T201  the command's answer
    return 0


def _check(_options: argparse.Namespace, settings: Settings) -> int:
    print(f"The settings are right for {settings.server.environment}.")  # noqa: T201
    return 0


def _talk(options: argparse.Namespace, settings: Settings) -> int:
    from tornado_app.commands import talk  # noqa: PLC0415  the server needs neither soundfile nor rich

    server = settings.server
    url = options.url or f"ws://{server.host}:{server.port}/ws"
    token = options.token or tokens.issue(
        "developer",
        token_rules(settings),
        time.time(),  # noqa: TID251  `exp` is wall time
        TOKEN_TTL_S,
    )
    wish = talk.Wish(
        path=Path(options.file),
        url=url,
        token=token,
        save=Path(options.save) if options.save else None,
        fast=options.fast,
        chunk_ms=options.chunk_ms,
    )
    return asyncio.run(talk.run(wish))
