"""Ids."""

import re

from local_realtime.ids import new_id


def test_an_id_has_the_documented_shape():
    """A prefix and 21 base-62 characters, never twice the same."""
    ids = {new_id("resp") for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch(r"resp_[0-9A-Za-z]{21}", one) for one in ids)
