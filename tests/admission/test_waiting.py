"""Tests of tornado_app/admission/waiting.py."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.proxies import neighbourhood, networks
from tornado_app.admission.waiting import WaitingRoom

BALANCER = "10.0.0.7"
TRUSTED = networks(["10.0.0.0/8"])


class Door:
    """A waiting room, and who was cut, for what."""

    def __init__(self, in_all: int, per_address: int) -> None:
        self.cut: list[int] = []
        self.told: list[tuple[str, str]] = []
        self.room = WaitingRoom(in_all, per_address, TRUSTED, self._tell)

    def come(self, who: int, ip: str) -> None:
        self.room.enter(who, ip, lambda: self.cut.append(who))

    def _tell(self, bound: str, ip: str) -> None:
        self.told.append((bound, ip))


def test_the_oldest_gives_way():
    """Of all when the room is full, of its own address when that has too many."""
    door = Door(3, 2)
    for who, ip in enumerate(["1.1.1.1", "1.1.1.1", "2.2.2.2"]):
        door.come(who, ip)
    door.come(3, "1.1.1.1")  # a third of its address
    door.come(4, "3.3.3.3")  # a fourth of all

    assert [0, 1] == door.cut
    assert [("unauthenticated_per_address", "1.1.1.1"), ("unauthenticated", "1.1.1.1")] == door.told
    assert 3 == len(door.room)


def test_whoever_asks_something_is_not_the_oldest():
    """A load balancer's probe connection outlives silent sockets."""
    door = Door(2, 2)
    door.come(1, "1.1.1.1")
    door.come(2, "1.1.1.1")
    door.room.heard(1)
    door.come(3, "1.1.1.1")
    door.room.heard(4)  # never there

    assert [2] == door.cut


def test_whoever_asks_something_is_not_the_oldest_of_all():
    """Nor when the whole room is full, and wherever it comes from."""
    for ip in ("1.1.1.1", BALANCER):
        door = Door(2, 2)
        door.come(1, ip)
        door.come(2, "2.2.2.2")
        door.room.heard(1)
        door.come(3, "3.3.3.3")

        assert [2] == door.cut


def test_one_place_for_an_address():
    """Whoever comes from there takes it from the one before, again and again."""
    door = Door(9, 1)
    for who in range(4):
        door.come(who, "1.1.1.1")

    assert [0, 1, 2] == door.cut
    door.room.leave(3)
    door.room.leave(3)
    assert 0 == len(door.room)


def test_a_load_balancer_has_no_bound_of_its_own():
    """All clients come from its address; only the bound of all holds."""
    door = Door(5, 1)
    for who in range(5):
        door.come(who, BALANCER)
    assert [] == door.cut
    door.come(5, "")  # a Unix socket is nobody's either

    assert [0] == door.cut


def test_room_is_made_on_demand():
    """When descriptors are short, as many of the oldest go as are asked for, or as there are."""
    door = Door(10, 10)
    for who in range(4):
        door.come(who, "1.1.1.1")

    assert 3 == door.room.make_room(3)
    assert 1 == door.room.make_room(3)
    assert [0, 1, 2, 3] == door.cut
    assert [] == door.told


def test_one_household_is_one_address():
    """Of IPv6 the first 64 bits count; IPv4 in IPv6 is IPv4; a proxy is nobody."""
    assert "1.2.3.4" == neighbourhood("1.2.3.4", TRUSTED) == neighbourhood("::ffff:1.2.3.4", ())
    assert "2001:db8:0:1::/64" == neighbourhood("2001:db8:0:1:a:b:c:d", TRUSTED)
    assert neighbourhood("2001:db8:0:1::1", ()) != neighbourhood("2001:db8:0:2::1", ())
    assert neighbourhood("fe80::1%eth0", ()) == "fe80::/64"
    assert neighbourhood(BALANCER, TRUSTED) is None


ADDRESSES = ["1.1.1.1", "2.2.2.2", "2001:db8::1", BALANCER]


@given(
    st.integers(1, 5),
    st.integers(1, 3),
    st.lists(
        st.tuples(st.sampled_from(["come", "heard", "leave"]), st.integers(0, 9)), max_size=60
    ),
)
def test_no_bound_is_ever_passed(in_all, per_address, steps):
    """Whatever happens, nobody is cut twice and nobody is in who was cut or has left."""
    door, inside = Door(in_all, per_address), {}
    for step, number in steps:
        if step == "come" and number not in inside:
            before = len(door.cut)
            door.come(number, ADDRESSES[number % 4])
            inside[number] = ADDRESSES[number % 4]
            for who in door.cut[before:]:
                del inside[who]
        elif step == "heard":
            door.room.heard(number)
        elif step == "leave":
            door.room.leave(number)
            inside.pop(number, None)
        assert len(inside) == len(door.room) <= in_all
        counts = Counter(inside.values())
        counts.pop(BALANCER, None)
        assert all(count <= per_address for count in counts.values())
