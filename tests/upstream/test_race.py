"""Tests of tornado_app/upstream/race.py, with links and a clock of the test's own."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.failover.test_breaker import RULES, ending
from tornado_app.failover.route import Route
from tornado_app.failover.upstreams import Upstream, Upstreams
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import (
    ErrorFacts,
    SessionCreated,
    SessionUpdated,
    UpstreamError,
    parse_realtime,
)
from tornado_app.upstream import race as race_module
from tornado_app.upstream.race import Race, RaceRules
from tornado_app.upstream.said import LinkLost, LinkOpened, LinkSaid

REFUSED = Failure("dial", "refused")
GONE = Failure("open", "reset")
EMPTY = ErrorFacts(type="insufficient_quota", code="insufficient_quota")


class FakeLink:
    def __init__(self, name: str, post: Any) -> None:
        self.name, self.post = name, post
        self.started = self.is_open = self.is_over = False
        self.ends: list[str] = []
        self.sent: list[bytes] = []

    def start(self) -> None:
        self.started = True

    def send(self, text: bytes) -> int:
        self.sent.append(text)
        return len(text)

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def opens(self, spare_s: float | None = None) -> None:
        """Once, as a link does."""
        if self.is_open:
            return
        self.is_open = True
        self.post(LinkOpened(1.0, f"{self.name} itself", spare_s=spare_s))

    def says(self, event: Any) -> None:
        self.post(LinkSaid(event, 100))

    def ends_with(self, failure: Failure) -> None:
        self.is_over = True
        self.post(LinkLost(failure))


class Track:
    """A race between a, b and c; what it tells is in `told`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[SimpleNamespace] = []
        self.links: dict[str, FakeLink] = {}
        self.told: list[Any] = []
        self.retired: list[Any] = []
        self.judged: list[tuple[str, str]] = []
        self.doubted: list[str] = []
        self.upstreams = Upstreams([Upstream(name) for name in "abc"], RULES)
        rules = RaceRules(
            loop=SimpleNamespace(call_later=self._call_later),
            mailbox=SimpleNamespace(post_threadsafe=lambda call, *args: call(*args)),
            clock=lambda: self.now,
            after_s=0.5,
            begin_s=5.0,
            retire=self.retired.append,
            began=lambda route, name: self.judged.append((name, "began")) or route.began(name),
            bad=self._bad,
            doubt=self.doubted.append,
        )
        route = Route(self.upstreams, asks_the_usual=True)
        self.race = Race(
            rules,
            route,
            lambda upstream: upstream.name,
            "sess_1",
            read=parse_realtime,
            deliver=lambda _, said: self.told.append(said),
        )

    def _bad(self, route: Route, one: Any, ending: Any) -> None:
        self.judged.append((one.upstream.name, ending.cause))
        route.bad(one.upstream.name, ending, self.now, is_probe=one.is_probe)

    def _call_later(self, after_s: float, call: Any) -> SimpleNamespace:
        timer = SimpleNamespace(at=self.now + after_s, call=call)
        timer.cancel = lambda: self.timers.remove(timer) if timer in self.timers else None
        self.timers.append(timer)
        return timer

    def new_link(self, dial: str, _name: str, post: Any, _read: Any, _clock: Any) -> FakeLink:
        self.links[dial] = FakeLink(dial, post)
        return self.links[dial]

    def wait(self, for_s: float) -> None:
        until = self.now + for_s
        while due := sorted((t for t in self.timers if t.at <= until), key=lambda t: t.at):
            self.timers.remove(due[0])
            self.now = due[0].at
            due[0].call()
        self.now = until

    @property
    def dialled(self) -> str:
        return "".join(self.links)

    @property
    def kinds(self) -> list[str]:
        return [type(said).__name__ for said in self.told]


@pytest.fixture
def track(monkeypatch):
    track = Track()
    monkeypatch.setattr(race_module, "Link", track.new_link)
    track.race.start()
    return track


def begins(link: FakeLink, spare_s: float | None = None) -> None:
    link.opens(spare_s)
    link.says(SessionCreated())


def test_the_first_alone(track):
    """It is told of when it has begun a session; what it says is passed on, and its end is last."""
    track.links["a"].opens()
    assert [] == track.told
    track.links["a"].says(SessionCreated())
    opened = track.told[0]
    assert ("a", "a itself") == (opened.upstream.name, opened.served_by)
    track.links["a"].says(SessionUpdated())
    assert 2 == track.race.send(b"{}")
    track.links["a"].ends_with(GONE)

    assert "a" == track.dialled
    assert ["LinkOpened", "LinkSaid", "LinkSaid", "LinkLost"] == track.kinds
    assert [track.links["a"]] == track.retired
    assert [] == track.timers


def test_one_that_fails_is_followed_at_once(track):
    """Without a moment's pause."""
    track.links["a"].ends_with(REFUSED)
    assert "ab" == track.dialled
    track.links["b"].opens()
    track.links["b"].says(UpstreamError(EMPTY))
    track.links["b"].ends_with(Failure("open", "closed", close_code=1013))
    assert "abc" == track.dialled

    assert [("a", "refused"), ("b", "insufficient_quota")] == track.judged


def test_one_that_is_slow_gets_another_beside_it(track):
    """And may still be the first."""
    track.wait(0.5)
    assert "ab" == track.dialled
    begins(track.links["a"])
    assert "a" == track.told[0].upstream.name
    track.wait(0.6)
    assert "ab" == track.dialled
    assert [] == track.links["b"].ends
    begins(track.links["b"])

    assert ["close"] == track.links["b"].ends
    assert [("b", "began")] == track.judged, "what the first is worth its call will say"
    assert ["LinkOpened", "LinkSaid"] == track.kinds


@pytest.mark.parametrize("spare_s", [None, 60.0])
def test_one_that_begins_a_session_says_nothing_of_its_upstream(track, spare_s):
    """It may begin one and break off each time: whether it serves a call, that call will say."""
    a = track.upstreams.breaker("a")
    for _ in range(RULES.failures - 1):
        a.bad(ending(), track.now)
    begins(track.links["a"], spare_s=spare_s)
    assert ([], "LinkOpened") == (track.judged, track.kinds[0])

    a.bad(ending(), track.now)
    assert not a.is_closed


@pytest.mark.parametrize("spare_s", [None, 60.0])
def test_a_probe_that_begins_a_session_lets_another_try(monkeypatch, spare_s):
    """Until its call says what came of it."""
    track = Track()
    monkeypatch.setattr(race_module, "Link", track.new_link)
    breakers = [track.upstreams.breaker(name) for name in "abc"]
    for breaker in breakers:
        for _ in range(RULES.failures):
            breaker.bad(ending(), track.now)
    track.wait(RULES.open_s)
    track.race.start()
    assert not breakers[0].is_due(track.now)
    begins(track.links["a"], spare_s=spare_s)

    assert not breakers[0].is_closed
    assert breakers[0].is_due(track.now)


def test_one_that_was_overtaken_is_judged_by_its_own_time(track):
    """It was only slow, until its time is over."""
    track.wait(0.5)
    begins(track.links["b"])
    track.wait(4.4)
    assert [] == track.judged
    track.wait(0.2)

    assert ("a", "timeout") == track.judged[-1]
    assert ["abort"] == track.links["a"].ends
    assert "LinkLost" not in track.kinds


@pytest.mark.parametrize("ends", ["close", "lost"])
def test_one_that_was_overtaken_when_all_is_over(track, ends):
    """It is broken off, and doubted."""
    track.wait(0.5)
    begins(track.links["b"])
    if ends == "close":
        track.race.close()
        assert ["close"] == track.links["b"].ends
    track.links["b"].ends_with(GONE)

    assert ["abort"] == track.links["a"].ends
    assert ["a"] == track.doubted
    assert "LinkLost" == track.kinds[-1]
    assert [] == track.timers


def test_it_is_closed_before_anybody_has_begun(track):
    """Its end is told at once, and nobody is judged."""
    track.wait(0.5)
    track.race.close()
    track.race.close()
    assert [Failure("dial", "ended")] == [lost.failure for lost in track.told]
    for link in track.links.values():
        link.ends_with(Failure("dial", "ended"))

    assert 2 == len(track.retired)
    assert ([], []) == (track.judged, track.doubted)


def test_all_are_silent(track):
    """Each has its whole time, and what is told leaves hope."""
    track.wait(6.1)
    [lost] = track.told

    assert "timeout" == lost.failure.kind
    assert [("a", "timeout"), ("b", "timeout"), ("c", "timeout")] == track.judged


def test_all_fail_in_different_ways(track):
    """One that may be back is worth waiting for, whatever the others say."""
    track.links["a"].ends_with(Failure("dial", "handshake", http_status=401))
    track.links["b"].ends_with(Failure("dial", "handshake", http_status=429, retry_after_s=9.0))
    track.links["c"].ends_with(Failure("dial", "handshake", http_status=403))
    [lost] = track.told

    assert 429 == lost.failure.http_status


MOVES = st.tuples(
    st.sampled_from(["open", "begin", "say", "fail", "refuse", "wait", "close"]),
    st.sampled_from("abc"),
    st.floats(0, 3),
)


@given(st.lists(MOVES, max_size=25))
def test_whatever_happens(moves):
    """It opens once at most and is lost once, as the last; each link is retired once; no timer is
    left.
    """
    with pytest.MonkeyPatch.context() as patch:
        track = Track()
        patch.setattr(race_module, "Link", track.new_link)
        track.race.start()
        for what, name, for_s in moves:
            link = track.links.get(name)
            if what == "wait":
                track.wait(for_s)
            elif what == "close":
                track.race.close()
            elif link is not None and not link.is_over:
                _move(link, what)
        track.race.close()
        for link in track.links.values():
            if not link.is_over:
                assert link.ends, "a link is left alone"
                link.ends_with(Failure("open", "ended"))

    assert track.kinds.count("LinkOpened") <= 1
    assert 1 == track.kinds.count("LinkLost")
    assert "LinkLost" == track.kinds[-1]
    assert len(track.links) == len(track.retired)
    assert [] == track.timers
    assert all(link.started for link in track.links.values())


def _move(link: FakeLink, what: str) -> None:
    match what:
        case "open":
            link.opens()
        case "begin":
            begins(link)
        case "say":
            link.says(UpstreamError(EMPTY))
        case "fail":
            link.ends_with(GONE)
        case "refuse":
            link.ends_with(Failure("dial", "handshake", http_status=401))
