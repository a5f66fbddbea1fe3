"""The ledger of what was heard."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.session.playout import Playout, Unheard


def test_the_guess_is_the_time_since_it_was_sent():
    """One item, played from when it came."""
    playout = Playout()
    playout.sent("a", 900, now=1.0)

    assert [Unheard("a", 400)] == playout.unheard(1.4)
    assert [] == playout.unheard(1.9)


def test_a_part_of_a_millisecond_was_not_heard():
    """What is cut there is rather too short than too long."""
    playout = Playout()
    playout.sent("a", 900, now=0.0)

    assert [Unheard("a", 400)] == playout.unheard(0.4006)
    assert [Unheard("a", 899)] == playout.unheard(0.8996)


def test_items_play_one_after_another():
    """The second begins where the first ends."""
    playout = Playout()
    playout.sent("a", 500, now=0.0)
    playout.sent("b", 500, now=0.1)

    assert [Unheard("a", 300), Unheard("b", 0)] == playout.unheard(0.3)
    assert [Unheard("b", 200)] == playout.unheard(0.7)


def test_a_loudspeaker_that_ran_dry_goes_on_where_it_stopped():
    """A pause of the model is not heard audio."""
    playout = Playout()
    playout.sent("a", 100, now=0.0)
    playout.sent("a", 100, now=5.0)

    assert [Unheard("a", 150)] == playout.unheard(5.05)


def test_the_clients_word_wins():
    """And goes on from there."""
    playout = Playout()
    playout.sent("a", 1000, now=0.0)
    playout.told("a", 100, now=0.5)

    assert [Unheard("a", 300)] == playout.unheard(0.7)
    assert 300 == playout.heard("a", 0.7)


def test_a_reported_loudspeaker_that_ran_dry_goes_on_where_it_stopped():
    """A report of long ago does not count the pause as heard."""
    playout = Playout()
    playout.sent("a", 200, now=0.0)
    playout.told("a", 100, now=0.0)
    playout.sent("a", 1000, now=5.0)

    assert [Unheard("a", 300)] == playout.unheard(5.1)


def test_an_unknown_item_was_not_heard():
    """Nothing is raised for a name the client made up."""
    playout = Playout()
    playout.told("x", 100, now=0.5)

    assert 0 == playout.heard("x", 1.0)


def test_the_place_in_one_item_is_the_place_of_all():
    """Items behind the one that the client plays have not been begun, whatever the clock says."""
    playout = Playout()
    playout.sent("a", 200, now=0.0)
    playout.sent("b", 600, now=0.0)
    playout.told("a", 150, now=0.6)
    assert [Unheard("a", 150), Unheard("b", 0)] == playout.unheard(0.6)
    assert [Unheard("b", 50)] == playout.unheard(0.7)

    playout.told("b", 10, now=0.7)
    assert [Unheard("b", 10)] == playout.unheard(0.7)


def test_an_item_that_is_told_of_was_reached_through_those_before_it():
    """A client that is ahead of the clock has heard all that lay before."""
    playout = Playout()
    playout.sent("a", 500, now=0.0)
    playout.sent("b", 500, now=0.0)
    playout.told("b", 20, now=0.1)

    assert [Unheard("b", 20)] == playout.unheard(0.1)
    assert 500 == playout.heard("a", 0.1)


def test_an_item_that_was_played_to_its_end_says_nothing_of_those_behind():
    """The report may be late, and the next item well under way."""
    playout = Playout()
    playout.sent("a", 200, now=0.0)
    playout.sent("b", 600, now=0.0)
    playout.told("a", 200, now=0.5)

    assert [Unheard("b", 300)] == playout.unheard(0.5)


def test_an_item_that_comes_in_two_pieces_is_one():
    """It is cut once, where all that was heard of it ends."""
    playout = Playout()
    for item in "aba":
        playout.sent(item, 100, now=0.0)

    assert [Unheard("a", 100), Unheard("b", 50)] == playout.unheard(0.15)
    playout.told("a", 130, now=0.15)
    assert [Unheard("a", 130)] == playout.unheard(0.15)


def test_what_plays_now_is_where_the_loudspeaker_is():
    """And not an item that has more to come behind it."""
    playout = Playout()
    playout.sent("a", 100, now=0.0)
    playout.sent("b", 100, now=0.0)
    playout.sent("a", 100, now=0.0)
    playout.told(None, 20, now=0.15)

    assert [Unheard("a", 100), Unheard("b", 20)] == playout.unheard(0.15)


def test_the_ledger_is_bounded_and_keeps_its_place():
    """What is too old to be kept still plays before what is kept."""
    playout = Playout()
    for number in range(100):
        playout.sent(f"item_{number}", 10, now=0.0)

    assert 32 == len(playout.unheard(0.0))
    assert Unheard("item_90", 5) == playout.unheard(0.905)[0]
    assert [] == playout.unheard(1.0)


class Loudspeaker:
    """Slow and obvious: one entry for each millisecond that was sent, and where it plays."""

    def __init__(self):
        self.tape, self.place = [], 0

    def wait(self, duration_ms):
        for _ in range(duration_ms):
            if self.place < len(self.tape):
                self.place += 1

    def sent(self, item, duration_ms):
        self.tape += [item] * duration_ms

    def told(self, item, played_ms):
        if item is None:
            item = self.tape[self.place] if self.place < len(self.tape) else None
        of_item = [place for place, name in enumerate(self.tape) if name == item]
        if not of_item:
            return
        if played_ms < len(of_item):
            self.place = of_item[played_ms]
        else:
            self.place = max(self.place, of_item[-1] + 1)

    def heard(self, item):
        return self.tape[: self.place].count(item)

    def unheard(self):
        names = dict.fromkeys(self.tape)
        return [
            Unheard(item, self.heard(item))
            for item in names
            if self.heard(item) < self.tape.count(item)
        ]


ITEMS = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 80)),
    st.tuples(st.just("sent"), ITEMS, st.integers(1, 60)),
    st.tuples(st.just("told"), ITEMS | st.none(), st.integers(0, 150)),
    st.tuples(st.just("forget")),
)


@given(st.lists(STEPS, max_size=25))
def test_the_ledger_is_a_loudspeaker(steps):
    """Whatever is sent, told and waited for."""
    playout, speaker, now_ms = Playout(), Loudspeaker(), 0
    for what, *values in steps:
        match what:
            case "wait":
                now_ms += values[0]
                speaker.wait(values[0])
            case "sent":
                playout.sent(*values, now_ms / 1000)
                speaker.sent(*values)
            case "told":
                playout.told(*values, now_ms / 1000)
                speaker.told(*values)
            case _:
                playout.forget()
                speaker = Loudspeaker()
        assert speaker.unheard() == playout.unheard(now_ms / 1000)
        assert [speaker.heard(i) for i in "abc"] == [playout.heard(i, now_ms / 1000) for i in "abc"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 500), st.floats(0, 1), st.booleans()),
        max_size=30,
    )
)
def test_never_more_heard_than_sent(steps):
    """The model refuses to cut an item behind its end."""
    playout, sent, now = Playout(), {}, 0.0
    for item, duration_ms, pause_s, told in steps:
        now += pause_s
        if told:
            playout.told(item, duration_ms * 10, now)
        else:
            playout.sent(item, duration_ms, now)
            sent[item] = sent.get(item, 0.0) + duration_ms
        for entry in playout.unheard(now):
            assert 0 <= entry.heard_ms <= sent[entry.item_id]
