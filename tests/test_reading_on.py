"""Tests of tornado_app/reading_on.py: how much of a model is read whose client has enough."""

from types import SimpleNamespace

import pytest
import structlog
from structlog.testing import capture_logs

from tests.session.story import Story
from tornado_app.reading_on import LINK_STUCK_S, READ_AHEAD_AFTER, READ_AHEAD_BYTES, ReadingOn

ROOM_BYTES = 1 << 30


class OneLink:
    """Notes what it is allowed."""

    def __init__(self) -> None:
        self.ahead_bytes = 0
        self.allowed_bytes = 0

    def hold(self, is_held: bool) -> None: ...

    def read_ahead(self, size_bytes: int) -> None:
        self.allowed_bytes = size_bytes


@pytest.fixture
def link():
    return OneLink()


@pytest.fixture
def reading(link):
    taker = SimpleNamespace(is_full=True)
    reading = ReadingOn(taker, Story().session, structlog.get_logger())
    reading.begin(link)
    return reading


def test_a_link_that_is_held_for_some_seconds_reads_on(reading, link):
    """And so does one that is let go and held again in each of them."""
    for _ in range(READ_AHEAD_AFTER - 1):
        assert 0 == reading.read_ahead(ROOM_BYTES, was_held=True)
        assert 0 == link.allowed_bytes

    assert READ_AHEAD_BYTES == reading.read_ahead(ROOM_BYTES, was_held=True)
    assert READ_AHEAD_BYTES == link.allowed_bytes


def test_one_that_was_not_held_for_a_second_begins_anew(reading, link):
    """What it has kept is counted until it is taken, and no more is read for it."""
    for _ in range(READ_AHEAD_AFTER):
        reading.read_ahead(ROOM_BYTES, was_held=True)
    link.ahead_bytes = 5000

    assert 5000 == reading.read_ahead(ROOM_BYTES, was_held=False)
    assert 5000 == link.allowed_bytes
    assert 5000 == reading.read_ahead(ROOM_BYTES, was_held=True)


@pytest.mark.parametrize(
    ("room_bytes", "more_bytes"),
    [(-1, 0), (0, 0), (1000, 1000), (ROOM_BYTES, READ_AHEAD_BYTES)],
)
def test_it_reads_no_more_than_there_is_room_for_all_calls(reading, link, room_bytes, more_bytes):
    """With what it has kept; and it gives nothing back that it has."""
    for _ in range(READ_AHEAD_AFTER):
        reading.read_ahead(room_bytes, was_held=True)
    link.ahead_bytes = 7000

    assert 7000 + more_bytes == reading.read_ahead(room_bytes, was_held=True)
    assert 7000 + more_bytes == link.allowed_bytes


def test_the_next_link_begins_anew(reading, link):
    """What was held is another's."""
    for _ in range(READ_AHEAD_AFTER):
        reading.read_ahead(ROOM_BYTES, was_held=True)
    reading.begin(OneLink())

    assert 0 == reading.read_ahead(ROOM_BYTES, was_held=True)
    reading.end()
    assert 0 == reading.read_ahead(ROOM_BYTES, was_held=True)


@pytest.fixture
def held():
    """A link that was held for long, and its client."""
    link = SimpleNamespace(paused_s=2 * LINK_STUCK_S, unsent_bytes=0, posted_bytes=7, taken=[])
    link.hold, link.consumed = (lambda _: None), link.taken.append
    taker = SimpleNamespace(is_full=True)
    story = Story().connected()
    reading = ReadingOn(taker, story.session, structlog.get_logger())
    reading.begin(link)
    reading.take_was_held()
    return reading, link, taker


def test_one_that_was_let_go_a_moment_ago_is_not_stuck(held):
    """Its thread may not have run yet."""
    reading, link, taker = held
    taker.is_full = False
    reading.reckon()
    with capture_logs() as lines:
        reading.look()

    assert ([], []) == (lines, link.taken)


def test_one_that_does_not_read_on_from_look_to_look_is_stuck(held):
    reading, link, taker = held
    taker.is_full = False
    reading.reckon()
    reading.take_was_held()
    with capture_logs() as lines:
        reading.look()

    assert ["link_stuck"] == [line["event"] for line in lines]
    assert [7] == link.taken
