"""``python run.py``: see ``python run.py --help``."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  said in one sentence, not in a traceback
    sys.exit("Parley needs Python 3.11 or newer.")

from tornado_app.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
