"""The command line: argv -> settings -> command.

What a command needs to be imported is imported when it is asked for.
"""

import argparse
import sys
from collections.abc import Sequence

from compiling import loading
from terminal.words import answer, complain
from tornado_app.commands.arguments import COMMANDS, parser
from tornado_app.settings.reading import InvalidSettings
from tornado_app.version import VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it went (docs/operations.md, "Exit codes").

    Raises:
        OutputLost: If its answer cannot be written.
        SystemExit: After a help, and after arguments that are wrong.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] == "model":
        from local_realtime.cli import main as run_model  # noqa: PLC0415

        return run_model(words[1:], "run.py model")
    if words == ["--version"]:
        answer(f"Parley {VERSION} (hot path: {loading.code().kind})")
        return 0
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help"}):
        words.insert(0, "serve")
    if words[0] not in {*COMMANDS, "-h", "--help"}:
        complain(f"There is no command {words[0]}; there are {', '.join(COMMANDS)}.")
        return 2
    options = parser().parse_args(words)
    if options.command != "serve":
        loading.leave_alone()
    if options.command == "doctor":  # to which settings that are wrong are a finding
        from tornado_app.commands.doctor import command as doctor  # noqa: PLC0415

        return doctor.start(options)
    return _run(options, words)


def _run(options: argparse.Namespace, words: list[str]) -> int:
    """A command that needs the settings; a help is there before half the house is imported."""
    from tornado_app.commands.configuration import (  # noqa: PLC0415
        load_settings,
        models_in_order,
    )

    try:
        settings = load_settings(options)
    except InvalidSettings as invalid:
        complain(*invalid.problems)
        return 2
    match options.command:
        case "token":
            from tornado_app.commands import token  # noqa: PLC0415

            return token.run(options, settings)
        case "talk":
            from tornado_app.commands.talk import command  # noqa: PLC0415

            return command.start(options, settings)
        case "recordings":
            from tornado_app.commands import recordings  # noqa: PLC0415

            return recordings.run(options, settings)
        case "usage":
            from tornado_app.commands import usage  # noqa: PLC0415

            return usage.run(options, settings)
        case "check-config":
            answer(f"The settings are right for {settings.server.environment}.")
            if models := models_in_order(settings):
                answer(models)
            return 0
        case _:
            from tornado_app.commands import serve  # noqa: PLC0415
            from tornado_app.commands.processes import count_of  # noqa: PLC0415

            if count_of(settings) > 1 and not options.child:
                return serve.run_several(settings, words)
            return serve.run(settings, lambda: load_settings(options), is_child=options.child)
