"""The tools that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tornado_app.settings.schema import Tools
from tornado_app.tools.toolbox import Toolbox


@dataclass
class Found:
    """The tools of a file, and all that is wrong with it, in sentences."""

    toolbox: Toolbox = field(default_factory=Toolbox)
    problems: list[str] = field(default_factory=list)


def read_tools(settings: Tools, post: Callable[..., None]) -> Found:
    """The tools of ``tools.file``; none if there is no such setting.

    *post* has the loop call something, from any thread.  The module of Python tools is imported.
    """
    if not settings.file:
        return Found()
    # A third of a second and 15 MB, which is much for those who have no tools.
    from tornado_app.tools.operators_file import read_file  # noqa: PLC0415

    return Found(*read_file(settings, post))
