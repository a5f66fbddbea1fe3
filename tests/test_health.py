"""Whether a load balancer should send more clients: tornado_app/health.py and its handlers."""

import threading
from types import SimpleNamespace

import pytest
from tornado.testing import AsyncHTTPTestCase
from tornado.web import Application

from compiling import loading
from tornado_app.handlers.probes import HealthHandler, ReadyHandler
from tornado_app.health import LAG_REMEMBERED_S, LOOP_LAG_S, POOL_STUCK_S, PROBE_S, Health
from tornado_app.metrics.tally import Tally
from workers.pool import AudioPool


class FakeLoop:
    """A clock and one timer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[SimpleNamespace] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback) -> SimpleNamespace:
        timer = SimpleNamespace(when=when, callback=callback, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    def run(self, *, late_s: float = 0.0) -> None:
        """Let the next timer run, *late_s* after its time."""
        timer = self.timers.pop(0)
        self.now = timer.when + late_s
        timer.callback()


class FakeGateway:
    """What `Health` looks at."""

    def __init__(self) -> None:
        self.access = SimpleNamespace(
            reception=SimpleNamespace(is_closed=False),
            trust=SimpleNamespace(
                keys=SimpleNamespace(are_missing=False, without_good=dict),
            ),
            seating=SimpleNamespace(is_away=False, is_closed=False),
        )
        self.models = SimpleNamespace(is_rejected=False, several=None)
        self.connections = frozenset({1, 2, 3})
        self.tally = Tally()
        self.stuck_s = 0.0
        pool = SimpleNamespace(oldest_in_flight_s=lambda: self.stuck_s)
        self.audio = SimpleNamespace(pool=pool)


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def gateway():
    return FakeGateway()


@pytest.fixture
def health(gateway, loop):
    health = Health(gateway, loop)
    health.start()
    return health


def test_a_process_that_is_well_is_ready(health, loop):
    """However long it runs."""
    for _ in range(100):
        loop.run()

    assert health.not_ready() is None
    assert 3 == health.connections


def test_a_draining_gateway_is_not_ready(health, gateway):
    """It lets nobody in."""
    gateway.access.reception.is_closed = True

    assert "draining" == health.not_ready()


def test_a_process_that_will_leave_is_not_ready(health, gateway):
    """It still lets in who comes, but asks not to be sent anybody."""
    health.leaving = True

    assert "draining" == health.not_ready()
    assert not gateway.access.reception.is_closed


def test_a_model_that_refuses_every_call(health, gateway):
    """Clients are better sent elsewhere, until it takes them."""
    gateway.models.is_rejected = True
    refused = health.not_ready()
    gateway.models.is_rejected = False

    assert ("upstream_rejected", None) == (refused, health.not_ready())


def test_no_keys_of_any_issuer(health, gateway):
    """Their clients are better sent elsewhere; those without good keys are named in any case."""
    gateway.access.trust.keys.are_missing = True
    gateway.access.trust.keys.without_good = lambda: {"one": "missing"}
    blind = health.not_ready()
    gateway.access.trust.keys.are_missing = False

    assert ("no_issuer_keys", None) == (blind, health.not_ready())
    assert {"one": "missing"} == health.issuers


def test_a_stuck_pool_is_not_ready(health, gateway):
    """Until the job that took so long is done."""
    gateway.stuck_s = POOL_STUCK_S + 0.1
    stuck = health.not_ready()
    gateway.stuck_s = POOL_STUCK_S - 0.1

    assert "pool_stuck" == stuck
    assert health.not_ready() is None


def test_a_real_pool_that_is_stuck(loop):
    """The pool's own clock decides, while its thread hangs in a job."""
    clock = SimpleNamespace(now=0.0)
    pool = AudioPool(1, lambda: clock.now)
    hold, entered = threading.Event(), threading.Event()

    class Stuck:
        """A job that does not end."""

        def __iter__(self):
            entered.set()
            hold.wait(60)
            return iter(())

    gateway = FakeGateway()
    gateway.audio.pool = pool
    health = Health(gateway, loop)
    try:
        pool.submit(Stuck(), lambda results: None)
        assert entered.wait(30)
        clock.now = POOL_STUCK_S
        before = health.not_ready()
        clock.now = POOL_STUCK_S + 0.1
        after = health.not_ready()
    finally:
        hold.set()
        pool.stop()
        clock.now = 0.0
        assert pool.join(30)

    assert (None, "pool_stuck", None) == (before, after, health.not_ready())


def test_a_slow_loop_is_not_ready_for_a_while(health, loop):
    """One late timer is remembered, and forgotten when all has been well since."""
    loop.run(late_s=LOOP_LAG_S + 0.1)
    slow = health.not_ready()
    for _ in range(int(LAG_REMEMBERED_S / PROBE_S) + 1):
        loop.run()

    assert "loop_slow" == slow
    assert health.not_ready() is None


def test_a_loop_that_is_a_little_late_is_ready(health, loop):
    """A load balancer would otherwise flap."""
    loop.run(late_s=LOOP_LAG_S - 0.1)

    assert health.not_ready() is None


def test_after_the_stop_there_is_no_timer(health, loop):
    """Nothing keeps the loop alive."""
    health.stop()

    assert [True] == [timer.cancelled for timer in loop.timers]


class TestOverHttp(AsyncHTTPTestCase):
    """What the load balancer sees."""

    def get_app(self):
        self.gateway = FakeGateway()
        health = Health(self.gateway, FakeLoop())
        routes = [
            (r"/healthz", HealthHandler, {"health": health}),
            (r"/readyz", ReadyHandler, {"health": health}),
        ]
        return Application(routes, log_function=lambda handler: None)

    def test_alive(self):
        """/healthz counts, and names nobody."""
        response = self.fetch("/healthz")

        assert 200 == response.code
        assert "application/json" == response.headers["Content-Type"]
        assert "no-store" == response.headers["Cache-Control"]
        assert b'"status": "ok", "connections": 3' in response.body
        assert f'"hot_path": "{loading.code().kind}"'.encode() in response.body

    def test_ready(self):
        """/readyz is 200 without anything a stranger could use."""
        response = self.fetch("/readyz")

        assert (200, b'{"status": "ready"}') == (response.code, response.body)

    def test_not_ready(self):
        """/readyz is 503 with the word that says why; /healthz stays 200."""
        self.gateway.stuck_s = POOL_STUCK_S + 1

        response, alive = self.fetch("/readyz"), self.fetch("/healthz")

        assert 503 == response.code
        assert b'{"status": "not_ready", "reason": "pool_stuck"}' == response.body
        assert 200 == alive.code
