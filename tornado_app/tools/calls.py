"""The calls of tools that one client's session has under way."""

import asyncio
from collections.abc import Callable
from typing import Any

from parley_tools import Caller
from tornado_app.session.commands import CallTool, CancelTool
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import ToolDone
from tornado_app.tools.result import Result, sendable
from tornado_app.tools.toolbox import Toolbox


class Calls:
    """Thread: loop."""

    def __init__(
        self,
        toolbox: Toolbox,
        config: SessionConfig,
        feed: Callable[[ToolDone], None],
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

    def perform(self, command: CallTool | CancelTool) -> None:
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

    def _caller(self, call_id: str) -> Caller:
        config, traceparent = self._config, self._traceparent
        where = traceparent(call_id) if traceparent is not None else None
        return Caller(config.user_id, config.session_id, call_id, config.scopes, where)

    async def _call(self, command: CallTool, caller: Caller) -> None:
        try:
            result = await self._toolbox.find(command.name).call(command.arguments, caller)
        except Exception as error:  # noqa: BLE001  a fault of ours costs this call of a tool only
            self._log.exception("tool_broke", name=command.name)
            result = Result.fault("The tool failed.", detail=type(error).__name__)
        self._tasks.pop(command.call_id, None)
        output = sendable(result.output)
        self._feed(ToolDone(command.call_id, output, result.outcome, result.detail))


def _nobody_hears(_: ToolDone) -> None:
    """What is done behind the end of a call."""
