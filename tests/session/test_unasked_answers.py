"""Answers that the model is to begin by itself, and that the client stops before they begin."""

from tests.session.story import delta, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session.patience import CANCEL_TIMEOUT_S


def spoken(story, item_id="item_u", at=0.0):
    """A turn that the model has found, and is to answer."""
    story.said(realtime.UserSpeechStarted(item_id, 0), at)
    story.said(realtime.UserSpeechStopped(item_id, 500), at)
    return story.said(realtime.Committed(item_id), at)


def begins(story, at, response_id="resp_1"):
    return story.said(realtime.ResponseCreated(response(response_id)), at)


def test_an_answer_that_is_stopped_before_it_begins_is_not_heard(story):
    """Also when the client says so twice; the next turn is answered as ever."""
    spoken(story.connected()).client(asked.Interrupt(), 0.1).client(asked.Interrupt(), 0.2)
    assert ["response.cancel"] == begins(story, 0.3).asked
    assert [] == story.said(delta(500), 0.4).told
    story.said(realtime.ResponseFinished(response(status="cancelled")), 0.5)

    spoken(story, "item_v", 1.0)
    begins(story, 1.1, "resp_2")
    assert ["audio"] == story.said(delta(500, "item_b", "resp_2"), 1.2).told


def test_what_is_typed_behind_it_is_asked_for_when_it_has_ended(story):
    """The model has one answer at a time."""
    spoken(story.connected()).client(asked.Interrupt(), 0.1).client(asked.Text("No."), 0.2)
    assert ["conversation.item.create"] == story.asked
    begins(story, 0.3)
    ended = story.said(realtime.ResponseFinished(response(status="cancelled")), 0.5)
    assert ["response.create"] == ended.asked


def test_a_model_that_begins_none_keeps_nobody_waiting_for_long(story):
    """What is typed is asked for then."""
    spoken(story.connected()).client(asked.Interrupt(), 0.1).client(asked.Text("No."), 0.2)
    assert ["response.create"] == story.tick(0.2 + CANCEL_TIMEOUT_S).asked
    begins(story, 6.0)
    assert ["audio"] == story.said(delta(500), 6.1).told


def test_the_answer_to_the_next_turn_is_not_taken_for_it(story):
    """The user speaks on, and the model has never begun to answer what was before."""
    spoken(story.connected()).client(asked.Interrupt(), 0.1)
    spoken(story, "item_v", 0.5)
    assert [] == begins(story, 0.6).asked
    assert ["audio"] == story.said(delta(500), 0.7).told
