"""What calls may have us keep: tornado_app/admission/budget.py."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.budget import Budget, ProcessBudget, text_bytes

CALL_BYTES, PROCESS_BYTES, CALLS = 1000, 4000, 4
"""A share is 500, and 2000 are for whoever comes first."""


def budgets(count: int = CALLS) -> tuple[ProcessBudget, list[Budget]]:
    process = ProcessBudget(PROCESS_BYTES, CALLS)
    return process, [Budget(CALL_BYTES, process) for _ in range(count)]


class TestBudget:
    def test_room_up_to_the_bound(self):
        """To the byte."""
        _, [budget, *_] = budgets()
        budget.take(600)

        assert budget.has_room(400)
        assert not budget.has_room(401)

    def test_what_is_there_already_is_counted(self):
        """Taking never fails; whoever can hold its sender back sees that it is to."""
        _, [budget, *_] = budgets()
        budget.take(CALL_BYTES)
        assert not budget.is_full

        budget.take(1)
        assert budget.is_full

    def test_goes_on_below_half(self):
        """A sender that was held back is not read again for one chunk."""
        _, [budget, *_] = budgets()
        budget.take(CALL_BYTES + 1)
        for given_bytes, is_low in ((400, False), (100, False), (1, True)):
            budget.give(given_bytes)
            assert is_low == budget.is_low

    def test_others_take_nobodys_share(self):
        """Three that keep all they may leave a fourth its share, and not more."""
        process, [mine, *others] = budgets()
        for other in others:
            other.take(CALL_BYTES)
        assert process.is_full

        assert mine.has_room(process.share_bytes)
        assert not mine.has_room(process.share_bytes + 1)
        mine.take(process.share_bytes)
        assert not mine.is_full
        assert mine.is_low

    def test_beyond_its_share_a_call_has_what_others_leave(self):
        """To the byte."""
        _, [mine, *others] = budgets()
        others[0].take(900)
        others[1].take(500)

        assert mine.has_room(600)
        assert not mine.has_room(601)

    def test_how_much_room_there_is(self):
        """Of the share, of what others leave, and never beyond the call's own bound; below 0 by
        what is too much.
        """
        _, [mine, *others] = budgets()
        assert CALL_BYTES == mine.room_bytes
        mine.take(300)
        assert 700 == mine.room_bytes
        others[0].take(900)
        others[1].take(500)
        assert 300 == mine.room_bytes
        others[2].take(250)
        assert 200 == mine.room_bytes
        mine.take(800)
        assert -600 == mine.room_bytes

    def test_room_of_others_is_seen_at_once(self):
        """Beyond its share a call is full while the process is, and no longer."""
        _, [mine, *others] = budgets()
        mine.take(501)
        for other in others:
            other.take(CALL_BYTES)
        assert (mine.is_full, mine.is_low) == (True, False)

        for other in others:
            other.give(CALL_BYTES)
        mine.give(1)
        assert (mine.is_full, mine.is_low) == (False, True)

    def test_a_call_beyond_its_share_is_not_read_again_while_the_process_is_full(self):
        """Though it keeps less than half of its own bound; the share of a call is a small one when
        there are many.
        """
        process = ProcessBudget(2000, 10)
        mine, other = Budget(CALL_BYTES, process), Budget(CALL_BYTES, process)
        mine.take(101)
        other.take(898)
        assert mine.is_low
        other.take(1)
        assert not mine.is_low
        mine.give(1)
        assert mine.is_low

    def test_other_bounds_hold_from_now_on(self):
        """For what all keep, and for calls that begin then."""
        process, [mine, *_] = budgets()
        mine.take(600)
        process.resize(1000, 5)

        assert (100, -100, True) == (process.share_bytes, process.room_bytes, process.is_full)
        assert not mine.has_room(1)

    def test_what_waits_for_a_client_counts_among_what_all_keep(self):
        """And not against its own call."""
        process, [mine, *_] = budgets()
        mine.count_answers(700)
        mine.count_answers(300)

        assert (0, 300) == (mine.held_bytes, process.held_bytes)


STEPS = st.lists(st.tuples(st.integers(0, CALLS - 1), st.integers(0, 700)), max_size=80)


@given(STEPS)
def test_who_asks_for_room_never_exceeds_a_bound(steps):
    """However many ask in whatever order: each call's, the process's, and every share is there."""
    process, calls = budgets()
    for number, size_bytes in steps:
        budget = calls[number]
        if budget.has_room(size_bytes):
            budget.take(size_bytes)
        elif size_bytes % 2:
            budget.give(min(size_bytes, budget.held_bytes))
        assert budget.held_bytes <= CALL_BYTES
        assert process.held_bytes == sum(call.held_bytes for call in calls)
        assert process.held_bytes <= PROCESS_BYTES
        for call in calls:
            left_bytes = process.share_bytes - call.held_bytes
            assert left_bytes < 0 or call.has_room(left_bytes)
            assert not (call.is_full and call.is_low)


@given(st.text(max_size=200))
def test_no_text_takes_more_than_is_counted(text):
    """Neither in memory nor as UTF-8."""
    assert len(text.encode("utf-8", "replace")) <= text_bytes(text)
    assert len(text) * max((ord(mark).bit_length() + 7) // 8 for mark in text + "a") <= (
        text_bytes(text)
    )
