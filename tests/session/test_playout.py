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
