"""Tests of tornado_app/session/waiting.py: what waits for the client, and what it takes."""

import pytest

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.session.pieces import Sound
from tornado_app.session.waiting import Due, End, InPool, Whole, Words, size_of


@pytest.mark.parametrize(
    ("entry", "size_bytes"),
    [
        (Sound("item_a", "resp_1", bytes(480), "A" * 640), 1120),
        (InPool("item_a", "resp_1", 480), 480),
        (Words(("user", "item_a"), ["Hi", " there"]), 8),
        (Words(("user", "item_a"), ["Hi", "🙂🙂"]), 10),
        (Whole(("user", "item_a"), "Hi 🙂"), 16),
        (Whole(("user", "item_a"), None), 0),
        (End("item_a", "resp_1"), 0),
        (Due(), 0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_what_waits_is_counted_with_its_audio_and_text(entry, size_bytes):
    """Beside what any entry takes: a client that reads nothing cannot fill the memory with them."""
    assert ENTRY_BYTES + size_bytes == size_of(entry)
