"""Tests of tornado_app/performer.py: what no other part of a call performs."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from bench import warm_loop
from tests.session.story import Story
from tornado_app.admission.claims import Caller
from tornado_app.call_client import CallClient
from tornado_app.errors import Refused
from tornado_app.performer import Performer
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.reading_on import ReadingOn
from tornado_app.session import commands, events

REFUSED = Refused("token_invalid", "No.", "token")


class Lane(warm_loop.Lane):
    """One whose call may end."""

    def end(self):
        """Nothing is on its way."""


class Around:
    """All that a performer is given, and what it did with it."""

    def __init__(self, **changes):
        self.fed, self.finished, self.dialled = [], [], []
        self.keys, self.caller = None, Caller("alice", frozenset(), 60.0, "second")
        self.recorded = []
        self.recorder = SimpleNamespace(
            put=lambda *entries: self.recorded.append(entries),
            end=lambda session_id: self.recorded.append((session_id,)),
        )
        equipment = SimpleNamespace(
            several=None,
            spares=None,
            dial=self._dial,
            retire=None,
            mailbox=None,
            clock=lambda: 0.0,
            tools=None,
            pipeline=SimpleNamespace(lane=lambda _, deliver: Lane(deliver)),
            files=None,
            recorder=self.recorder,
            keys_for=lambda _: self.keys,
            check_token=self._check_token,
        )
        story, client = Story(token_id="first", **changes), warm_loop.Client()
        self.performer = Performer(
            story.config,
            CallClient(story.config, client, VOICE_V1, lambda: 0.0),
            equipment,
            None,
            None,
            read=None,
            reading=ReadingOn(client, story.session, None),
            feed=self.fed.append,
            finish=lambda: self.finished.append(True),
            traceparent=None,
        )

    def _dial(self, config):
        self.dialled.append(config.model_session.model)
        raise OSError("nobody is dialled here")

    def _check_token(self, token, config):
        if token == "bad":
            raise REFUSED
        assert "alice" == config.user_id
        return self.caller


@pytest.fixture
def around():
    return Around()


def check(around, token):
    around.performer.perform(commands.CheckToken(token, "r"))


def test_a_token_that_is_taken_counts_from_then_on(around):
    """Until when, the session is told."""
    check(around, "good")

    assert [events.TokenChecked(60.0, "r")] == around.fed
    assert "second" == around.performer.token_id


def test_one_that_is_refused_changes_nothing(around):
    """The one before goes on."""
    check(around, "bad")

    assert [events.TokenChecked(REFUSED, "r")] == around.fed
    assert "first" == around.performer.token_id


def test_one_whose_keys_are_asked_for_is_judged_when_they_are_there(around):
    """Not before."""
    around.keys = Future()
    check(around, "good")
    assert [] == around.fed
    around.keys.set_result(None)

    assert [events.TokenChecked(60.0, "r")] == around.fed


def test_what_comes_behind_the_end_of_a_call_is_for_nobody(around):
    """Its connection is not held by what it waited for."""
    around.keys = Future()
    check(around, "good")
    around.performer.end()
    around.keys.set_result(None)
    around.performer.perform(commands.Finish())

    assert [] == around.fed
    assert [] == around.finished


def test_another_model_is_dialled_from_then_on(around):
    """And looked for by whoever asks for the settings of the call."""
    for model in (None, "other", None):
        with pytest.raises(OSError, match="nobody"):
            around.performer.perform(commands.DialUpstream(model))
    first, *others = around.dialled

    assert first != "other"
    assert ["other", "other"] == others
    assert "other" == around.performer.config.model_session.model


def test_the_session_says_when_all_is_decided(around):
    around.performer.perform(commands.Finish())

    assert [True] == around.finished
