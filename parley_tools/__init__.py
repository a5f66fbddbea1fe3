"""What a module of Python tools imports: the mark of a tool, who calls, and an error for the model.

    from parley_tools import tool

    @tool
    def opening_hours(day: str) -> str:
        "When the shop is open on a day of the week."
        return "from nine to six"

Nothing of the gateway is needed for it, so that a module of tools can be tried alone.
docs/tools.md has the rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

MARK = "__parley_tool__"

Function = TypeVar("Function", bound=Callable[..., Any])


class ToolError(Exception):
    """Raised by a tool to tell the model, in a sentence, why it has no result."""


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a tool is called: a parameter of this type is filled in, and not in the schema."""

    user_id: str
    """As the token says."""
    session_id: str
    call_id: str
    scopes: frozenset[str]
    traceparent: str | None = None
    """Where in a trace the call is (W3C Trace Context); None: calls have no traces."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What `tool` was told."""

    name: str | None
    timeout_s: float
    scopes: frozenset[str]
    filler: str | None = None
    filler_after_ms: float | None = None
    shown: bool | tuple[str, ...] = False


@overload
def tool(function: Function) -> Function: ...


@overload
def tool(
    *,
    name: str | None = None,
    timeout_s: float = 10.0,
    scopes: tuple[str, ...] = (),
    filler: str | None = None,
    filler_after_ms: float | None = None,
    shown: bool | tuple[str, ...] = False,
) -> Callable[[Function], Function]: ...


def tool(
    function: Any = None,
    *,
    name: str | None = None,
    timeout_s: float = 10.0,
    scopes: tuple[str, ...] = (),
    filler: str | None = None,
    filler_after_ms: float | None = None,
    shown: bool | tuple[str, ...] = False,
) -> Any:
    """Make *function* a tool; it stays what it was for everybody else.

    *name* is what the model calls it, by default the function's own.  *timeout_s* is how long a
    call may take.  *scopes*: only calls whose token has one of them have the tool; none: all calls.
    *filler* is what the model is to say if the tool takes longer than *filler_after_ms*; None: as
    the settings say, empty: nothing.  *shown*: whether clients are told that it runs, or the scopes
    of those that are.
    """

    def mark(marked: Function) -> Function:
        marks = Marks(name, timeout_s, frozenset(scopes), filler, filler_after_ms, shown)
        setattr(marked, MARK, marks)
        return marked

    return mark if function is None else mark(function)
