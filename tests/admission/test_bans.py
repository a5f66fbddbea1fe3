"""Tests of tornado_app/admission/bans.py."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.bans import KINDS, MOST, NOBODY, Ban, Bans, read_bans

NAMES = st.sampled_from(["alice", "bob", "é", " "])
STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(KINDS), NAMES, st.integers(1, 9)), max_size=20
)


def test_it_ends_with_its_time():
    """To the moment; the number of a token is no name of a user."""
    bans = NOBODY.with_one("user", "alice", 100.0, 0.0)

    assert bans.has("alice", None, 99.9)
    assert not bans.has("alice", None, 100.0)
    assert not bans.has("bob", "alice", 50.0)
    assert bans.with_one("token", "7", 100.0, 0.0).has("bob", "7", 50.0)


@given(STEPS)
def test_it_is_as_if_each_were_counted_by_itself(steps):
    """Whatever was asked in whatever order, and read back from the file after each step."""
    bans, until = NOBODY, {}
    for now, (adds, kind, name, for_s) in enumerate(steps):
        if adds:
            bans, until[kind, name] = bans.with_one(kind, name, now + for_s, now), now + for_s
        elif until.get((kind, name), 0) > now:
            bans = bans.without(kind, name, now)
            del until[kind, name]
        else:
            with pytest.raises(LookupError):
                bans.without(kind, name, now)
        bans = read_bans(msgspec.json.encode(bans))
        for each in ("alice", "bob", "é", " "):
            assert bans.has(each, None, now) == (until.get(("user", each), 0) > now)
            assert bans.has("nobody", each, now) == (until.get(("token", each), 0) > now)


def test_there_are_not_more_than_can_be_read():
    """What is over makes room."""
    full = Bans({str(number): Ban(10.0, number, 10.0) for number in range(MOST)})

    with pytest.raises(ValueError, match="10000 users and tokens"):
        full.with_one("token", "7", 20.0, 0.0)
    assert 20.0 == full.with_one("user", "0", 20.0, 0.0).until("user", "0")
    assert ["7"] == [*full.with_one("token", "7", 20.0, 10.0).tokens]
    roomy = full.without("user", "500", 0.0).with_one("token", "7", 20.0, 0.0)
    assert MOST == len(roomy.users) + len(roomy.tokens)
    assert "500" not in roomy.users
    other = NOBODY.with_one("token", "7", 20.0, 9.0)
    together = full.merged(other, 0.0)
    assert (MOST, "0" in together.users) == (len(together.users) + len(together.tokens), False)
    assert together == other.merged(full, 0.0) == together.merged(full, 0.0)


@given(STEPS, st.data())
def test_machines_come_to_know_the_same(steps, data):
    """Wherever something is decided, and whoever tells whom in which order and how often."""
    machines = [NOBODY, NOBODY, NOBODY]
    for now, (adds, kind, name, for_s) in enumerate(steps):
        which = data.draw(st.integers(0, 2))
        if adds:
            machines[which] = machines[which].with_one(kind, name, now + for_s, now)
        elif machines[which].until(kind, name) > now:
            machines[which] = machines[which].without(kind, name, now)
        teller, listener = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
        machines[listener] = machines[listener].merged(machines[teller], now)
    one, two, three = machines
    end = len(steps)
    known = one.merged(two, end).merged(three, end)
    assert known == three.merged(two.merged(one, end), end)
    assert known is known.merged(two, end)
    for kind in KINDS:
        for name in known.of(kind):
            decisions = [each.of(kind)[name] for each in machines if name in each.of(kind)]
            kept = [ban for ban in decisions if ban.kept_until > end]
            last = max(kept, key=lambda ban: (ban.decided_at, ban.until))
            assert last.until == known.until(kind, name)


def test_who_was_let_in_is_not_kept_out_by_somebody_who_was_away():
    """A machine that knows only the ban, or an older and longer one; whose clock is behind."""
    away = NOBODY.with_one("user", "alice", 1000.0, 100.0)
    shorter = away.with_one("user", "alice", 200.0, 110.0)
    let_in = shorter.without("user", "alice", 50.0)

    for now in (150.0, 300.0):
        assert not let_in.merged(shorter, now).has("alice", None, now)
        assert not away.merged(let_in, now).has("alice", None, now)
    assert NOBODY == let_in.merged(NOBODY, 1000.0)


def test_a_decision_that_is_over_is_forgotten_wherever_it_still_stands():
    """The older and longer ban of a machine that was never told of it holds, whoever meets whom."""
    longer = NOBODY.with_one("user", "alice", 700.0, 400.0)
    shorter = NOBODY.with_one("user", "alice", 600.0, 500.0)

    assert longer == shorter.merged(longer, 650.0) == longer.merged(shorter, 650.0)
    assert 600.0 == longer.merged(shorter, 550.0).until("user", "alice")


def test_who_has_heard_of_a_shorter_ban_goes_on_knowing_that_it_counts():
    """As long as the longer one stands anywhere, though it is over itself."""
    longer = NOBODY.with_one("user", "alice", 700.0, 400.0)
    shorter = NOBODY.with_one("user", "alice", 600.0, 500.0)
    both = longer.merged(shorter, 550.0)

    assert not both.merged(longer, 650.0).has("alice", None, 650.0)
    assert not longer.merged(both, 650.0).has("alice", None, 650.0)
    assert both == shorter.merged(longer, 550.0)


def test_of_two_decisions_at_once_the_one_that_keeps_out_counts():
    one = NOBODY.with_one("user", "alice", 1000.0, 100.0)
    other = NOBODY.with_one("user", "alice", 500.0, 100.0)

    assert 1000.0 == one.merged(other, 100.0).until("user", "alice")
    assert one.merged(other, 100.0) == other.merged(one, 100.0)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"users": 1}', b'{"user": {}}', b"\xff"])
def test_what_is_none_of_ours_is_not_read_as_nobody(text):
    """Else whoever is kept out would come in."""
    with pytest.raises(ValueError, match=r"."):
        read_bans(text)


def test_all_of_it_is_over_with_the_last():
    """Of whichever kind; of nobody it is over already."""
    assert 0.0 == NOBODY.over_at
    bans = NOBODY.with_one("user", "alice", 100.0, 0.0).with_one("token", "7", 50.0, 0.0)
    assert 100.0 == bans.over_at


def test_a_file_that_is_none_of_ours_is_not_read(monkeypatch):
    """In a sentence."""
    monkeypatch.setattr("tornado_app.admission.bans.FILE_BYTES", 2)
    assert NOBODY == read_bans(b"{}")
    with pytest.raises(ValueError, match="longer than 2 bytes"):
        read_bans(b"{ }")
    with pytest.raises(ValueError, match="Expected `object`"):
        read_bans(b"[]")
