"""``python run.py``: see ``python run.py --help``."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  said in one sentence, not in a traceback
    sys.exit("Parley needs Python 3.11 or newer.")

from terminal.program import leave, run


def main() -> int:
    """Import what takes half a second when a signal has somewhere to go."""
    from tornado_app.commands.cli import main as run_command  # noqa: PLC0415

    return run_command()


if __name__ == "__main__":
    # What ends a child is told by its parent.
    leave(run(main, quiet="--child" in sys.argv))
