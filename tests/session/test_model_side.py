"""What the model is told first, and what it says of itself before it is gone."""

import pytest

from tests.session.story import FORGETFUL, Story, model_session
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ErrorFacts, UpstreamError
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.session import events
from tornado_app.session.commands import CloseUpstream
from tornado_app.session.rebuilding import HISTORY_ID


def test_a_bad_key_is_final(story):
    """The error and the close that follow the handshake are recognised by their reason."""
    story.opened().feed(events.UpstreamOpened(3.0))
    story.said(
        UpstreamError(
            ErrorFacts("invalid_request_error", "invalid_api_key", "Incorrect key: sk-abc")
        )
    )
    assert [] == story.told

    story.lost(Failure("open", "closed", None, 3000, "invalid_request_error.invalid_api_key"))

    assert ["upstream_rejected"] == story.errors
    assert "sk-abc" not in str(story.fresh)
    assert [(4502, "upstream_failed")] == story.closes


def test_a_refused_configuration_is_final(story):
    """The operator's settings are wrong; dialling again would not mend them."""
    story.opened().feed(events.UpstreamOpened(3.0))
    story.said(
        UpstreamError(
            ErrorFacts(
                "invalid_request_error", "invalid_value", "", "session.audio", "parley_session"
            )
        )
    )

    assert ["upstream_rejected"] == story.errors
    assert [(4502, "upstream_failed")] == story.closes
    assert story.did(CloseUpstream)


def test_an_old_error_does_not_make_a_later_loss_final(story):
    """The server is overloaded; that a cancel came late long ago has nothing to do with it."""
    story.connected()
    late = ErrorFacts(
        "invalid_request_error", "response_cancel_not_active", None, None, "parley_cancel"
    )
    story.said(UpstreamError(late))
    story.lost(Failure("open", "closed", None, 1013, "server_error.overloaded"))

    assert "reconnecting" == story.messages[-1][1]["status"]


def test_a_rate_limit_before_the_close_names_the_pause(story):
    """A limit that shows itself after the handshake has no header."""
    message = "Rate limit reached. Please try again in 12s."
    story.opened().said(UpstreamError(ErrorFacts("requests", "rate_limit_exceeded", message)))
    story.lost(Failure("open", "closed", close_code=1013))

    assert 12.25 == story.session.timers.earliest


def test_the_models_own_time_limit_ends_the_session_with_its_own_code(stage):
    """60 minutes are over, and there is nothing to tell the next one: the client begins anew."""
    story = stage(**FORGETFUL).connected()
    story.lost(
        Failure("open", "closed", None, 1001, "Your session hit the maximum duration of 60 minutes")
    )

    assert ["session_expired"] == story.errors
    assert [(4504, "session_expired")] == story.closes


@pytest.mark.parametrize("changes", [{}, FORGETFUL], ids=["all", "nothing else"])
def test_the_conversation_begins_with_its_history_and_does_so_again(changes):
    """Behind session.updated, before all that was said meanwhile; a new model knows nothing."""
    history = (Turn("user", "Hi."), Turn("assistant", "Hello."))
    story = Story(model_session=model_session(history=history), **changes).opened()
    story.client(asked.Text("And now?")).model_ready()

    def said():
        return [
            (order.item["role"], order.item["content"][0]["text"])
            for order in story.orders
            if isinstance(order, CreateItem)
        ]

    past = [("user", "Hi."), ("assistant", "Hello.")]
    assert [*past, ("user", "And now?")] == said()
    assert "response.create" == story.asked[-1]
    story.lost().model_ready()
    assert [*past, *([] if changes else [("user", "And now?")])] == said()


def test_history_that_the_model_refuses_is_an_error_and_no_end():
    """Nothing of it is said to the client."""
    story = Story(model_session=model_session(history=(Turn("user", "canary"),))).connected()
    story.said(UpstreamError(ErrorFacts("invalid_request_error", "bad", event_id=HISTORY_ID)))

    assert ["upstream_rejected"] == story.errors
    assert "canary" not in str(story.fresh)
    assert not story.session.ended
