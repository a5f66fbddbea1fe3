"""Resume tokens: random, of one user, good once, and kept nowhere."""

from tornado_app.resuming.tickets import TicketDesk, TicketsHere

ALICE = ("alice", "voice.v1")


def test_a_token_opens_its_session_for_its_user_alone():
    """Nobody learns whether it is unknown or another's."""
    desk = TicketDesk(TicketsHere())
    token = desk.issue("s1", *ALICE)
    assert "s1" == desk.session_of(token, *ALICE)
    for wrong in [(token, "bob", "voice.v1"), (token, "alice", "other"), (token[:-1], *ALICE)]:
        assert desk.session_of(*wrong) is None
    assert desk.session_of("", *ALICE) is None
    assert desk.session_of("\ud800 é", *ALICE) is None
    assert "s1" == desk.session_of(token, *ALICE)


def test_a_new_token_takes_the_place_of_the_one_before():
    """And none is left when the session is over."""
    store = TicketsHere()
    desk = TicketDesk(store)
    first, second = desk.issue("s1", *ALICE), desk.issue("s1", *ALICE)
    assert desk.session_of(first, *ALICE) is None
    assert "s1" == desk.session_of(second, *ALICE)
    desk.forget("s1")
    desk.forget("s1")
    assert desk.session_of(second, *ALICE) is None
    assert not store._by_digest
    assert not store._by_session


def test_a_token_is_256_random_bits_and_is_kept_nowhere():
    """In the address as it is; the store has its digest."""
    store = TicketsHere()
    tokens = {TicketDesk(store).issue(f"s{n}", *ALICE) for n in range(100)}
    assert 100 == len(tokens)
    assert {43} == {len(token) for token in tokens}
    assert not [token for token in tokens if token in repr(store._by_digest)]
