"""A story for each row of the table of interruptions."""

import pytest

from tests.session.story import delta, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.orders import (
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Truncate,
)
from tornado_app.session import events
from tornado_app.session.commands import ResetDownlink
from tornado_app.session.interrupting import TABLE, Event, Heard, Step

NAMED = model_session(transcription_model="ears")
SPEECH = realtime.UserSpeechStarted("item_u", 0)
GOES_ON = {"false_start": "go_on", "model_session": NAMED}


def speaking(story):
    """A second was sent, of which 0.4 s were heard; the answer runs."""
    story.client(asked.Text("hello"), 0.0).said(realtime.ResponseCreated(response()))
    story.said(realtime.AnswerTranscriptDelta("resp_1", "item_a", "Once upon a time there was a"))
    return story.said(delta(1000))


def cancelled(response_id="resp_1"):
    return realtime.ResponseFinished(response(response_id, status="cancelled"))


def completed(response_id="resp_1"):
    return realtime.ResponseFinished(response(response_id, status="completed"))


STATES = {
    Heard.SILENT: lambda story: story,
    Heard.ASKED: lambda story: story.client(asked.Text("hello"), 0.0),
    Heard.SPEAKING: speaking,
    Heard.PLAYING: lambda story: speaking(story).said(completed()),
    Heard.ENDING: lambda story: speaking(story).client(asked.Interrupt(), 0.4),
    Heard.IN_DOUBT: lambda story: speaking(story).said(SPEECH, 0.4),
}
EVENTS = {
    Event.SPEECH: lambda story: story.said(SPEECH),
    Event.DOUBTFUL: lambda story: story.said(SPEECH),
    Event.INTERRUPT: lambda story: story.client(asked.Interrupt(ref="i1")),
    Event.TURN: lambda story: story.client(asked.Text("and now?")),
    Event.WORDS: lambda story: story.said(realtime.UserTranscriptDelta("item_u", "Wait")),
    Event.NOISE: lambda story: story.said(realtime.UserTranscriptDone("item_u", "")),
    Event.LOST: lambda story: story.lost(),
}


def heard(story):
    return story.session._conductor.answers.cutting.heard


def kinds(story, kind):
    return [order for order in story.orders if isinstance(order, kind)]


def done(story, step, state):
    """Whether the session has done this, as far as it can be seen in this state."""
    plays = state in {Heard.SPEAKING, Heard.PLAYING, Heard.IN_DOUBT}
    match step:
        case Step.WITHDRAW:
            later = story.session._conductor.answers.asking._request
            return state is not Heard.ASKED or later.state in {"stopped", "asked"}
        case Step.CANCEL:
            wanted = [CancelResponse("resp_1", "parley_cancel_1")]
            return kinds(story, CancelResponse) == (wanted if state is Heard.SPEAKING else [])
        case Step.DROP | Step.KEEP:
            return story.did(ResetDownlink)
        case Step.TRUNCATE:
            wanted = [Truncate("item_a", 400, 0, "parley_truncate")] if plays else []
            return kinds(story, Truncate) == wanted
        case Step.TELL:
            ((_, said),) = [m for m in story.messages if m[0] == "interrupted"]
            return said["heard_ms"] == (400 if plays else 0)
        case Step.PLAY:
            told = [m for m in story.messages if m[0] in {"answer_goes_on", "audio"}]
            return [400, 400.0] == [data["offset_ms"] for _, data in told]
        case Step.NOTE:
            (entry,) = [e for e in story.session.ledger.entries if e.id == "item_a"]
            return entry.heard_ms == 400
        case Step.MUTE:
            return state in {Heard.SILENT, Heard.ASKED} or story.said(delta(20)).told == []
        case Step.WAIT | Step.FORGET_NOISE | Step.ASK_REST:
            return True  # there is a story of each below
    raise AssertionError(step)


@pytest.mark.parametrize(("state", "event"), TABLE)
def test_a_row_is_what_happens(stage, state, event):
    """The state is reached, the event comes, each step is done and none that is not in the row."""
    is_doubtful = Heard.IN_DOUBT is state or event is Event.DOUBTFUL
    story = STATES[state](stage(**GOES_ON if is_doubtful else {}).connected())
    story.now = 0.4
    assert state == heard(story)
    row = TABLE[state, event]
    EVENTS[event](story)
    fresh, after = story.fresh, heard(story)

    assert row.then == after
    steps = {Step.TRUNCATE: Truncate, Step.CANCEL: CancelResponse}
    for step, order in steps.items():
        assert step in row.steps or not kinds(story, order)
    assert (Step.TELL in row.steps) == ("interrupted" in story.told)
    assert (Step.PLAY in row.steps) == ("answer_goes_on" in story.told)
    for step in row.steps:
        story.fresh = fresh
        assert done(story, step, state), step


def test_every_event_has_a_row_in_every_state_in_which_it_can_come():
    """But for what only doubt waits for, and speech without doubt while there is some."""
    ours = {Event.WORDS, Event.NOISE, Event.LOST}
    wanted = {(state, event) for state in Heard for event in Event if event not in ours}
    wanted -= {(Heard.IN_DOUBT, Event.SPEECH)}
    assert wanted | {(Heard.IN_DOUBT, event) for event in ours} == set(TABLE)


@pytest.fixture
def doubtful(stage):
    """0.4 s of a second were heard when the model heard something, and it has ended its answer."""

    def make(**changes):
        story = speaking(stage(**(GOES_ON | changes)).connected()).said(SPEECH, 0.4)
        return story.said(cancelled())

    return make


def audio(story):
    return [
        (d["item_id"], d["offset_ms"], d["duration_ms"]) for n, d in story.messages if n == "audio"
    ]


def stopped(story, at):
    """The noise is over, and the model takes it for a turn."""
    return story.said(realtime.UserSpeechStopped("item_u", 1), at).said(
        realtime.Committed("item_u")
    )


def test_an_answer_goes_on_behind_a_noise_and_the_rest_is_asked_for(doubtful):
    """From where it stopped, as audio of the same item; the noise is no turn any more."""
    story = stopped(doubtful(), 0.6)
    assert [] == kinds(story, Truncate)
    story.said(realtime.UserTranscriptDone("item_u", " "), 0.9)

    assert [("item_a", 400.0, 600.0)] == audio(story)
    assert ("answer_goes_on", {"item_id": "item_a", "offset_ms": 400}) in story.messages
    assert ["item_u"] == [order.item_id for order in kinds(story, DeleteItem)]
    # The model is to answer that by itself: only behind that is it asked.
    assert [] == kinds(story, CreateResponse)
    story.said(realtime.ResponseCreated(response("resp_2")))
    assert [CancelResponse("resp_2", "parley_cancel_1")] == kinds(story, CancelResponse)
    assert "audio" not in story.said(delta(20, "item_b", "resp_2")).told
    (order,) = kinds(story.said(cancelled("resp_2")), CreateResponse)
    assert "Go on from its last word" in order.response["instructions"]
    story.said(realtime.ResponseCreated(response("resp_3"))).said(delta(20, "item_c", "resp_3"))
    assert [("item_c", 0.0, 20.0)] == audio(story)


def test_a_model_that_answers_no_noise_is_asked_when_it_is_late(doubtful):
    """Nobody waits for ever."""
    story = stopped(doubtful(), 0.6)
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)
    assert [] == kinds(story.tick(5.8), CreateResponse)

    assert 1 == len(kinds(story.tick(5.9), CreateResponse))


def test_no_words_in_time_are_a_noise(doubtful):
    """Counted from the end of the speech."""
    story = stopped(doubtful(), 1.0)
    assert [] == story.tick(2.4).told

    assert [("item_a", 400.0, 600.0)] == audio(story.tick(2.5))


def test_speech_that_goes_on_is_somebody(doubtful):
    """No noise is so long."""
    story = doubtful().tick(1.8)
    assert [] == kinds(story, Truncate)

    assert [Truncate("item_a", 400, 0, "parley_truncate")] == story.tick(1.9).orders


@pytest.mark.parametrize("words", ["delta", "done"])
def test_words_end_the_doubt_and_what_the_model_has_answered_is_heard(doubtful, words):
    """What it said meanwhile waits, and is heard in order; the truncation comes now."""
    story = stopped(doubtful(), 0.6)
    story.said(realtime.ResponseCreated(response("resp_2")), 0.7)
    story.said(delta(100, "item_b", "resp_2")).said(delta(50, "item_b", "resp_2"))
    assert [] == audio(story)
    said = realtime.UserTranscriptDelta if words == "delta" else realtime.UserTranscriptDone
    story.said(said("item_u", "Wait!"), 0.9)

    assert [Truncate("item_a", 400, 0, "parley_truncate")] == story.orders
    assert [("item_b", 0.0, 100.0), ("item_b", 100.0, 50.0)] == audio(story)


def test_a_noise_takes_back_what_the_model_has_answered(doubtful):
    """Nothing of it is heard, and it is cancelled by its name."""
    story = stopped(doubtful(), 0.6)
    story.said(realtime.ResponseCreated(response("resp_2")), 0.7)
    story.said(delta(100, "item_b", "resp_2"))
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)

    assert [("item_a", 400.0, 600.0)] == audio(story)
    assert [CancelResponse("resp_2", "parley_cancel_1")] == kinds(story, CancelResponse)
    assert 1 == len(kinds(story.said(cancelled("resp_2")), CreateResponse))
    assert "audio" not in story.said(delta(20, "item_b", "resp_2")).told


def test_an_answer_that_was_complete_is_heard_to_its_end_and_nothing_is_asked(stage):
    """The model had said it all."""
    story = speaking(stage(**GOES_ON).connected()).said(completed()).said(SPEECH, 0.4)
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)

    assert [("item_a", 400.0, 600.0)] == audio(story)
    assert [] == kinds(story, CreateResponse)
    assert Heard.PLAYING == heard(story)
    assert [Truncate("item_a", 700, 0, "parley_truncate")] == kinds(
        story.client(asked.Interrupt(), 1.2), Truncate
    )


def test_what_a_model_still_says_of_its_answer_goes_on_as_well(stage):
    """One that does not end it by itself; and one that does so late is asked for the rest."""
    story = speaking(stage(**GOES_ON).connected()).said(SPEECH, 0.4).said(delta(200))
    assert [] == audio(story)
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)
    assert 800.0 == sum(duration for _, _, duration in audio(story))
    assert [("item_a", 1200.0, 50.0)] == audio(story.said(delta(50)))

    assert 1 == len(kinds(story.said(cancelled()), CreateResponse))


def test_an_answer_of_several_items_goes_on_in_order(stage):
    """The one that was heard in part, and those behind it."""
    story = speaking(stage(**GOES_ON).connected())
    story.said(delta(300, "item_b")).said(SPEECH, 0.4).said(cancelled())
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)

    assert [("item_a", 400.0, 600.0), ("item_b", 0.0, 300.0)] == audio(story)


def test_a_second_noise_is_another_doubt(doubtful):
    """What was kept is kept, until it is heard."""
    story = doubtful()
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)
    story.said(realtime.ResponseCreated(response("resp_2")))
    story.said(realtime.UserSpeechStarted("item_v", 0), 1.1).said(cancelled("resp_2"))
    story.said(realtime.UserTranscriptDone("item_v", ""), 1.3)

    assert [("item_a", 600.0, 400.0)] == audio(story)


@pytest.mark.parametrize("changes", [{"false_start": "stop"}, {"model_session": model_session()}])
def test_without_the_policy_or_without_transcripts_it_stays_stopped(doubtful, changes):
    """Nothing tells a noise from words."""
    story = stopped(doubtful(**changes), 0.6)
    assert "item_a" in [
        c.order.item_id for c in story.all if isinstance(getattr(c, "order", None), Truncate)
    ]
    assert [] == audio(story.tick(30.0))


def test_a_model_that_is_lost_in_doubt_is_followed_by_one_that_is_asked_for_the_rest(stage):
    """It is told what was heard."""
    story = speaking(stage(**GOES_ON).connected()).said(SPEECH, 0.4)
    story.said(realtime.AnswerTranscriptDelta("resp_1", "item_a", "Once upon a time there was"))
    story.lost(at=0.5)
    story.tick(story.session.timers.earliest).model_ready()

    assert 1 == len(kinds(story, CreateResponse))


def test_what_is_too_much_to_keep_is_asked_for(stage, monkeypatch):
    """It is cut at the model where what is kept ends."""
    monkeypatch.setattr("tornado_app.session.tape.TAPE_BYTES", 48_000)
    story = speaking(stage(**GOES_ON).connected()).said(delta(500)).said(delta(500))
    story.said(SPEECH, 0.4).said(cancelled())
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)

    assert [("item_a", 400.0, 600.0)] == audio(story)
    assert [Truncate("item_a", 1000, 0, "parley_truncate")] == kinds(story, Truncate)
    assert 1 == len(kinds(story, CreateResponse))


def test_the_client_may_know_better_what_it_has_played(doubtful):
    """A report that comes late, of less than we believed."""
    story = doubtful().client(asked.Playback("item_a", 350), 0.5)
    story.said(realtime.UserTranscriptDone("item_u", ""), 0.9)

    assert [("item_a", 350.0, 650.0)] == audio(story)


def test_a_noise_that_ends_the_call_leaves_nothing(doubtful):
    """Whoever ends it."""
    story = doubtful().feed(events.ClientGone(1000))
    assert story.session.ended
