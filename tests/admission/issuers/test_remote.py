"""Keys of an issuer that is asked: tornado_app/admission/issuers/remote.py, on a clock in hand."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.fakes.issuer import SigningKey, jwks
from tornado_app.admission.issuers.fetching import Address, Failed
from tornado_app.admission.issuers.key_set import read_jwks
from tornado_app.admission.issuers.remote import WAIT_S, RemoteKeys
from tornado_app.admission.issuers.schedule import REST_S, Schedule

KEYS = read_jwks(jwks(SigningKey(kid="first")))
OTHERS = read_jwks(jwks(SigningKey(kid="second")))
ADDRESS = Address("https://id.example", "https://id.example/jwks")


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time a test moves on; nothing of it waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[asyncio.TimerHandle] = []
        super().__init__()

    def time(self) -> float:
        return self.now

    def call_at(self, when, callback, *arguments, context=None):
        # Whoever wants to be called at once, again and again, would keep the loop busy.
        assert when > self.now
        timer = super().call_at(when, callback, *arguments, context=context)
        self.timers.append(timer)
        return timer

    def turn(self, to: float | None = None) -> None:
        self.now = self.now if to is None else to
        self.run_until_complete(asyncio.sleep(0))
        self.run_until_complete(asyncio.sleep(0))


class Issuer:
    """Whoever asks, and what is answered, when a test says so."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[Address] = []
        self.tell = lambda _: None
        schedule = Schedule(refresh_s=300.0, stale_s=3600.0)
        self.remote = RemoteKeys("id", ADDRESS, schedule, self._fetch, clock)

    def _fetch(self, address, tell):
        self.asked.append(address)
        self.tell = tell

    def answer(self, found, at=None):
        self.clock.turn(at)
        self.tell(found)
        self.clock.turn()


@pytest.fixture
def clock():
    clock, faults = Clock(), []
    clock.set_exception_handler(lambda _, context: faults.append(context))
    yield clock
    clock.close()
    assert [] == faults


@pytest.fixture
def issuer(clock):
    issuer = Issuer(clock)
    issuer.remote.start()
    yield issuer
    issuer.remote.stop()
    clock.turn()
    assert all(timer.cancelled() or timer.when() <= clock.now for timer in clock.timers)


def test_it_is_asked_at_once_and_again_before_its_keys_are_old(issuer, clock):
    """Once at a time."""
    assert ([ADDRESS], "asking") == (issuer.asked, issuer.remote.state)
    assert (None, None) == (issuer.remote.current(), issuer.remote.age_s)
    issuer.answer(KEYS)
    assert (KEYS, "good", 0.0) == (
        issuer.remote.current(),
        issuer.remote.state,
        issuer.remote.age_s,
    )

    clock.turn(1299.0)
    assert 1 == len(issuer.asked)
    clock.turn(1300.0)
    assert 2 == len(issuer.asked)
    clock.turn(1310.0)
    assert 2 == len(issuer.asked)
    issuer.answer(OTHERS)
    assert (OTHERS, 10.0) == (issuer.remote.current(), issuer.remote.age_s)


def test_an_issuer_that_is_down_is_noticed_when_its_keys_are_too_old(issuer, clock):
    """Until then those of before count."""
    issuer.answer(KEYS)
    clock.turn(1300.0)
    issuer.answer(Failed("timeout"))
    assert (KEYS, "stale") == (issuer.remote.current(), issuer.remote.state)

    clock.turn(1300.0 + REST_S)
    assert 3 == len(issuer.asked)
    clock.now = 4599.9
    assert KEYS == issuer.remote.current()
    clock.now = 4600.0
    assert issuer.remote.current() is None
    clock.turn()
    assert (None, "missing", None) == (
        issuer.remote.current(),
        issuer.remote.state,
        issuer.remote.age_s,
    )
    issuer.answer(KEYS)
    assert "good" == issuer.remote.state


def test_a_question_that_takes_long_is_not_asked_again(issuer, clock):
    """Whoever waits meanwhile waits for its answer."""
    clock.turn(1001.0)
    waits = issuer.remote.wait(lambda keys: keys is KEYS)
    clock.turn(1000.0 + 2 * REST_S)
    assert ([ADDRESS], False) == (issuer.asked, waits.done())
    issuer.answer(KEYS)
    assert waits.done()


def test_an_operator_is_told_how_it_stands(issuer, clock):
    """When that changes, of which issuer, why, and for how long the keys of before count."""
    with capture_logs() as lines:
        issuer.answer(Failed("timeout"))
        issuer.answer(Failed("http_503"), at=1000.0 + REST_S)
        issuer.answer(KEYS, at=1000.0 + 4 * REST_S)
        clock.turn(1308.0)
        issuer.answer(Failed("http_503"), at=1310.2)
        issuer.answer(Failed("timeout"), at=1320.0)
        clock.turn(4608.0)

    assert [
        {"log_level": "error", "event": "issuer_keys_missing", "issuer": "id", "cause": "timeout"},
        {"log_level": "info", "event": "issuer_keys", "issuer": "id", "keys": 1},
        {
            "log_level": "warning",
            "event": "issuer_keys_stale",
            "issuer": "id",
            "cause": "http_503",
            "left_s": 3298,
        },
        {"log_level": "error", "event": "issuer_keys_missing", "issuer": "id", "cause": "too_old"},
    ] == lines


def test_an_issuer_that_never_answered_has_no_keys(issuer, clock):
    """And is asked again after a rest."""
    issuer.answer(Failed("timeout"))
    assert "missing" == issuer.remote.state
    clock.turn(1000.0 + REST_S - 0.1)
    assert 1 == len(issuer.asked)
    clock.turn(1000.0 + REST_S)
    assert 2 == len(issuer.asked)


def test_who_waits_for_a_key_waits_for_the_question_that_begins_then(issuer, clock):
    """What was asked before may be from before the key."""
    issuer.answer(KEYS)
    clock.turn(1100.0)
    waits = issuer.remote.wait(lambda keys: keys is OTHERS)
    assert 2 == len(issuer.asked)
    late = issuer.remote.wait(lambda keys: False)

    issuer.answer(OTHERS, at=1101.0)
    assert waits.done()
    assert late.done()


def test_who_comes_while_it_is_asked_is_served_by_the_answer_or_the_next(issuer, clock):
    """Whoever is served by this one waits no longer."""
    clock.turn(1001.0)
    served = issuer.remote.wait(lambda keys: keys is KEYS)
    other = issuer.remote.wait(lambda keys: keys is OTHERS)
    issuer.answer(KEYS)
    assert (True, False) == (served.done(), other.done())
    assert 1 == len(issuer.asked)

    clock.turn(1000.0 + REST_S)
    assert 2 == len(issuer.asked)
    issuer.answer(KEYS)
    assert other.done()


def test_nobody_waits_for_ever(issuer, clock):
    """An issuer that hangs holds its own clients up, and so long."""
    waits = issuer.remote.wait(lambda keys: False)
    clock.turn(1000.0 + WAIT_S - 0.1)
    assert not waits.done()
    clock.turn(1000.0 + WAIT_S)
    assert waits.done()


def test_when_it_stops_nobody_waits_and_nobody_is_asked(issuer, clock):
    """An answer that was under way counts no more."""
    waits = issuer.remote.wait(lambda keys: False)
    issuer.remote.stop()
    assert waits.done()
    issuer.answer(Failed("timeout"))
    clock.turn(1100.0)
    assert 1 == len(issuer.asked)
