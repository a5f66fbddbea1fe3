"""What the client has asked and the model has not answered, which is bounded twice."""

import msgspec
import pytest

from tests.session.relaying.call import Call
from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.protocol.realtime.orders import Relayed
from tornado_app.session.kept import ORDERS_HELD, order_bytes
from tornado_app.session.relaying.outstanding import KEPT, Asked, Outstanding

ORDER = Relayed(b'{"type":"response.create"}')


def outstanding(call_bytes):
    budget = Budget(call_bytes, ProcessBudget(1 << 30, 1))
    return Outstanding(budget), budget


def names(kept):
    return [asked.name for asked in kept.again]


def note(kept, *numbers, order=ORDER):
    for number in numbers:
        kept.note(Asked("response.create", f"e{number}", None, order))


def test_of_too_many_the_oldest_are_not_asked_again():
    kept, budget = outstanding(1 << 20)
    note(kept, *range(KEPT + 3))

    assert [f"e{number}" for number in range(3, KEPT + 3)] == names(kept)
    assert KEPT * order_bytes(ORDER) == budget.held_bytes


def test_of_what_is_too_much_the_oldest_is_not_asked_again():
    kept, budget = outstanding(3 * order_bytes(ORDER))
    note(kept, *range(5))

    assert ["e2", "e3", "e4"] == names(kept)
    assert 3 * order_bytes(ORDER) == budget.held_bytes


def test_what_is_larger_than_all_that_may_be_kept_is_not_kept():
    kept, budget = outstanding(3 * order_bytes(ORDER))
    note(kept, 1)
    note(kept, 2, order=Relayed(bytes(10_000)))

    assert ([], 0) == (names(kept), budget.held_bytes)


@pytest.fixture
def crowded():
    """A call without a model, with as many orders as may wait for one."""
    call = Call().begun()
    call.lost()
    for number in range(ORDERS_HELD):
        call.asks("conversation.item.create", item=written("Hi."), event_id=f"e{number}")
    return call


def written(text):
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.item.create", {"item": written("Too much.")}),
        ("response.create", {}),
        ("session.update", {"session": {"type": "realtime", "instructions": "Be brief."}}),
        ("input_audio_buffer.commit", {}),
        ("input_audio_buffer.clear", {}),
        ("conversation.item.delete", {"item_id": "item_u"}),
    ],
)
def test_what_was_refused_for_want_of_room_is_asked_of_nobody(crowded, kind, fields):
    """Neither of the next model nor of the one after; and no answer is taken for one to it."""
    crowded.asks(kind, **fields, event_id="late")
    assert ("server_error", "late") == (crowded.error["type"], crowded.error["event_id"])

    outstanding = crowded.session._conductor._outstanding
    assert "late" not in names(outstanding)
    assert ORDERS_HELD == len(outstanding)
    crowded.tick(crowded.session.timers.earliest).model_comes()
    crowded.loses_model().finds_model()
    assert "late" not in [event.get("event_id") for event in crowded.all_sent]
    assert "late" not in [entry.id for entry in crowded.session.ledger.entries]


def test_an_update_that_was_refused_for_want_of_room_is_not_in_force(crowded):
    """The next one that the model takes is another."""
    fields = {"session": {"type": "realtime", "instructions": "Be brief."}}
    crowded.asks("session.update", **fields, event_id="late")
    crowded.tick(crowded.session.timers.earliest).finds_model()
    crowded.asks("session.update", session={"type": "realtime", "max_output_tokens": 7})
    crowded.says("session.updated", session={"type": "realtime", "instructions": ""})
    crowded.loses_model().finds_model()

    body = next(e["session"] for e in crowded.all_sent[::-1] if e["type"] == "session.update")
    assert 7 == body["max_output_tokens"]
    assert "Be brief." not in body["instructions"]


def asks_for(kept, name, **wanted):
    text = msgspec.json.encode({"type": "response.create", "response": wanted})
    kept.note(Asked("response.create", name, None, Relayed(text)))


ASIDE = {"conversation": "none", "metadata": {"k": "aside"}}


@pytest.mark.parametrize(
    ("response", "is_owed", "expected"),
    [
        ({"conversation_id": None, "metadata": {"k": "aside"}}, True, ASIDE),
        ({"conversation_id": None, "metadata": {"k": "2"}}, False, {"metadata": {"k": "2"}}),
        ({"conversation_id": "conv_1", "metadata": {"k": "1"}}, True, {"metadata": {"k": "1"}}),
        ({"conversation_id": "conv_1", "metadata": None}, True, None),
        ({"conversation_id": "conv_1", "metadata": None}, False, {"metadata": {"k": "1"}}),
        ({"metadata": {"of": "the server's own"}}, False, ASIDE),
        ({}, False, ASIDE),
        ({}, True, None),
    ],
)
def test_an_answer_is_to_what_was_asked_for_it(response, is_owed, expected):
    """By its metadata, where a server repeats it, and by where it stands; then by the order."""
    kept, budget = outstanding(1 << 20)
    asks_for(kept, "e1", **ASIDE)
    asks_for(kept, "e2", metadata={"k": "1"})
    asks_for(kept, "e3", metadata={"k": "2"})
    before = budget.held_bytes

    assert expected == kept.answer_to(response, is_owed=is_owed)
    assert (expected is None) == (before == budget.held_bytes)


def test_an_answer_that_nobody_has_described_may_be_owed():
    kept, _ = outstanding(1 << 20)
    asks_for(kept, "e1")

    assert {} == kept.answer_to({"metadata": None}, is_owed=True)
    assert kept.answer_to({"metadata": None}, is_owed=True) is None
