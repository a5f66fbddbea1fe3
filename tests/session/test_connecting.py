"""One link to the model after the other: dialled, made ready, and lost."""

import pytest

from tests.session.story import FORGETFUL, response
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import (
    Malformed,
    ResponseCreated,
    SessionCreated,
    SessionFacts,
    SessionUpdated,
)
from tornado_app.session import events
from tornado_app.session.commands import CloseUpstream, DialUpstream


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
