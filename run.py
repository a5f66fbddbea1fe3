"""``python run.py``: see ``python run.py --help``."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  said in one sentence, not in a traceback
    sys.exit("Parley needs Python 3.11 or newer.")

if sys.flags.safe_path:  # python -P, python -I: what is beside this file is ours all the same
    sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120
    os.environ.pop("PYTHONSAFEPATH", None)  # for processes of ours, which are modules of this tree

from terminal.program import leave, run
from terminal.signals import hold_hangups


def is_server(words: list[str]) -> bool:
    """Whether they ask for a gateway, which is also what nothing but options do."""
    return not words or words[0] == "serve" or words[0].startswith("-")


def main() -> int:
    """Import what takes half a second when a signal has somewhere to go."""
    if is_server(sys.argv[1:]):
        hold_hangups()
    from tornado_app.commands.cli import main as run_command  # noqa: PLC0415

    return run_command()


if __name__ == "__main__":
    # What ends a child is told by its parent.
    leave(run(main, quiet="--child" in sys.argv))
