"""Reading again, while the gateway runs, what the operator has written: whole, or not at all."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tornado_app.admission.tokens import TokenRules
from tornado_app.logs import get_logger
from tornado_app.policy.grants import Policy
from tornado_app.settings.changing import Changes, changes
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings
from tornado_app.tools.found import read_tools
from tornado_app.tools.toolbox import Toolbox
from tornado_app.usage.prices import Prices

PROBLEMS_SHOWN = 20
ENVIRONMENT = "server.environment: another one needs a restart, because others follow from it"

FILES = (
    "session.policy_file",
    "auth.issuers_file",
    "tools.file",
    "limits.plans_file",
    "usage.prices_file",
)
"""Settings that name a file which is read again as well."""


@dataclass(frozen=True, slots=True)
class House:
    """What follows from settings and the files that they name."""

    rules: TokenRules | None
    """How our own tokens are made and checked; None: there are none."""
    policy: Policy
    prices: Prices
    files: tuple[bytes, ...] = ()
    """What stands in each of `FILES`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How it is read.  Both raise `InvalidSettings` with everything that is wrong.  Thread: any."""

    settings: Callable[[], Settings]
    house: Callable[[Settings], House]


@dataclass(frozen=True, slots=True)
class Renewed:
    """Found right, and nobody goes by it yet."""

    changes: Changes
    house: House
    tools: Toolbox | None
    """Those of the file, which have answered once; None: there are none, and were none."""

    @property
    def settings(self) -> Settings:
        return self.changes.settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    changed: tuple[str, ...] = ()
    """Settings that hold from now on."""
    waiting: tuple[str, ...] = ()
    """Those that need a restart."""
    problems: tuple[str, ...] = ()
    """Why all is as it was; empty: it is not."""


async def read_again(
    settings: Settings, house: House, reading: Reading, post: Callable[..., None]
) -> Renewed:
    """What is to hold in place of *settings* and *house*.

    It is read in a thread, so that no call waits for it.

    Raises:
        InvalidSettings: With everything that is wrong.
    """
    loop = asyncio.get_running_loop()
    renewed = await loop.run_in_executor(None, _read, settings, house, reading, post)
    if renewed.tools is not None:
        renewed.tools.begin()
        await renewed.tools.ready()
    return renewed


async def try_again(
    settings: Settings, house: House, reading: Reading, post: Callable[..., None]
) -> Outcome:
    """What would be wrong, if it were read again now; nobody goes by it, and nothing is said."""
    loop = asyncio.get_running_loop()
    try:
        renewed = await loop.run_in_executor(None, _read, settings, house, reading, post)
    except InvalidSettings as invalid:
        return Outcome(problems=tuple(invalid.problems[:PROBLEMS_SHOWN]))
    if renewed.tools is not None:
        await renewed.tools.stop()
    return Outcome()


def refuse(*problems: str) -> Outcome:
    """Say why all stays as it is."""
    shown = problems[:PROBLEMS_SHOWN]
    for problem in shown:
        get_logger().error("reload_refused", reason=problem)
    return Outcome(problems=shown)


def tell(renewed: Renewed) -> Outcome:
    """A line for each change, by its name: what it is may be a secret."""
    log = get_logger()
    for name in renewed.changes.taken:
        log.info("setting_changed", setting=name)
    for name in renewed.changes.waiting:
        log.warning("restart_needed", setting=name)
    found = renewed.changes
    log.info("reloaded", changed=len(found.taken), waiting=len(found.waiting))
    return Outcome(found.taken, found.waiting)


def _read(settings: Settings, house: House, reading: Reading, post: Callable[..., None]) -> Renewed:
    """Thread: any."""
    after = reading.settings()
    if after.server.environment != settings.server.environment:
        raise InvalidSettings([ENVIRONMENT])
    found = changes(settings, after)
    read = reading.house(found.settings)
    tools = None
    if settings.tools.file or found.settings.tools.file:
        wanted = read_tools(found.settings.tools, post)
        if wanted.problems:
            raise InvalidSettings(wanted.problems)
        tools = wanted.toolbox
    pairs = zip(FILES, house.files, read.files, strict=False)
    files = {name for name, old, new in pairs if old != new}
    taken = tuple(sorted({*found.taken, *files}))
    return Renewed(Changes(found.settings, taken, found.waiting), read, tools)
