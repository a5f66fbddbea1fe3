"""bench/traces.py measures what it says: one figure a round of each."""

from importlib import import_module
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(
    find_spec("opentelemetry.sdk") is None, reason="requirements-traces.txt is not installed"
)


def test_each_part_is_measured():
    """And a call with more to tell costs more."""
    found = import_module("bench.traces").run(rounds=1, calls=5)

    assert [1] * 4 == [len(figures) for figures in found.values()]
    assert found["call"][0] > 0
    assert found["span"][0] > 0
