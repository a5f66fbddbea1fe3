"""Resume tokens: random, of one user, good once, and kept nowhere."""

from tornado_app.resuming.tickets import TicketDesk, TicketsHere

ALICE = ("alice", "voice.v1")


def test_a_token_opens_its_session_for_its_user_alone():
    """Nobody learns whether it is unknown or another's."""
    desk = TicketDesk(TicketsHere())
    token = desk.issue("s1", *ALICE)
    assert ("s1", True) == desk.opened_by(token, *ALICE)
    for wrong in [(token, "bob", "voice.v1"), (token, "alice", "other"), (token[:-1], *ALICE)]:
        assert desk.opened_by(*wrong) is None
    assert desk.opened_by("", *ALICE) is None
    assert desk.opened_by("\ud800 é", *ALICE) is None
    assert ("s1", True) == desk.opened_by(token, *ALICE)


def test_a_new_token_takes_the_place_of_the_one_before():
    """And none is left when the session is over."""
    store = TicketsHere()
    desk = TicketDesk(store)
    first, second = desk.issue("s1", *ALICE), desk.issue("s1", *ALICE)
    assert desk.opened_by(first, *ALICE) is None
    assert ("s1", True) == desk.opened_by(second, *ALICE)
    desk.forget("s1")
    desk.forget("s1")
    assert desk.opened_by(second, *ALICE) is None
    assert not store._by_digest
    assert not store._by_session


def test_the_token_that_was_shown_is_known_until_the_next_is_issued():
    """Who breaks off before the next one arrives has no other."""
    store = TicketsHere()
    desk = TicketDesk(store)
    first = desk.issue("s1", *ALICE)
    lost = desk.issue("s1", *ALICE, first)
    assert ("s1", False) == desk.opened_by(first, *ALICE)
    assert ("s1", True) == desk.opened_by(lost, *ALICE)
    third = desk.issue("s1", *ALICE, first)
    assert desk.opened_by(lost, *ALICE) is None
    desk.issue("s1", *ALICE, third)
    assert desk.opened_by(first, *ALICE) is None
    desk.forget("s1")
    assert not store._by_digest


def test_a_token_is_256_random_bits_and_is_kept_nowhere():
    """In the address as it is; the store has its digest."""
    store = TicketsHere()
    tokens = {TicketDesk(store).issue(f"s{n}", *ALICE) for n in range(100)}
    assert 100 == len(tokens)
    assert {43} == {len(token) for token in tokens}
    assert not [token for token in tokens if token in repr(store._by_digest)]
