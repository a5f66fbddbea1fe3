"""bench/tools.py measures what it says: one figure for each call of each kind."""

import asyncio

from bench.tools import NAMES, run


def test_each_call_of_each_kind_is_measured():
    """Of two sessions at the same time."""
    beyond_ms = asyncio.run(run(sessions=2, calls=3))

    assert set(NAMES) == beyond_ms.keys()
    assert [6] * len(NAMES) == [len(values) for values in beyond_ms.values()]
    assert all(value > 0 for values in beyond_ms.values() for value in values)
