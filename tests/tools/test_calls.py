"""The calls of one client's session: tornado_app/tools/calls.py."""

import asyncio
from types import SimpleNamespace

import pytest

from tornado_app.session.commands import CallTool
from tornado_app.tools.calls import Calls
from tornado_app.tools.result import Result
from tornado_app.tools.toolbox import Toolbox

RESULT_BYTES = 1000


class Text(str):
    """Which what reads it makes plain."""

    __slots__ = ()


class Returns:
    """A tool with this result."""

    name, scopes, function = "x", frozenset(), None

    def __init__(self, output):
        self.output = output

    async def call(self, _arguments, _caller):
        return Result(self.output)


async def done(output):
    """What the session hears of a call of such a tool."""
    heard = asyncio.get_running_loop().create_future()
    rules = SimpleNamespace(result_bytes=RESULT_BYTES)
    config = SimpleNamespace(user_id="alice", session_id="s", scopes=frozenset(), tools=rules)
    calls = Calls(Toolbox([Returns(output)]), config, heard.set_result, log=None)
    calls.perform(CallTool("c", "x", "{}"))
    return await heard


@pytest.mark.gen_test
async def test_a_result_that_is_told_nobody_is_not_read():
    """It is of any length, and on the loop of all calls."""
    output = Text("x" * (RESULT_BYTES + 1))

    assert (await done(output)).output is output
