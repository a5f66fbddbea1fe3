"""Tests of tornado_app/admission/bans.py."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.bans import MOST, NOBODY, Bans, read_bans

NAMES = st.sampled_from(["alice", "bob", "é", " "])
KINDS = st.sampled_from(["user", "token"])
STEPS = st.lists(st.tuples(st.booleans(), KINDS, NAMES, st.integers(1, 9)), max_size=20)


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
    full = Bans({str(number): 10.0 for number in range(MOST)})

    with pytest.raises(ValueError, match="10000 users and tokens"):
        full.with_one("token", "7", 20.0, 0.0)
    assert full.with_one("user", "0", 20.0, 0.0).users["0"] == 20.0
    assert {"7": 20.0} == full.with_one("token", "7", 20.0, 10.0).tokens


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"users": 1}', b'{"user": {}}', b"\xff"])
def test_what_is_none_of_ours_is_not_read_as_nobody(text):
    """Else whoever is kept out would come in."""
    with pytest.raises(ValueError, match=r"."):
        read_bans(text)
