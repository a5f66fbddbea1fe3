"""Resume tokens: random, of one user, good once, and kept nowhere."""

from tornado_app.resuming.tickets import BEFORE_KEPT, TicketDesk, TicketsHere

ALICE = ("alice", "voice.v1")


def session_of(desk, *shown):
    """Which it opens, and whether the token is the newest."""
    opened = desk.opened_by(*shown)
    return opened.ticket.session_id, opened.is_newest


def test_a_token_opens_its_session_for_its_user_alone():
    """Nobody learns whether it is unknown or another's."""
    desk = TicketDesk(TicketsHere())
    token = desk.issue("s1", *ALICE)
    assert ("s1", True) == session_of(desk, token, *ALICE)
    for wrong in [(token, "bob", "voice.v1"), (token, "alice", "other"), (token[:-1], *ALICE)]:
        assert desk.opened_by(*wrong) is None
    assert desk.opened_by("", *ALICE) is None
    assert desk.opened_by("\ud800 é", *ALICE) is None
    assert ("s1", True) == session_of(desk, token, *ALICE)


def test_a_new_token_takes_the_place_of_the_one_before():
    """And none is left when the session is over."""
    store = TicketsHere()
    desk = TicketDesk(store)
    first, second = desk.issue("s1", *ALICE), desk.issue("s1", *ALICE)
    assert desk.opened_by(first, *ALICE) is None
    assert ("s1", True) == session_of(desk, second, *ALICE)
    desk.forget("s1")
    desk.forget("s1")
    assert desk.opened_by(second, *ALICE) is None
    assert not store._by_digest
    assert not store._by_session


def test_every_token_that_a_client_may_have_is_known():
    """It breaks off before the next one arrives, and may get that one late."""
    store = TicketsHere()
    desk = TicketDesk(store)
    first = desk.issue("s1", *ALICE)
    lost = desk.issue("s1", *ALICE, first)
    assert ("s1", False) == session_of(desk, first, *ALICE)
    assert ("s1", True) == session_of(desk, lost, *ALICE)
    third = desk.issue("s1", *ALICE, first)
    for known in (first, lost):
        assert ("s1", False) == session_of(desk, known, *ALICE)
    fourth = desk.issue("s1", *ALICE, lost)
    desk.issue("s1", *ALICE, fourth)
    assert ("s1", False) == session_of(desk, fourth, *ALICE)
    for old in (first, lost, third):
        assert desk.opened_by(old, *ALICE) is None
    desk.forget("s1")
    assert not store._by_digest


def test_how_many_are_known_is_bounded():
    """The newest of them."""
    store = TicketsHere()
    desk = TicketDesk(store)
    first = desk.issue("s1", *ALICE)
    tokens = [desk.issue("s1", *ALICE, first) for _ in range(BEFORE_KEPT)]
    assert ("s1", False) == session_of(desk, first, *ALICE)
    desk.issue("s1", *ALICE, tokens[0])
    assert desk.opened_by(first, *ALICE) is None
    assert BEFORE_KEPT + 1 == len(store._by_digest)


def test_a_token_is_256_random_bits_and_is_kept_nowhere():
    """In the address as it is; the store has its digest."""
    store = TicketsHere()
    tokens = {TicketDesk(store).issue(f"s{n}", *ALICE) for n in range(100)}
    assert 100 == len(tokens)
    assert {43} == {len(token) for token in tokens}
    assert not [token for token in tokens if token in repr(store._by_digest)]
