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

PROBLEMS_SHOWN = 20
ENVIRONMENT = "server.environment: another one needs a restart, because others follow from it"

FILES = ("session.policy_file", "auth.issuers_file", "tools.file")
"""Settings that name a file which is read again as well."""


@dataclass(frozen=True, slots=True)
class House:
    """What follows from settings and the files that they name."""

    rules: TokenRules | None
    """How our own tokens are made and checked; None: there are none."""
    policy: Policy
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


async def read_again(
    settings: Settings, house: House, reading: Reading, post: Callable[..., None]
) -> Renewed | None:
    """What is to hold in place of *settings* and *house*; None, and a line each, if it cannot.

    It is read in a thread, so that no call waits for it.
    """
    loop = asyncio.get_running_loop()
    try:
        renewed = await loop.run_in_executor(None, _read, settings, house, reading, post)
    except InvalidSettings as invalid:
        refuse(*invalid.problems)
        return None
    if renewed.tools is not None:
        renewed.tools.begin()
        await renewed.tools.ready()
    return renewed


def refuse(*problems: str) -> None:
    """Say why all stays as it is."""
    for problem in problems[:PROBLEMS_SHOWN]:
        get_logger().error("reload_refused", reason=problem)


def tell(renewed: Renewed) -> None:
    """A line for each change, by its name: what it is may be a secret."""
    log = get_logger()
    for name in renewed.changes.taken:
        log.info("setting_changed", setting=name)
    for name in renewed.changes.waiting:
        log.warning("restart_needed", setting=name)
    found = renewed.changes
    log.info("reloaded", changed=len(found.taken), waiting=len(found.waiting))


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
