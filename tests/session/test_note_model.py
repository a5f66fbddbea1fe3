"""Whether the model took a session, for whoever keeps an eye on the model."""

import pytest

from tests.session.story import Story
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ErrorFacts, UpstreamError
from tornado_app.session.commands import Log, NoteModel
from tornado_app.session.model_side import UPDATE_ID


def noted(story: Story) -> list[bool]:
    return [c.accepted for c in story.all if isinstance(c, NoteModel)]


def logged(story: Story) -> list[str]:
    return [c.event for c in story.all if isinstance(c, Log)]


def rejected(story: Story) -> dict[str, object]:
    """The line for a person, without what is nothing."""
    (fields,) = (c.fields for c in story.all if isinstance(c, Log) and "rejected" in c.event)
    return {name: value for name, value in fields.items() if value is not None}


def test_a_session_that_the_model_took():
    """It is noted when the model is ready, and not before."""
    story = Story().opened()
    assert [] == noted(story)
    story.model_ready()

    assert [True] == noted(story)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_handshake_that_was_refused(status):
    """It is an event of its own, for a person."""
    story = Story().opened().lost(Failure("dial", "handshake", http_status=status))

    assert [False] == noted(story)
    assert "upstream_rejected" in logged(story)
    assert "upstream_lost" not in logged(story)


def test_a_configuration_that_was_refused():
    """So is that."""
    story = Story().opened()
    error = ErrorFacts(type="invalid_request_error", code="invalid_voice", event_id=UPDATE_ID)
    story.said(UpstreamError(error))

    assert [False] == noted(story)
    assert {"cause": "bad_session", "detail": "invalid_voice"} == rejected(story)


@pytest.mark.parametrize("failure", [Failure("dial", "refused"), Failure("open", "reset")])
def test_a_model_that_is_away_has_refused_nobody(failure):
    """It is dialled again."""
    story = Story().opened().lost(failure)

    assert [] == noted(story)
    assert "upstream_lost" in logged(story)


@pytest.mark.parametrize(
    "error",
    [
        ErrorFacts(type="invalid_request_error", code="insufficient_quota"),
        ErrorFacts(type="invalid_request_error", code="invalid_api_key"),
        ErrorFacts(type="insufficient_quota"),
    ],
    ids=lambda error: error.code or error.type,
)
def test_an_error_in_a_running_call_that_a_person_must_mend(error):
    """The call goes on, and the log says that somebody must act."""
    story = Story().connected()
    story.said(UpstreamError(error))

    assert {"cause": error.code or error.type} == rejected(story)
    assert not story.session.ended


def test_an_error_of_the_models_is_in_the_log_by_its_code_and_its_field():
    """In words that a log may have."""
    story = Story().connected()
    error = ErrorFacts("invalid_request_error", "invalid_value", None, "session.voice")
    story.said(UpstreamError(error))
    (line,) = (c for c in story.fresh if isinstance(c, Log) and c.event == "upstream_error")

    assert {"code": "invalid_value", "param": "session_voice"} == line.fields
