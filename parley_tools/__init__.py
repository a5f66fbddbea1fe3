"""What a module of Python tools imports: the mark of a tool, who calls, and an error for the model.

    from parley_tools import tool

    @tool
    def opening_hours(day: str) -> str:
        "When the shop is open on a day of the week."
        return "from nine to six"

Nothing of the gateway is needed for it, so that a module of tools can be tried alone.
docs/tools.md has the rules, for what sums up a long conversation as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

MARK = "__parley_tool__"
SUMMARY_MARK = "__parley_summary__"

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


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a conversation, for what sums it up."""

    kind: Literal["user", "assistant", "call", "output", "summary", "note"]
    """What the user said or the model; a tool that the model called, and what came of it; what was
    said before, as it was summed up then; a note of the model's own."""
    text: str
    """Of the model what was heard of it; of a call its arguments."""
    name: str = ""
    """Of the tool."""


@dataclass(frozen=True, slots=True)
class SummaryMarks:
    """What `summary` was told."""

    timeout_s: float


@overload
def summary(function: Function) -> Function: ...


@overload
def summary(*, timeout_s: float = 20.0) -> Callable[[Function], Function]: ...


def summary(function: Any = None, *, timeout_s: float = 20.0) -> Any:
    """Have *function* sum up what is too old to be kept of a conversation: one of a module.

    It is given a list of `Said`, and the `Caller` if it has a parameter of that type, and returns
    text for the next model to know.  *timeout_s* is how long it may take.
    """

    def mark(marked: Function) -> Function:
        setattr(marked, SUMMARY_MARK, SummaryMarks(timeout_s))
        return marked

    return mark if function is None else mark(function)
