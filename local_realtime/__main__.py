"""``python -m local_realtime``."""

import sys

from terminal.program import run


def main() -> int:
    """Import what takes a second when a signal has somewhere to go."""
    from local_realtime.cli import main as serve  # noqa: PLC0415

    return serve()


if __name__ == "__main__":
    sys.exit(run(main, quiet="--stop-with-parent" in sys.argv))
