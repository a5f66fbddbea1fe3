"""Where bans are written down; what they do: tests/calls/test_administration.py."""

from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from tests.calls.house import house_settings
from tornado_app.admission.bans import NOBODY
from tornado_app.keeping_out import KeepingOut

KEYS = ["anna:0123456789abcdef0123456789abcdef"]
NOWHERE = "/proc/parley"
"""Where root cannot write either."""


async def told_at_the_start(**settings):
    """What the log says between start and end."""
    trust = SimpleNamespace(taken_back=SimpleNamespace(bans=NOBODY))
    read = house_settings(metrics_enabled=True, **settings)
    keeping_out = KeepingOut(read, trust, "one", lambda: False)
    with capture_logs() as lines:
        keeping_out.start()
        await keeping_out.stop()
    return [(line["event"], line["log_level"]) for line in lines]


@pytest.mark.gen_test
async def test_a_place_that_cannot_be_written_is_told_of_at_the_start(tmp_path):
    """Not when somebody is to be thrown out, and to nobody who throws nobody out."""
    nowhere = await told_at_the_start(admin_keys=KEYS, server_state_dir=NOWHERE)

    assert [("bans_unwritten", "error")] == nowhere
    assert [] == await told_at_the_start(admin_keys=KEYS, server_state_dir=str(tmp_path / "new"))
    assert [] == await told_at_the_start(admin_keys=[], server_state_dir=NOWHERE)
