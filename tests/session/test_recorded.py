"""What is noted of a session that is recorded."""

import pytest

from tests.session.story import Story, converted, delta, response
from tornado_app.admission.budget import Budget
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import commands, events
from tornado_app.session.record import (
    AnswerSound,
    Away,
    Back,
    Begun,
    Cut,
    Ended,
    Sent,
    Spoken,
    Told,
    UserSound,
    Words,
)
from tornado_app.session.recorded import RecordedSession
from workers.blocks import Block


class RecordedStory(Story):
    """A session that is recorded, and what it notes."""

    def __init__(self, parts="both", **changes):
        super().__init__(recorded=parts, **changes)
        budget = Budget(self.config.call_bytes, self.process)
        self.session = RecordedSession(self.config, budget, lambda: 1.0)

    def of(self, *kinds):
        """What was noted, of these kinds, in order."""
        noted = [e for each in self.all if isinstance(each, commands.Record) for e in each.entries]
        return [entry for entry in noted if not kinds or isinstance(entry, kinds)]


def answered(story):
    """Half a second of an answer, of which 200 ms are played when the user speaks."""
    story.connected()
    story.said(realtime.ResponseCreated(response()), at=1.0)
    story.said(delta(500), at=1.0)
    story.client(asked.Playback(item_id="item_a", played_ms=150), at=1.2)
    story.said(realtime.UserSpeechStarted("item_u", 0.0), at=1.25)
    story.said(realtime.UserTranscriptDone("item_u", "Stop."), at=1.5)
    return story.feed(events.ClientGone(1000), at=2.5)


def test_an_answer_that_is_interrupted():
    story = answered(RecordedStory())

    assert [
        Begun("sess_1", "alice", 1_800_000_000_000, "gpt-realtime-2.1", "marin", "both"),
        AnswerSound("item_a", bytes(24_000)),
        Sent(1000.0, "item_a", 0.0, 500.0, 4),
        Told(1200.0, "item_a", 150),
        Spoken(1250.0, "item_u", "begun"),
        Cut(1250.0, "item_a", None, 6),
        Words(1500.0, "user", "item_u", "Stop."),
        Ended(2500.0),
    ] == story.of()


def test_what_is_noted_comes_first_and_changes_nothing_else():
    """The last is noted before the session is over, and nothing after it."""
    story, plain = answered(RecordedStory()), answered(Story())
    others = [each for each in story.all if not isinstance(each, commands.Record)]

    assert [type(each) for each in plain.all] == [type(each) for each in others]
    assert isinstance(story.all[-1], commands.Finish)
    assert not story.feed(events.Tick(), at=3.0).fresh
    assert not [each for each in plain.all if isinstance(each, commands.Record)]


def test_a_turn_has_its_times_from_its_beginning_to_the_model_that_took_it():
    story = RecordedStory().connected()
    story.said(realtime.UserSpeechStarted("item_u", 0), at=1.0)
    story.said(realtime.UserSpeechStopped("item_u", 700), at=1.7)
    story.said(realtime.Committed("item_u"), at=1.75)

    assert [
        Spoken(1000.0, "item_u", "begun"),
        Spoken(1700.0, "item_u", "ended"),
        Spoken(1750.0, "item_u", "committed"),
    ] == story.of(Spoken)


@pytest.mark.parametrize(("heard_ms", "noted_ms"), [(170, 170), (None, None)])
def test_what_a_client_says_it_has_heard_counts(heard_ms, noted_ms):
    story = RecordedStory().connected()
    story.said(realtime.ResponseCreated(response()), at=1.0)
    story.said(delta(500), at=1.0)
    story.client(asked.Interrupt(item_id="item_a", heard_ms=heard_ms), at=1.3)

    assert [Cut(1300.0, "item_a", noted_ms, 5)] == story.of(Cut)


def test_speech_ended_so_much_sooner_as_the_resampler_holds():
    story = RecordedStory().connected()
    for at, converted_ms in ((0.1, 15.0), (0.12, 20.0)):
        story.feed(events.ClientAudio(payload=bytes(960)), at=at)
        story.feed(events.UplinkReady(Block(b"AAAA", 960, 20.0, -20.0, converted_ms)), at=at)

    assert [UserSound(95.0, b"AAAA"), UserSound(115.0, b"AAAA")] == story.of(UserSound)


def test_what_is_cleared_in_the_resampler_is_held_no_more():
    """Or all that is said later would be recorded too soon, by more with each time."""
    story = RecordedStory().connected()
    for _ in range(100):
        story.feed(events.ClientAudio(bytes(4800)), at=1.0)
        story.feed(events.UplinkReady(Block(b"QUJD", 4800, 100.0, -30.0, 86.2)))
        story.client(asked.ClearAudio())
    story.feed(events.ClientAudio(bytes(4800)), at=2.0)
    story.feed(events.UplinkReady(Block(b"QUJD", 4800, 100.0, -30.0, 86.2)))

    assert 1986.2 == pytest.approx(story.of(UserSound)[-1].end_ms)


@pytest.mark.parametrize("parts", ["both", "audio", "words"])
def test_there_is_what_was_asked_for(parts):
    story = RecordedStory(parts).connected()
    story.client(asked.Text(text="Hello"), at=1.0)
    story.feed(events.ClientAudio(payload=bytes(960)), at=1.1)
    story.feed(events.UplinkReady(converted(20.0, 960)), at=1.1)

    assert (parts != "audio") == bool(story.of(Words))
    assert (parts != "words") == bool(story.of(UserSound))


@pytest.mark.parametrize(
    "lost", [events.ClientGone(None, is_lost=True), events.ClientSlow("write_timeout")]
)
def test_what_a_lost_client_has_missed_can_be_told_from_what_it_had(lost):
    story = RecordedStory(resume_window_s=20.0).connected()
    story.said(realtime.ResponseCreated(response()), at=1.0)
    story.said(delta(500), at=1.0)
    story.feed(lost, at=1.1)
    story.said(delta(500), at=1.2)
    story.feed(events.ClientBack("next", 1_800_003_600, 4), at=2.0)

    assert [
        Sent(1000.0, "item_a", 0.0, 500.0, 4),
        Away(1100.0),
        Sent(1200.0, "item_a", 500.0, 500.0, 5),
        Back(2000.0, 4),
    ] == story.of(Sent, Away, Back)


def test_a_session_with_a_fault_of_ours_has_an_end_too():
    story = RecordedStory().connected().abandoned()

    assert isinstance(story.of()[-1], Ended)
