"""What came of each step, and which steps are tried after another has failed.

Every step has a deadline; one that needs another which did not go well is skipped, and says so.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tornado_app.commands.talk.failure import Failed
from tornado_app.errors import Refused
from tornado_app.settings.reading import InvalidSettings

Status = Literal["ok", "failed", "skipped"]


class Trouble(Exception):
    """A step has failed: what is wrong, in a sentence, and what to do about it, in another."""

    def __init__(self, says: str, advice: str = "", code: str = "") -> None:
        """*code* is the protocol's, if a gateway has said it."""
        super().__init__(says)
        self.advice = advice
        self.code = code


class Skipped(Exception):
    """A step does not apply here; the text says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the report."""

    step: str
    status: Status
    says: str
    advice: str = ""
    took_ms: float | None = None
    """None if it was not tried."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to try.

    `work` returns what to say of it; it raises `Trouble`, `Failed`, `Refused`, `InvalidSettings`,
    `Skipped` or `OSError` if it cannot.  `advice` is for whatever it does not say itself.
    """

    name: str
    work: Callable[[], Awaitable[str]]
    needs: tuple[str, ...] = ()
    advice: str = ""
    deadline_s: float = 30.0


async def examine(
    steps: Sequence[Step], begin: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Finding]:
    """Try *steps* in order; *begin* is told the name of each that is tried."""
    found: dict[str, Status] = {}
    for step in steps:
        missing = next((name for name in step.needs if found.get(name) != "ok"), None)
        if missing is not None:
            finding = Finding(step.name, "skipped", f"It needs the step before: {missing}.")
        else:
            begin(step.name)
            finding = await _try(step)
        found[step.name] = finding.status
        yield finding


async def _try(step: Step) -> Finding:
    began_at = time.monotonic()

    def found(status: Status, says: str, advice: str = "") -> Finding:
        return Finding(step.name, status, says, advice, 1000 * (time.monotonic() - began_at))

    try:
        async with asyncio.timeout(step.deadline_s):
            return found("ok", await step.work())
    except Skipped as skipped:
        return Finding(step.name, "skipped", str(skipped))
    except TimeoutError:
        return found("failed", f"It took longer than {step.deadline_s:g} s.", step.advice)
    except Trouble as trouble:
        return found("failed", str(trouble), trouble.advice or step.advice)
    except (Failed, Refused) as told:
        return found("failed", str(told), step.advice)
    except InvalidSettings as invalid:
        return found("failed", " ".join(f"{line}." for line in invalid.problems), step.advice)
    except OSError as error:
        return found("failed", f"{error.strerror or type(error).__name__}.", step.advice)
    except Exception as error:  # noqa: BLE001  what is known by then is worth a report
        says = f"doctor itself came to no end ({type(error).__name__})."
        return found("failed", says, "Please report it.")
