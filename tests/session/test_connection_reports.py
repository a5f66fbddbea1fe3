"""What the client is told of its connection."""

from tests.session.story import FORGETFUL
from tornado_app.protocol.realtime.events import SessionCreated, SessionFacts, SessionUpdated
from tornado_app.session import events


def test_the_model_that_answers_is_named_as_the_server_names_it(story):
    """Not as it was asked for: a server may answer by another, and goes on to while it is lost."""
    story.opened().feed(events.UpstreamOpened(3.0, "local model"))
    story.said(SessionCreated(SessionFacts("s", "m"))).said(SessionUpdated(SessionFacts()))
    connected = story.messages[0][1]
    story.lost()

    assert ("connected", "local model") == (connected["status"], connected["model"])
    assert "local model" == story.messages[0][1]["model"]


def test_connected_tells_when_the_model_ends_the_session(story):
    """expires_at is Unix milliseconds, of the model's own seconds."""
    story.opened()
    story.said(SessionCreated(SessionFacts("s", "m", 1_800_003_600)))
    story.said(SessionUpdated(SessionFacts()))

    assert 1_800_003_600_000 == story.messages[0][1]["expires_at"]


def test_a_time_that_is_none_is_left_out(story):
    """A model's mistake must not end the call."""
    story.opened().said(SessionCreated(SessionFacts("s", "m", 1e307)))
    story.said(SessionUpdated(SessionFacts()))

    assert "expires_at" not in story.messages[0][1]


def test_reconnected_says_that_the_model_remembers_nothing(stage):
    """The client is told, so that it can tell its user."""
    story = stage(**FORGETFUL).connected().lost()
    story.tick(story.session.timers.earliest).model_ready()

    told = {"status": "connected", "attempt": 1, "context_lost": True, "context": "lost"}
    assert told.items() <= story.messages[-1][1].items()


def test_asking_to_resume_is_answered_by_resumed_false(stage):
    """Resuming is not there yet, and the client is told that its session is new."""
    story = stage(wants_resume=True).opened()

    assert story.messages[0][1]["resumed"] is False
