"""Tests of tornado_app/upstream/spares.py: which links are kept, and whom they are given to."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import SessionCreated, parse_realtime
from tornado_app.upstream import spares as spares_module
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.said import LinkLost, LinkOpened, LinkRoundTrip, LinkSaid
from tornado_app.upstream.spares import AT_ONCE, PAUSE_MAX_S, SILENT_PINGS, STABLE_S, Spares

HERE = Dial(
    url="ws://here",
    headers=("Authorization: Bearer a",),
    connect_timeout_s=5.0,
    write_timeout_s=5.0,
    ping_interval_s=20.0,
    read_timeout_s=60.0,
    outbox_bytes=1 << 20,
)
CREATED = b'{"type":"session.created","session":{"id":"sess_1"}}'
REFUSED = Failure("dial", "refused")


class FakeLink:
    def __init__(self, dial: Dial, _name: str, post: Any, parse: Any, _clock: Any) -> None:
        self.dial, self.post, self.parse = dial, post, parse
        self.ends: list[str] = []
        self.handed_over: Any = None

    def start(self) -> None: ...

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def hand_over(self, *what: Any) -> None:
        self.handed_over = what

    def begins(self) -> None:
        self.post(LinkOpened(300.0, "somebody"))
        self.says(CREATED)

    def says(self, text: bytes) -> None:
        self.post(LinkSaid(self.parse(text), 100, 1.5))


class Yard:
    """Spares of which each link is a fake, and the clock is the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, age_s: float = 100.0) -> None:
        self.now = 0.0
        self.dial = HERE
        self.links: list[FakeLink] = []
        self.open = 0
        self.retired: list[Any] = []
        self.told: list[Any] = []
        monkeypatch.setattr(spares_module, "Link", self._new)
        self.spares = Spares(
            count,
            age_s,
            SimpleNamespace(post_threadsafe=lambda call, *args: call(*args)),
            dial=lambda: self.dial,
            opened=lambda: self._count(1),
            taken=lambda: self._count(-1),
            retire=self.retired.append,
            jitter=lambda: 1.0,
            clock=lambda: self.now,
        )

    def _count(self, by: int) -> None:
        self.open += by

    def _new(self, *args: Any) -> FakeLink:
        self.links.append(FakeLink(*args))
        return self.links[-1]

    def look(self, at: float | None = None) -> list[FakeLink]:
        """Those that were dialled by that."""
        self.now = self.now if at is None else at
        before = len(self.links)
        self.spares.look()
        return self.links[before:]

    def take(self, dial: Dial = HERE) -> Any:
        return self.spares.take(dial, self.told.append, parse_realtime)


@pytest.fixture
def yard(monkeypatch):
    return Yard(monkeypatch, 1)


def test_one_that_has_begun_a_session_is_given_away_once(yard):
    """With all that it has heard, read as its owner does."""
    [link] = yard.look()
    link.post(LinkOpened(300.0, "somebody"))
    assert (None, 0) == (yard.take(), yard.spares.ready)
    link.says(CREATED)
    link.says(b"{}")
    yard.now = 7.0
    assert (1, 1) == (yard.spares.ready, yard.open)

    dial = replace(HERE, inbox_bytes=99)
    assert link is yard.take(dial)
    assert (0, None) == (yard.open, yard.take())
    at, post, parse, [opened, created, unknown] = link.handed_over
    assert (dial, post, parse) == (at, yard.told.append, parse_realtime)
    assert LinkOpened(0.0, "somebody", spare_s=7.0) == opened
    assert isinstance(created.event, SessionCreated)
    assert (100, 1.5) == (unknown.posted_bytes, unknown.read_at)


def test_another_is_opened_in_its_place(yard):
    """And no more than there may be."""
    [link] = yard.look()
    link.begins()
    assert [] == yard.look(1.0)
    yard.take()
    assert 1 == len(yard.look(1.1))


def test_what_was_on_its_way_when_it_changed_hands_comes_to_its_owner(yard):
    """Its end above all; and it is the owner's to retire it."""
    [link] = yard.look()
    link.begins()
    yard.take()
    link.says(CREATED)
    link.post(LinkLost(REFUSED))

    said, lost = yard.told
    assert isinstance(said.event, SessionCreated)
    assert LinkLost(REFUSED) == lost
    assert [] == yard.retired


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, url="ws://there"),
        replace(HERE, headers=("Authorization: Bearer b",)),
        replace(HERE, ca_file="other"),
    ],
)
def test_a_call_that_goes_elsewhere_dials_itself(yard, other):
    """A link says what it is for in its address, and by whose key in its headers."""
    [link] = yard.look()
    link.begins()
    assert (None, False, True) == (yard.take(other), yard.spares.has(other), yard.spares.has(HERE))


def test_one_that_leads_elsewhere_since_the_settings_changed_is_closed(yard):
    """Another key, for instance."""
    [link] = yard.look()
    link.begins()
    yard.dial = replace(HERE, headers=("Authorization: Bearer b",))
    [other] = yard.look(1.0)
    assert (["close"], [], yard.dial) == (link.ends, other.ends, other.dial)


def test_one_that_is_old_makes_way(yard):
    """Its age is up to a quarter less than may be, so that not all end together."""
    [link] = yard.look()
    link.begins()
    for at in (15.0, 30.0, 45.0, 60.0, 74.9):
        yard.now = at
        link.post(LinkRoundTrip(1.0))
        assert [] == yard.look()
    assert 1 == len(yard.look(75.0))
    assert (["close"], None) == (link.ends, yard.take())


def test_one_that_answers_no_ping_is_not_given_to_anybody(yard):
    """Long before the link itself gives it up."""
    [link] = yard.look()
    link.begins()
    yard.now = SILENT_PINGS * HERE.ping_interval_s - 0.1
    assert yard.spares.has(HERE)
    yard.now += 0.2
    assert not yard.spares.has(HERE)
    assert 1 == len(yard.look())
    assert ["close"] == link.ends


def test_one_that_begins_no_session_is_broken_off(yard):
    """As late as a handshake may be; then there is a pause."""
    [link] = yard.look()
    link.post(LinkOpened(1.0))
    assert [] == yard.look(5.0)
    assert ["close"] == link.ends
    link.post(LinkLost(Failure("open", "ended")))
    assert ([link], 1) == (yard.retired, len(yard.look(7.0)))


def test_a_model_that_is_gone_is_dialled_less_and_less_often(yard):
    """And again at once after one that lasted."""
    [link] = yard.look()
    pauses = []
    for _ in range(8):
        link.post(LinkLost(REFUSED))
        lost_at = yard.now
        while not (links := yard.look(yard.now + 0.25)):
            pass
        [link] = links
        pauses.append(yard.now - lost_at)
    assert [1.0, 2.0, 4.0, 8.0, 16.0, PAUSE_MAX_S, PAUSE_MAX_S, PAUSE_MAX_S] == pauses
    for _ in range(1100):  # which takes it nine hours, and 2.0 ** 1024 is no number
        link.post(LinkLost(REFUSED))
        [link] = yard.look(yard.now + PAUSE_MAX_S)

    link.begins()
    yard.now += STABLE_S
    link.post(LinkLost(REFUSED))
    assert 1 == len(yard.look(yard.now + 1.0))


def test_a_model_that_asks_to_be_left_alone_is(yard):
    """For as long as it says."""
    [link] = yard.look()
    link.post(LinkLost(Failure("dial", "handshake", http_status=429, retry_after_s=20.0)))
    assert [] == yard.look(19.9)
    assert 1 == len(yard.look(20.0))


def test_many_are_opened_little_by_little(monkeypatch):
    """Calls that come meanwhile dial as well."""
    yard = Yard(monkeypatch, 10)
    first = yard.look()
    assert (AT_ONCE, []) == (len(first), yard.look())
    first[0].begins()
    assert 1 == len(yard.look())
    for _ in range(10):
        for link in yard.links:
            link.begins()
        yard.look()
    assert (10, 10) == (len(yard.links), yard.spares.ready)


@pytest.mark.gen_test
async def test_at_the_end_all_are_closed(monkeypatch):
    """One that is dialled is broken off."""
    yard = Yard(monkeypatch, 2)
    one, other = yard.look()
    one.begins()
    yard.spares.begin()
    await yard.spares.stop()
    assert (["close"], ["abort"]) == (one.ends, other.ends)
