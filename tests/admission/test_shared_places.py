"""Places that several processes count together."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.counting import Lease, PlacesHere, Refusal, Seat
from tornado_app.admission.shared_places import SharedPlaces, new_file

WAIT_S = 30.0
FORK = get_context("fork")


def seats(user: str, allowed: int, of_one: int) -> tuple[Seat, ...]:
    whole = Seat("connections", "", allowed)
    return whole, Seat("connections_per_user", user, of_one)


class Door:
    """One process' places, by the names of users."""

    def __init__(self, file: int, connections: int, per_user: int) -> None:
        self.connections = connections
        self.per_user = per_user
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.places = SharedPlaces(file, lambda *what: self.later.append(what))
        self.held: dict[str, list[Lease]] = {}

    def admit(self, user: str, *, takes_over: bool = False) -> Refusal | None:
        lease = Lease("", seats(user, self.connections, self.per_user))
        refusal = self.places.admit(lease, takes_over=takes_over)
        if refusal is None:
            self.held.setdefault(user, []).append(lease)
        return refusal

    def release(self, user: str) -> None:
        self.places.release(self.held[user].pop())

    def limit_to(self, connections: int) -> None:
        self.connections = connections

    def here(self) -> int:
        return self.places.here

    def used(self) -> int:
        return self.places.used(seats("", self.connections, self.per_user)[0])

    def used_by(self, user: str) -> int:
        return self.places.used(seats(user, self.connections, self.per_user)[1])


def serve(pipe: Any, file: int, connections: int, per_user: int) -> None:
    """Another process: does what it is told, and says what came of it."""
    door = Door(file, connections, per_user)
    while (asked := pipe.recv()) is not None:
        name, *arguments = asked
        pipe.send(getattr(door, name)(*arguments))


class Other:
    """One that shares a file with this one."""

    def __init__(self, file: int, connections: int, per_user: int) -> None:
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=serve, args=(theirs, file, connections, per_user))
        self.process.start()
        theirs.close()

    def __call__(self, name: str, *arguments: object) -> Any:
        self.pipe.send((name, *arguments))
        assert self.pipe.poll(WAIT_S), "the other process is stuck"
        return self.pipe.recv()

    def kill(self) -> None:
        self.process.kill()
        self.process.join(WAIT_S)
        self.pipe.close()


@contextmanager
def shared(connections: int, per_user: int) -> Iterator[tuple[Door, Other]]:
    file = new_file()
    other = Other(file, connections, per_user)
    try:
        yield Door(file, connections, per_user), other
    finally:
        if other.process.is_alive():
            other.kill()
        os.close(file)


def test_a_limit_holds_for_both_together():
    with shared(3, 2) as (here, other):
        assert [None, None, None] == [here.admit("a"), other("admit", "b"), here.admit("c")]
        full = Refusal("connections", used=3, allowed=3)
        assert [full, full] == [here.admit("d"), other("admit", "d")]
        assert (3, 3, 2, 1) == (here.used(), other("used"), here.here(), other("here"))
        other("release", "b")
        assert here.admit("d") is None


def test_a_user_has_places_in_both():
    with shared(9, 2) as (here, other):
        assert [None, None] == [here.admit("a"), other("admit", "a")]
        theirs = Refusal("connections_per_user", used=2, allowed=2)
        assert [theirs, theirs] == [here.admit("a"), other("admit", "a")]
        assert (2, 2, 2) == (here.used(), here.used_by("a"), other("used_by", "a"))
        assert other("admit", "b") is None


def test_whoever_is_killed_leaves_nothing_behind():
    with shared(4, 4) as (here, other):
        assert [None] * 3 == [other("admit", "a") for _ in range(3)]
        assert here.admit("a") is None
        other.kill()
        assert (1, 1) == (here.used(), here.used_by("a"))
        assert [None] * 3 == [here.admit("a") for _ in range(3)]


def test_a_call_that_takes_over_has_room_for_a_moment():
    """And nobody else gets in by that, here or there, before or after the one before has gone."""
    with shared(2, 1) as (here, other):
        assert [None, None] == [here.admit("a"), other("admit", "b")]
        assert here.admit("a", takes_over=True) is None
        assert "server_busy" == here.admit("c").code
        here.release("a")
        assert (2, 1) == (here.used(), here.used_by("a"))
        assert ["server_busy"] * 2 == [here.admit("c").code, other("admit", "c").code]


def test_a_call_that_takes_over_has_no_room_for_what_is_new():
    """Nobody gives such a place back for it."""
    with shared(4, 1) as (here, other):
        assert other("admit", "a") is None
        new = Seat("connections_per_user", "a", 1, is_new=True)
        refusal = here.places.admit(Lease("", (new,)), takes_over=True)
        assert "connections_per_user" == refusal.limit
        assert here.admit("a", takes_over=True) is None


def test_a_limit_that_is_lowered():
    """Those beyond it may stay, and nobody comes until there is room below it."""
    with shared(4, 4) as (here, other):
        assert [None] * 4 == [
            here.admit("a"),
            other("admit", "b"),
            here.admit("c"),
            here.admit("d"),
        ]
        here.connections = 2
        here.release("a")
        assert "server_busy" == here.admit("e").code
        here.release("c")
        assert "server_busy" == here.admit("e").code
        here.release("d")
        assert here.admit("e") is None


def of(user: str, *, plan: int) -> Lease:
    """A call that may be one of *plan*, of all together."""
    return Lease("", (Seat("connections", "", plan), Seat("connections_per_user", user, 99)))


def test_callers_of_several_plans():
    """Each has its own number for the same places: what others have beyond it is no reason to
    refuse, and counts.
    """
    with shared(100, 100) as (here, other):
        assert [None] * 4 == [other("admit", "a") for _ in range(4)]
        held = [of("b", plan=100) for _ in range(4)]
        assert [None] * 4 == [here.places.admit(lease) for lease in held]
        for _ in range(4):
            other("release", "a")  # the first four bytes are free, and the next are not
        small = [of("c", plan=6) for _ in range(2)]
        assert [None, None] == [here.places.admit(lease) for lease in small]
        full = Refusal("connections", used=6, allowed=6)
        assert full == here.places.admit(of("c", plan=6))
        assert [None] * 4 == [other("admit", "a") for _ in range(4)]
        here.places.release(held.pop())
        assert Refusal("connections", 9, 6) == here.places.admit(of("c", plan=6))
        assert Refusal("connections", 9, 9) == here.places.admit(of("c", plan=9))
        assert here.places.admit(of("c", plan=10)) is None


def test_a_limit_that_is_lowered_by_far():
    """More than the bytes to spare: those who have come before count, wherever they are."""
    before, limit = 1500, 100
    with shared(2000, 2000) as (here, other):
        for _ in range(before):
            assert other("admit", "a") is None
        for _ in range(before - limit):
            assert Refusal("connections", other("here"), limit) == here.places.admit(
                of("b", plan=limit)
            )
            other("release", "a")
        assert Refusal("connections", limit, limit) == here.places.admit(of("b", plan=limit))
        other("release", "a")
        assert here.places.admit(of("b", plan=limit)) is None


def test_what_lasts_a_while_is_given_back_when_that_is_over():
    file = new_file()
    door = Door(file, 9, 9)
    opening = Seat("openings_per_s", "", 1, 1.0)
    assert door.places.admit(Lease("1", (opening,))) is None
    assert "openings_per_s" == door.places.admit(Lease("2", (opening,))).limit
    ((after_s, give_back),) = door.later
    assert 1.0 == after_s
    give_back()
    assert door.places.admit(Lease("3", (opening,))) is None
    os.close(file)


def test_nobody_gives_back_what_it_has_not():
    file = new_file()
    door = Door(file, 4, 4)
    door.admit("a")
    (lease,) = door.held["a"]
    door.release("a")
    with pytest.raises(KeyError):
        door.places.release(lease)
    os.close(file)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_alone_it_is_as_the_other(steps):
    """Whoever comes and goes; two calls of one user never take over at once in one process."""
    file = new_file()
    door, plain = Door(file, 4, 2), PlacesHere(lambda: 0.0)
    for user, comes in steps:
        lease = Lease("", seats(user, 4, 2))
        if comes:
            refusal = plain.admit(lease)
            assert refusal == door.places.admit(lease)
            if refusal is None:
                door.held.setdefault(user, []).append(lease)
        elif door.held.get(user):
            plain.release(lease := door.held[user].pop())
            door.places.release(lease)
        found = [places.used(seat) for places in (plain, door.places) for seat in lease.seats]
        assert found[:2] == found[2:]
    os.close(file)


def door_of(file: int) -> list[Callable[..., Any]]:
    here = Door(file, 999, 999)

    def ask(name: str, *arguments: object) -> Any:
        return getattr(here, name)(*arguments)

    return [ask, *(Other(file, 999, 999) for _ in range(3))]


def test_four_processes_count_as_one():
    """Whoever comes and goes where, with whichever plan: locks of several processes between one
    another, of which the kernel names any.
    """
    chance = random.Random(7)
    file = new_file()
    doors, plain = door_of(file), Door(file, 999, 999)
    plain.places = PlacesHere(lambda: 0.0)  # type: ignore[assignment]
    try:
        assert 20 < refused_of(chance, doors, plain) < 300
    finally:
        for door in doors[1:]:
            door.kill()
        os.close(file)


def refused_of(chance: random.Random, doors: list[Callable[..., Any]], plain: Door) -> int:
    """How many were, by one and by all alike."""
    at: list[int] = []
    refused = 0
    for _ in range(400):
        if at and chance.random() < 0.4:
            number = at.pop(chance.randrange(len(at)))
            doors[number]("release", "a")
            plain.release("a")
        else:
            number, plan = chance.randrange(len(doors)), chance.choice((3, 8, 20))
            doors[number]("limit_to", plan)
            plain.limit_to(plan)
            expected = plain.admit("a")
            assert expected == doors[number]("admit", "a")
            if expected is None:
                at.append(number)
            else:
                refused += 1
        assert [len(at)] * len(doors) == [door("used") for door in doors]
    return refused


def storm(file: int, seed: int, plans: tuple[int, ...], counted: Any, tops: Any) -> None:
    """Opens and closes at random; adds itself up in memory that all see."""
    chance = random.Random(seed)
    door, held, top = Door(file, 20, 20), [], 0
    for _ in range(5000):
        if held and chance.random() < 0.5:
            with counted.get_lock():
                counted.value -= 1
            door.release(held.pop())
            continue
        door.limit_to(chance.choice(plans))
        if door.admit(user := f"user-{chance.randrange(5)}") is None:
            held.append(user)
            with counted.get_lock():
                counted.value += 1
                top = max(top, counted.value)
    tops.put(top)
    with counted.get_lock():
        counted.value -= len(held)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("plans", [(20,), (5, 20)])
def test_ten_thousand_come_and_go_in_four_processes(plans):
    """Never more than the limit, and no place is lost, though none gives back its last ones."""
    file, counted, tops = new_file(), FORK.Value("i", 0), FORK.SimpleQueue()
    processes = [
        FORK.Process(target=storm, args=(file, seed, plans, counted, tops)) for seed in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(WAIT_S)
    door = Door(file, 20, 20)
    found = [tops.get() for _ in processes]

    assert 20 == max(found) or (len(plans) > 1 and max(found) < 20)
    assert 0 == door.used()
    assert [None] * 20 == [door.admit("user-1") for _ in range(20)]
    os.close(file)
