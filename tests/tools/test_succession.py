"""Which tools a call has, while the file of them changes."""

import asyncio

import pytest

from tests.calls.house import until
from tornado_app.tools.succession import Succession
from tornado_app.tools.toolbox import Toolbox


class Box(Toolbox):
    ends = 0

    async def stop(self) -> None:
        self.ends += 1
        await asyncio.sleep(0)


@pytest.mark.gen_test
async def test_one_that_is_held_ends_with_the_last_of_its_calls():
    first, second = Box(), Box()
    tools = Succession(first)
    assert [first, first] == [tools.hold("a"), tools.hold("b")]
    tools.follow(second)
    assert second is tools.hold("c")
    for session_id in ("c", "a", "a"):
        tools.leave(session_id)
        await asyncio.sleep(0.01)
        assert 0 == first.ends
    tools.leave("b")
    await until(lambda: first.ends, "nobody ends it")
    assert second is tools.current
    await tools.stop()
    assert (1, 1) == (first.ends, second.ends)


@pytest.mark.gen_test
async def test_one_that_nobody_holds_ends_at_once():
    first, second = Box(), Box()
    tools = Succession(first)
    tools.follow(second)
    await tools.stop()
    assert (1, 1) == (first.ends, second.ends)


@pytest.mark.gen_test
async def test_all_end_in_the_end():
    """Also one whose calls have not."""
    boxes = [Box(), Box(), Box()]
    tools = Succession(boxes[0])
    for box in boxes[1:]:
        tools.hold(str(id(box)))
        tools.follow(box)
    await tools.stop()
    assert [1, 1, 1] == [box.ends for box in boxes]
