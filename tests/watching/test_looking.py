"""Tests of tornado_app/watching/looking.py: a call at which nobody looks has nothing of it."""

import pytest

from tests.session.story import Story, config
from tornado_app.session import events
from tornado_app.watching.looking import Looking
from tornado_app.watching.watch import LOOKED_S, Watch
from workers.level import SILENCE_DBFS

CONFIG = config(opened_at=0.0)


@pytest.fixture
def session():
    return Story(opened_at=0.0).opened().session


def test_nobody_stands_before_the_session_until_somebody_looks(session):
    """And nobody does a while after the last look."""
    looking = Looking(session)
    assert looking.decider is session
    looking.loudness(CONFIG, 10.0)
    assert isinstance(looking.decider, Watch)
    looking.decider.handle(events.Tick(), 10.0 + LOOKED_S)
    assert isinstance(looking.decider, Watch)
    looking.decider.handle(events.Tick(), 10.1 + LOOKED_S)

    assert looking.decider is session


def test_who_listens_is_not_left_before_the_end_of_it(session):
    """However long nobody asks."""
    looking = Looking(session)
    ear = looking.listen(CONFIG, 10.0)
    looking.decider.handle(events.Tick(), 100.0)
    assert not ear.is_over
    looking.end_listening(101.0)
    assert ear.is_over
    assert isinstance(looking.decider, Watch)  # for as long as behind any look


def test_the_end_of_the_call_ends_it_all(session):
    """Who comes after that is told of silence, hears nothing, and leaves nothing behind."""
    looking = Looking(session)
    ear = looking.listen(CONFIG, 10.0)
    looking.end(11.0)
    assert ear.is_over
    assert looking.decider is session
    late = looking.listen(CONFIG, 12.0)
    assert late.is_over
    loudness = looking.loudness(CONFIG, 13.0)

    assert {SILENCE_DBFS} == {*loudness.user, *loudness.model}
    assert looking.decider is session
