"""What the entries of a conversation take."""

import msgspec
import pytest

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.session.ledger.entries import (
    AnyEntry,
    ModelSaid,
    Noted,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)


@pytest.mark.parametrize(
    ("entry", "size_bytes"),
    [
        (UserSaid("u1", "Hi."), 3),
        (UserSaid("u1", "🙂"), 4),
        (ModelSaid("a1", "Hello."), 6),
        (ToolCalled("c1", "call_1", "weather", '{"a":1}'), 14),
        (ToolAnswered("o1", "call_1", "Rain."), 5),
        (Noted("n1", "Silence."), 8),
        (Summed("s1", "All was said."), 13),
    ],
)
def test_each_takes_what_its_words_take_beside_what_all_do(entry, size_bytes):
    assert ENTRY_BYTES + size_bytes == entry.size_bytes
    assert entry == msgspec.json.decode(msgspec.json.encode(entry), type=AnyEntry)
