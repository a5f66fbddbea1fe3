"""What the table of `bench.table` is made of."""

import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table; a row without a bar is there to be seen."""

    what: str
    parley: str
    beside: str = ""
    bar: str = ""
    reached: bool | None = None

    def cells(self) -> list[str]:
        verdict = {True: "yes", False: "NO", None: ""}[self.reached]
        return [self.what, self.parley, self.beside, self.bar, verdict]


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    sessions: list[int]
    chunks_ms: list[int]
    beside: list[str]
    seconds: float
    rounds: int
    cycles: int


def say(text: str) -> None:
    """Tell how far it is, where it does not get into the table."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)
