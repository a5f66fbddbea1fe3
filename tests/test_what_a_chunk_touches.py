"""What a chunk passes on the loop is small: no object of a call there has a dictionary.

With 80 calls what each of them touches is all that fits into a core's cache, or does not
(docs/performance.md); a dictionary is two or three lines of the cache more for each object.
"""

import os
import sys

import pytest

from bench.warm_loop import Call
from compiling import loading

pytestmark = pytest.mark.skipif(
    loading.code().kind == "compiled",
    reason="compiled code has no frames to be noted, and no dictionaries",
)

HOUSE = f"{os.sep}tornado_app{os.sep}"


def passed(does) -> set[type]:
    """The classes of Parley whose methods *does* calls."""
    classes: set[type] = set()

    def note(frame, event, _):
        if event == "call" and HOUSE in frame.f_code.co_filename and "self" in frame.f_locals:
            classes.add(type(frame.f_locals["self"]))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        does()
    finally:
        sys.setprofile(before)
    return classes


@pytest.fixture(scope="module")
def call():
    return Call(has_metrics=True)


@pytest.mark.parametrize(("step", "at_least"), [("chunk", 15), ("delta", 15)])
def test_nothing_on_the_way_has_a_dictionary(call, step, at_least):
    classes = passed(getattr(call, step))

    assert len(classes) >= at_least
    assert not [each.__name__ for each in classes if each.__dictoffset__]
