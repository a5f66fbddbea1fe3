"""Commits and clears that the model confirms, or does not."""

import pytest

from tests.session.story import FORGETFUL, converted, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.events import (
    Cleared,
    Committed,
    ErrorFacts,
    ResponseCreated,
    ResponseFinished,
    UpstreamError,
)
from tornado_app.session import events
from tornado_app.session.commands import Log
from tornado_app.session.confirmations import AWAITED


def committed(story, at=0.0):
    """200 ms of speech, committed and sent on."""
    story.speak(200, at).client(asked.CommitAudio())
    return story.feed(events.UplinkReady(converted(0, 0, b"")))


@pytest.fixture
def manual(stage):
    return stage(turn_detection="none").connected()


def test_a_commit_that_is_not_confirmed_is_told(story):
    """Beside turn detection the answer waits for the model's word, which may not come."""
    committed(story.connected())
    assert [] == story.tick(14.9).told

    assert ["upstream_timeout"] == story.tick(15.0).errors
    assert [] == story.tick(30.0).errors


def test_a_clear_that_is_not_confirmed_is_told(story):
    """And the next one is another."""
    story.connected().client(asked.ClearAudio()).tick(15.0)
    assert ["upstream_timeout"] == story.errors

    assert ["audio_cleared"] == story.client(asked.ClearAudio()).said(Cleared()).told


def test_the_word_on_one_commit_is_taken_once(manual):
    """A second one must not take away what was said since."""
    committed(manual).said(Committed("item_1"))
    assert ["audio_committed"] == manual.told
    manual.speak(200)
    assert [] == manual.said(Committed("item_1")).told

    manual.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, 0, b"")))
    assert "input_audio_buffer.commit" in manual.asked


def test_an_unasked_commit_takes_nothing_from_a_client_that_commits_by_itself(manual):
    """The model would refuse to commit less than 100 ms, and it has 200."""
    manual.speak(200).said(Committed("item_1"))
    manual.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, 0, b"")))

    assert "input_audio_buffer.commit" in manual.asked


def test_a_clear_is_told_behind_the_commit_before_it(manual):
    """Also when the model is away, and there is nothing to clear."""
    manual.lost()
    committed(manual)
    assert [] == manual.client(asked.ClearAudio()).told
    manual.tick(1.0).model_ready()

    assert ["audio_committed", "audio_cleared"] == manual.said(Committed("item_1")).told


def test_the_wait_counts_from_connected(story):
    """A model that cannot hear yet is not late."""
    committed(story.opened())
    story.now = 9.0
    story.model_ready()
    assert [] == story.tick(23.9).errors

    assert ["upstream_timeout"] == story.tick(24.0).errors


def test_what_was_answered_at_once_is_not_answered_again(manual):
    """The answer was asked for with the commit, and its confirmation asks for no second one."""
    committed(manual).said(ResponseCreated(response())).said(Committed("item_1"))
    assert [] == manual.orders

    assert [] == manual.said(ResponseFinished(response(status="completed"))).orders


def test_a_refusal_of_no_commit_takes_no_turn(manual):
    """Not every server says what it refuses: a typed turn beside it is answered."""
    manual.client(asked.Text("Hi"))
    manual.said(UpstreamError(ErrorFacts("e", "input_audio_buffer_commit_empty")))

    assert ["response_started"] == manual.said(ResponseCreated(response())).told
    assert [] == manual.asked


def test_a_clear_behind_a_late_commit_is_told_with_it(story):
    """The model has cleared; that it says nothing of the commit is another matter."""
    committed(story.connected())
    story.client(asked.ClearAudio(), at=5.0)
    assert [] == story.said(Cleared(), at=6.0).told

    assert ["error", "audio_cleared"] == story.tick(15.0).told


def test_a_clear_that_is_refused_is_settled(story):
    """With the error that says so."""
    story.connected().client(asked.ClearAudio())
    error = ErrorFacts("invalid_request_error", "invalid_value", event_id="parley_clear")

    assert ["upstream_rejected"] == story.said(UpstreamError(error)).errors
    assert [] == story.tick(15.0).errors


def test_a_refused_commit_beside_turn_detection_takes_no_typed_turn_with_it(story):
    """Its answer was not asked for yet, but that of the typed one was."""
    story.connected().client(asked.Text("a"))
    committed(story)
    error = ErrorFacts("invalid_request_error", "input_audio_buffer_commit_empty")
    assert ["audio_buffer_empty"] == story.said(UpstreamError(error)).errors

    assert ["upstream_timeout"] == story.tick(15.0).errors  # it is still waited for


def test_nothing_is_waited_for_when_all_is_confirmed(story):
    """No timer is left behind."""
    committed(story.connected()).said(Committed("item_1"))
    story.client(asked.ClearAudio()).said(Cleared())

    assert {"ping", "read", "token_expiry", "token_warning", "response"} == set(
        story.session.timers._due_at
    )


def test_what_was_to_be_cleared_is_when_the_model_is_lost(story):
    """It has forgotten all; and nothing is late afterwards."""
    story.connected().client(asked.ClearAudio())
    assert ["audio_cleared"] == [kind for kind in story.lost().told if kind == "audio_cleared"]

    assert [] == story.model_ready().tick(20.0).errors


def test_names_of_a_lost_models_items_are_free_again(story):
    """The next one may count from one as well."""
    committed(story.connected()).said(Committed("item_1")).lost().tick(1.0)

    assert ["audio_committed"] == story.model_ready().said(Committed("item_1")).told


def test_only_some_commits_may_be_on_their_way(story):
    """One more is refused where it was, behind the others."""
    story.connected()
    for _ in range(65):
        assert [] == story.client(asked.CommitAudio()).told
    told = [story.feed(events.UplinkReady(converted(0, 0, b""))).errors for _ in range(64)]

    assert [[]] * 63 + [["rate_limited"]] == told


@pytest.mark.parametrize("what", ["commit", "clear"])
def test_a_late_word_is_logged_and_told(story, what):
    """By the name that the client gave its message."""
    story.connected()
    if what == "commit":
        story.client(asked.CommitAudio(ref="m")).feed(events.UplinkReady(converted(0, 0, b"")))
    else:
        story.client(asked.ClearAudio(ref="m"))
    story.tick(15.0)

    lines = [c.fields for c in story.fresh if isinstance(c, Log) and c.event == "upstream_late"]
    assert [{"waited_for": what}] == lines
    sentence = f"The model did not confirm a {what} in time. It may be lost."
    error = {"code": "upstream_timeout", "retryable": True, "sentence": sentence, "ref": "m"}
    assert [("error", error)] == story.messages


def test_a_commit_that_is_lost_is_told_if_its_answer_was_not_asked_for(stage):
    """By its name."""
    story = stage(**FORGETFUL).connected().speak(200).client(asked.CommitAudio(ref="m"))
    story.feed(events.UplinkReady(converted(0, 0, b""))).lost()

    sentence = "A commit was lost with the connection to the model. Say it again."
    assert sentence == story.messages[1][1]["sentence"]
    assert "m" == story.messages[1][1]["ref"]


def test_a_commit_that_is_lost_with_its_answer_is_told_once(stage):
    """By the error about the answer, which was asked for at once."""
    manual = stage(turn_detection="none", **FORGETFUL).connected()
    committed(manual).lost()

    sentences = [data["sentence"] for name, data in manual.messages if name == "error"]
    assert ["The model was lost before it answered. Say it again."] == sentences


def test_a_commit_that_is_lost_is_told_if_it_was_interrupted(stage):
    """Nobody waits for an answer to it, and its words are lost all the same."""
    manual = stage(turn_detection="none", **FORGETFUL).connected()
    committed(manual).client(asked.Interrupt()).lost()

    assert ["upstream_unavailable"] == manual.errors


@pytest.mark.parametrize("message", [asked.CommitAudio(), asked.ClearAudio()])
def test_what_is_unconfirmed_is_bounded(stage, message):
    """The client reads nothing, so neither is the model: there is no deadline."""
    story = stage(message_burst=1000.0, turn_detection="server_vad").connected()
    for _ in range(AWAITED + 1):
        story.feed(events.Look(0, is_held=True), at=story.now + 1.0).client(message)
        if isinstance(message, asked.CommitAudio):
            story.feed(events.UplinkReady(converted(0, 0, b"")))
    assert ["audio_backlog"] == story.errors

    story.said(Cleared() if isinstance(message, asked.ClearAudio) else Committed("item_u"))
    story.client(message)
    assert [] == story.errors
