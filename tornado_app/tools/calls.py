"""The calls of tools that one client's session has under way, and its summary."""

import asyncio
from collections.abc import Callable
from typing import Any

from parley_tools import Caller
from tornado_app.session.commands import CallTool, CancelTool, StopSummingUp, SumUp
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import SummedUp, ToolDone
from tornado_app.tools.result import FAILED, Result, sendable
from tornado_app.tools.toolbox import Toolbox


class Calls:
    """Thread: loop."""

    def __init__(
        self,
        toolbox: Toolbox,
        config: SessionConfig,
        feed: Callable[[ToolDone | SummedUp], None],
        log: Any,
        traceparent: Callable[[str], str] | None = None,
    ) -> None:
        """*traceparent* says where in a trace a call is, by its id; None: calls have no traces."""
        self._toolbox = toolbox
        self._config = config
        self._feed = feed
        self._log = log
        self._traceparent = traceparent
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._summing_up: asyncio.Task[None] | None = None

    def perform(self, command: CallTool | CancelTool | SumUp | StopSummingUp) -> None:
        if isinstance(command, SumUp | StopSummingUp):
            self._sum_up(command)
            return
        if isinstance(command, CallTool):
            task = self._toolbox.start(self._call(command, self._caller(command.call_id)))
            self._tasks[command.call_id] = task
            return
        task_left = self._tasks.pop(command.call_id, None)
        if task_left is not None:
            task_left.cancel()

    def end(self) -> None:
        """The session is over.  Its connection is let go: each holds the other."""
        self._feed = _nobody_hears
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.cancel()
        self._sum_up(StopSummingUp())

    def _caller(self, call_id: str) -> Caller:
        config, traceparent = self._config, self._traceparent
        where = traceparent(call_id) if traceparent is not None else None
        return Caller(config.user_id, config.session_id, call_id, config.scopes, where)

    async def _call(self, command: CallTool, caller: Caller) -> None:
        try:
            result = await self._toolbox.find(command.name).call(command.arguments, caller)
        except Exception as error:  # noqa: BLE001  a fault of ours costs this call of a tool only
            self._log.exception("tool_broke", name=command.name)
            result = Result.fault(FAILED, detail=type(error).__name__)
        self._tasks.pop(command.call_id, None)
        output = result.output
        if len(output) <= self._config.tools.result_bytes:  # a longer one is told nobody
            output = sendable(output)
        self._feed(ToolDone(command.call_id, output, result.outcome, result.detail))

    def _sum_up(self, command: SumUp | StopSummingUp) -> None:
        if self._summing_up is not None:
            self._summing_up.cancel()
            self._summing_up = None
        if isinstance(command, SumUp):
            self._summing_up = self._toolbox.start(self._summed_up(command))

    async def _summed_up(self, command: SumUp) -> None:
        summary = self._toolbox.summary
        assert summary is not None  # noqa: S101  else a session does not ask for one
        summed_up = await summary.sum_up(command.entries, self._caller(""))
        self._summing_up = None
        self._feed(summed_up)


def _nobody_hears(_: ToolDone | SummedUp) -> None:
    """What is done behind the end of a call."""
