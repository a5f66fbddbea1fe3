"""``python -m local_realtime``."""

import sys

from local_realtime.cli import main

if __name__ == "__main__":
    sys.exit(main())
