"""What the client has asked and the model has not answered, which is bounded twice."""

from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.protocol.realtime.orders import Relayed
from tornado_app.session.kept import order_bytes
from tornado_app.session.relaying.outstanding import KEPT, Asked, Outstanding

ORDER = Relayed("response.create", b'{"type":"response.create"}')


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
    note(kept, 2, order=Relayed("response.create", bytes(10_000)))

    assert ([], 0) == (names(kept), budget.held_bytes)
