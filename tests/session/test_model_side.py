"""The way to the model: connecting, holding back, and being lost."""

import pytest

from tests.session.story import FORGETFUL, Story, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import (
    ErrorFacts,
    Malformed,
    ResponseCreated,
    SessionCreated,
    SessionFacts,
    SessionUpdated,
    UpstreamError,
)
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.session import events
from tornado_app.session.commands import CloseUpstream, DialUpstream
from tornado_app.session.rebuilding import HISTORY_ID


def test_opening_dials_at_once_and_says_connecting(story):
    """The model is dialled when the client arrives, not when it first speaks."""
    story.opened()

    assert ["connection_status"] == story.told
    assert "connecting" == story.messages[0][1]["status"]
    assert story.did(DialUpstream)


def test_the_configuration_goes_out_as_soon_as_the_link_is_open(story):
    """It need not wait for session.created, which saves a round trip."""
    story.opened().feed(events.UpstreamOpened(3.0))

    assert ["session.update"] == story.asked
    assert [] == story.told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SessionCreated(SessionFacts("s", "m")), SessionUpdated(SessionFacts())),
        (SessionUpdated(SessionFacts()), SessionCreated(SessionFacts("s", "m"))),
    ],
)
def test_connected_needs_both_created_and_updated(story, first, second):
    """A handshake proves nothing: a bad key shows itself only afterwards."""
    story.opened().feed(events.UpstreamOpened(3.0))

    assert [] == story.said(first).told
    assert "connected" == story.said(second).messages[0][1]["status"]
    assert "m" == story.messages[0][1]["model"]


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


def test_a_lost_link_is_dialled_again_with_growing_delays(story):
    """250 ms, 500 ms, 1 s: doubled each time, the jitter at its most."""
    story.connected()
    delays = []
    for attempt in (1, 2, 3):
        story.lost()
        assert {"status": "reconnecting", "attempt": attempt}.items() <= story.messages[-1][
            1
        ].items()
        delays.append(story.session.timers.earliest - story.now)
        assert story.tick(story.session.timers.earliest).did(DialUpstream)

    assert [0.25, 0.5, 1.0] == pytest.approx(delays)


def test_reconnected_says_that_the_model_remembers_nothing(stage):
    """The client is told, so that it can tell its user."""
    story = stage(**FORGETFUL).connected().lost()
    story.tick(story.session.timers.earliest).model_ready()

    told = {"status": "connected", "attempt": 1, "context_lost": True, "context": "lost"}
    assert told.items() <= story.messages[-1][1].items()


def test_after_the_last_attempt_the_client_is_closed(story):
    """One sentence, one code, one close."""
    story.connected()
    for _ in range(3):
        story.lost()
        story.tick(story.session.timers.earliest)
    story.lost()

    assert ["connection_status", "error"] == story.told
    assert "disconnected" == story.messages[0][1]["status"]
    assert ["upstream_unavailable"] == story.errors
    assert [(4502, "upstream_failed")] == story.closes


def test_a_link_that_held_long_starts_counting_afresh(story):
    """A drop every hour is no reason to give up."""
    story.connected().lost()
    story.tick(story.session.timers.earliest).model_ready()
    story.lost(at=story.now + 31)

    assert 1 == story.messages[-1][1]["attempt"]


def test_a_server_that_closes_at_once_is_not_dialled_for_ever(story):
    """Connected and lost within seconds counts on."""
    story.connected()
    for _ in range(3):
        story.lost()
        story.tick(story.session.timers.earliest).model_ready()
    story.lost()

    assert [(4502, "upstream_failed")] == story.closes


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


def test_a_model_that_never_becomes_ready_is_given_up_and_dialled_again(story):
    """An open socket that says nothing counts as a loss after ready_timeout_s."""
    story.opened().feed(events.UpstreamOpened(3.0)).tick(10.0)

    assert story.did(CloseUpstream)
    assert "reconnecting" == story.messages[-1][1]["status"]


def test_timeouts_have_their_own_code_in_the_end(stage):
    """A model that does not answer is not one that refuses."""
    story = stage(reconnect_attempts=0)
    story.opened().lost(Failure("dial", "timeout"))

    assert ["upstream_timeout"] == story.errors


def test_the_models_own_time_limit_ends_the_session_with_its_own_code(stage):
    """60 minutes are over, and there is nothing to tell the next one: the client begins anew."""
    story = stage(**FORGETFUL).connected()
    story.lost(
        Failure("open", "closed", None, 1001, "Your session hit the maximum duration of 60 minutes")
    )

    assert ["session_expired"] == story.errors
    assert [(4504, "session_expired")] == story.closes


def test_an_answer_that_was_running_is_told_to_have_failed(stage):
    """The client must not wait for an end that will not come."""
    story = stage(lost_answer="tell").connected().said(ResponseCreated(response()))
    story.lost()

    assert ("response_done", {"response_id": "resp_1", "status": "failed", "usage": None}) in (
        story.messages
    )


@pytest.mark.parametrize(
    "changes", [FORGETFUL, {"speech_kept_ms": 0.0}], ids=["nothing", "no speech"]
)
def test_audio_that_the_model_had_and_nobody_committed_is_told_as_lost(stage, changes):
    """Nothing accepted is lost silently."""
    story = stage(**changes).connected().speak(100).lost()

    sentence = next(data["sentence"] for name, data in story.messages if name == "error")
    assert "100 ms of audio were lost with the connection to the model." == sentence


def test_asking_to_resume_is_answered_by_resumed_false(stage):
    """Resuming is not there yet, and the client is told that its session is new."""
    story = stage(wants_resume=True).opened()

    assert story.messages[0][1]["resumed"] is False


def test_an_old_error_does_not_make_a_later_loss_final(story):
    """The server is overloaded; that a cancel came late long ago has nothing to do with it."""
    story.connected()
    late = ErrorFacts(
        "invalid_request_error", "response_cancel_not_active", None, None, "parley_cancel"
    )
    story.said(UpstreamError(late))
    story.lost(Failure("open", "closed", None, 1013, "server_error.overloaded"))

    assert "reconnecting" == story.messages[-1][1]["status"]


def test_a_flood_of_garbage_is_a_lost_link(story):
    """It is dialled again, like any other that broke."""
    story.connected()
    for _ in range(101):
        story.said(Malformed(1))

    assert story.did(CloseUpstream)
    assert "reconnecting" == story.messages[-1][1]["status"]


@pytest.mark.parametrize(("asked_s", "redialled_at"), [(None, 0.25), (7.0, 7.25), (20.0, 20.25)])
def test_a_pause_that_the_model_asks_for_is_kept(story, asked_s, redialled_at):
    """On top of the back-off, so that not all who were told so come at once."""
    refusal = Failure("dial", "handshake", 429, retry_after_s=asked_s)
    story.opened().lost(refusal)
    assert "reconnecting" == story.messages[-1][1]["status"]
    assert redialled_at == story.session.timers.earliest

    assert story.tick(redialled_at).did(DialUpstream)


def test_a_longer_pause_than_a_caller_can_wait_ends_the_session(story):
    """The client is told when it may come again."""
    story.opened().lost(Failure("dial", "handshake", 503, retry_after_s=3600.0))

    assert ["upstream_unavailable"] == story.errors
    assert 3_600_000 == story.messages[-1][1]["retry_after_ms"]
    assert [(4502, "upstream_failed")] == story.closes


def test_a_rate_limit_before_the_close_names_the_pause(story):
    """A limit that shows itself after the handshake has no header."""
    message = "Rate limit reached. Please try again in 12s."
    story.opened().said(UpstreamError(ErrorFacts("requests", "rate_limit_exceeded", message)))
    story.lost(Failure("open", "closed", close_code=1013))

    assert 12.25 == story.session.timers.earliest


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
