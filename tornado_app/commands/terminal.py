"""What the commands say to people."""

import sys
from collections.abc import Sequence


def complain(problems: Sequence[str]) -> None:
    print("\n".join(problems), file=sys.stderr)  # noqa: T201  for people
