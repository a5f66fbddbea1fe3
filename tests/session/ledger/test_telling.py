"""What a model that was not there is told of each entry."""

import pytest

from tornado_app.session.ledger.entries import (
    ModelSaid,
    Noted,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)
from tornado_app.session.ledger.telling import SUMMED_UP, UNSEEN, UNWRITTEN, item_of

PENDING = {"is_spoken": True, "is_written": False}


@pytest.mark.parametrize(
    ("entry", "speech", "role", "part"),
    [
        (UserSaid("u", "Hi."), "", "user", {"type": "input_text", "text": "Hi."}),
        (UserSaid("u", "Hi."), "QUJD", "user", {"type": "input_text", "text": "Hi."}),
        (UserSaid("u", "H", **PENDING), "", "user", {"type": "input_text", "text": "H"}),
        (UserSaid("u", "H", **PENDING), "QUJD", "user", {"type": "input_audio", "audio": "QUJD"}),
        (UserSaid("u", **PENDING), "QUJD", "user", {"type": "input_audio", "audio": "QUJD"}),
        (UserSaid("u", **PENDING), "", "user", {"type": "input_text", "text": UNWRITTEN}),
        (
            UserSaid("u", "See?", has_picture=True),
            "",
            "user",
            {"type": "input_text", "text": f"See? {UNSEEN}"},
        ),
        (
            UserSaid("u", has_picture=True),
            "",
            "user",
            {"type": "input_text", "text": UNSEEN},
        ),
        (Noted("n", "Silence."), "", "system", {"type": "input_text", "text": "Silence."}),
        (
            Summed("s", "All."),
            "",
            "system",
            {"type": "input_text", "text": SUMMED_UP.format(text="All.")},
        ),
    ],
)
def test_what_was_said_is_told_in_words_or_as_it_was_spoken(entry, speech, role, part):
    item = item_of(entry, speech)

    assert (entry.id, "message", role) == (item["id"], item["type"], item["role"])
    assert [part] == item["content"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "completed"),
        ({"heard_ms": 400.0}, "incomplete"),
        ({"is_complete": False}, "incomplete"),
    ],
)
def test_an_answer_is_told_whole_if_it_was_heard_so(changes, status):
    item = item_of(ModelSaid("a", "Hello.", **changes))

    assert ("assistant", status) == (item["role"], item["status"])
    assert [{"type": "output_text", "text": "Hello."}] == item["content"]


def test_calls_and_their_outputs_are_told_as_they_were():
    assert {
        "id": "c",
        "type": "function_call",
        "call_id": "call_1",
        "name": "weather",
        "arguments": "{}",
    } == item_of(ToolCalled("c", "call_1", "weather", "{}"))
    assert {
        "id": "o",
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "Rain.",
    } == item_of(ToolAnswered("o", "call_1", "Rain."))
