"""The function of the operator's that sums up what is too old to be kept of a conversation."""

import inspect
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from parley_tools import SUMMARY_MARK, Caller, Said, SummaryMarks
from tornado_app.session.events import SummedUp
from tornado_app.session.ledger.entries import (
    AnyEntry,
    ModelSaid,
    Noted,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)
from tornado_app.session.ledger.telling import UNSEEN, UNWRITTEN
from tornado_app.tools.marked import is_caller, marks_of
from tornado_app.tools.other_loop import OtherLoop
from tornado_app.tools.result import sendable
from tornado_app.tools.threads import CallThreads

AT_ONCE = 2
"""So many threads it has, and as many that were left running; none of them is a tool's."""


@dataclass(frozen=True)
class Summary:
    """Thread: loop; the function runs elsewhere."""

    timeout_s: float
    performed: Callable[..., Any] = field(repr=False)
    caller_name: str | None
    """The parameter that is told who calls."""
    threads: CallThreads = field(repr=False)
    loop: OtherLoop = field(repr=False)

    async def sum_up(self, entries: Iterable[AnyEntry], caller: Caller) -> SummedUp:
        """Raises nothing but `asyncio.CancelledError`; has no deadline itself."""
        said = list(map(_said, entries))
        more = {} if self.caller_name is None else {self.caller_name: caller}
        performed = self.performed
        try:
            if inspect.iscoroutinefunction(performed):

                async def begun() -> SummedUp:
                    try:
                        return _made(await performed(said, **more))
                    except BaseException as error:  # noqa: BLE001  the loop turns on for others
                        return SummedUp("", type(error).__name__)

                return typing.cast(SummedUp, await self.loop.run("summary", begun))

            def work() -> SummedUp:
                try:
                    return _made(performed(said, **more))
                except BaseException as error:  # noqa: BLE001  a thread ends with none
                    return SummedUp("", type(error).__name__)

            return typing.cast(SummedUp, await self.threads.run("summary", work))
        except RuntimeError:
            return SummedUp("", "busy")


def find_summary(module: object, post: Callable[..., None]) -> Summary | ValueError | None:
    """The marked function of *module*; a `ValueError` has words for the operator."""
    marked = {
        id(value): value
        for value in vars(module).values()
        if callable(value) and isinstance(marks_of(value, SUMMARY_MARK), SummaryMarks)
    }
    if len(marked) > 1:
        return ValueError("only one function may be marked with parley_tools.summary")
    for performed in marked.values():
        try:
            return _summary(performed, post)
        except ValueError as error:
            return error
    return None


def _summary(performed: Any, post: Callable[..., None]) -> Summary:
    name = getattr(performed, "__name__", "summary")
    try:
        hints = typing.get_type_hints(performed)
        parameters = list(inspect.signature(performed).parameters.values())
    except Exception as error:  # noqa: BLE001  annotations may hold anything
        raise ValueError(f"{name}: its types cannot be read: {error}") from None
    rest = [each.name for each in parameters[1:] if is_caller(hints.get(each.name))]
    if not parameters or len(parameters) != 1 + len(rest) or len(rest) > 1:
        sentence = "takes what was said, and nothing else but a Caller"
        raise ValueError(f"{name}: a function that is marked with parley_tools.summary {sentence}")
    marks: SummaryMarks = getattr(performed, SUMMARY_MARK)
    threads, loop = CallThreads(AT_ONCE, post), OtherLoop(AT_ONCE, post)
    caller_name = rest[0] if rest else None
    return Summary(float(marks.timeout_s), performed, caller_name, threads, loop)


def _made(value: object) -> SummedUp:
    return SummedUp(sendable(value)) if isinstance(value, str) else SummedUp("", "no text")


def _said(entry: AnyEntry) -> Said:
    match entry:
        case UserSaid(text=text, has_picture=has_picture, is_written=is_written):
            words = text if text or is_written else UNWRITTEN
            return Said("user", f"{words} {UNSEEN}".strip() if has_picture else words)
        case ModelSaid(text=text):
            return Said("assistant", text)
        case ToolCalled(name=name, arguments=arguments):
            return Said("call", arguments, name)
        case ToolAnswered(output=output):
            return Said("output", output)
        case Noted(text=text):
            return Said("note", text)
        case Summed(text=text):
            return Said("summary", text)
