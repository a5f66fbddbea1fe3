"""No feature makes a chunk dearer for those who do not use it: counted in steps of the interpreter.

Steps are the same each time, whatever else the computer does.
"""

import gc
import os
import sys

import pytest

from compiling import loading
from tests.session.story import Story, converted, delta, model_session, response
from tests.session.test_tools import CLOCK, WEATHER, begins, calls
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import events
from tornado_app.session.config import ToolRules

pytestmark = pytest.mark.skipif(
    loading.code().kind == "compiled", reason="compiled code takes no steps of the interpreter"
)

CHUNK_S = 0.02
HOUSE = f"{os.sep}tornado_app{os.sep}"
FILLER = "One moment, please."


def steps(does) -> int:
    """How many instructions of Parley *does* takes; none that the collector of cycles causes."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if HOUSE not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        does()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def speak(told, chunks) -> None:
    """So much speech, as it comes from the client and back from the pool."""
    for _ in range(chunks):
        at = told.now + CHUNK_S
        told.session.handle(events.ClientAudio(payload=bytes(960)), at)
        told.session.handle(events.UplinkReady(converted(20.0, 960)), at)
        told.now = at


def hear(told, pieces) -> None:
    """So much of an answer."""
    for _ in range(pieces):
        told.feed(events.UpstreamSaid(delta(20)), told.now + CHUNK_S)


def price(told) -> tuple[int, int]:
    """Of 0.4 s of speech, and of an answer, of a call that has run for a while."""
    speak(told, 20)
    spoken = steps(lambda: speak(told, 20))
    told.said(realtime.ResponseCreated(response("resp_9")))
    hear(told, 10)
    return spoken, steps(lambda: hear(told, 20))


@pytest.fixture(scope="module")
def plain():
    # Python 3.12 counts from the second time on: who wants opcodes is asked when a tracer is set.
    price(Story().connected())
    found = price(Story().connected())
    assert found == price(Story().connected())
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"tools": ToolRules((WEATHER, CLOCK))},
        {"tools": ToolRules((WEATHER, CLOCK), filler=FILLER)},
        {"model_session": model_session(tools=(WEATHER, CLOCK))},
        {"model_session": model_session(instructions="Be brief. " * 100, speed=1.2)},
        {"scopes": frozenset({"speak", "shop", "support"})},
    ],
    ids=["of the server", "with a filler", "of the client", "instructions", "scopes"],
)
def test_what_a_call_has_costs_its_chunks_nothing(plain, changes):
    assert plain == price(Story(**changes).connected())


def test_nor_does_a_tool_that_runs(plain):
    """From the call to the result the user may go on talking."""
    told = Story(tools=ToolRules((WEATHER,))).connected()
    calls(begins(told))

    speak(told, 20)
    assert plain[0] == steps(lambda: speak(told, 20))
