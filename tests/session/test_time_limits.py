"""How long a call, its silences and its waits may last."""

import pytest

from tests.session.story import delta, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.orders import CancelResponse, CreateResponse
from tornado_app.session import events
from tornado_app.session.config import TimeRules
from workers.blocks import Block

LONG = {"ping_interval_s": 1e7, "read_timeout_s": 1e7}
IDLE = TimeRules(idle_timeout_s=900, idle_warning_s=60)
CALL = TimeRules(max_call_s=600, call_warning_s=60, call_grace_s=20)
STREAMS = TimeRules(microphone_silence_s=30)
FIRST = TimeRules(first_audio_s=10)


def ticks(story, until, step=None):
    """Wake the session whenever it wants to be, or every *step*, up to *until*; what it told."""
    told = []
    while not story.session.ended:
        at = story.session.timers.earliest if step is None else story.now + step
        if at > until:
            break
        story.tick(max(at, story.now))
        told += story.messages
    return told


def warnings(told):
    return [(d["limit"], d["used"], d["allowed"]) for name, d in told if name == "limit_warning"]


def sound(story, at, level_dbfs=-30.0, duration_ms=20.0):
    """A chunk of the client's, as loud as that."""
    story.feed(events.ClientAudio(bytes(960)), at)
    story.feed(events.UplinkReady(Block(b"QUJD", 960, duration_ms, level_dbfs, duration_ms)))


@pytest.fixture
def call(stage):
    def make(rules, **changes):
        return stage(times=rules, **LONG, **changes).connected()

    return make


def test_a_call_in_which_nobody_speaks_ends_after_a_warning(call):
    """With a code and a close of its own: a program need not dial again."""
    story = call(IDLE)

    assert [("idle_timeout_s", 840.0, 900.0)] == warnings(ticks(story, 899.9))
    story.tick(900.0)
    assert ["conversation_idle"] == story.errors
    assert [(4408, "conversation_idle")] == story.closes


def said(event):
    return lambda story, at: story.said(event, at)


@pytest.mark.parametrize(
    "happens",
    [
        said(realtime.UserSpeechStarted("item_u", 0)),
        said(realtime.ResponseCreated(response())),
        said(realtime.UserTranscriptDelta("item_u", "Yes")),
        lambda story, at: story.client(asked.Text("hello"), at),
        lambda story, at: story.client(asked.Interrupt(), at),
        lambda story, at: story.feed(events.ClientFile("", "wav"), at),
    ],
)
@pytest.mark.parametrize("at", [500.0, 870.0])
def test_whatever_is_said_begins_the_time_anew(call, happens, at):
    """Also behind the warning."""
    story = call(IDLE, response_stall_s=1.0)
    ticks(story, at)
    happens(story, at)
    ticks(story, at + 899.0)

    assert not story.session.ended
    ticks(story, at + 1000.0)
    assert story.session.ended


@pytest.mark.parametrize("message", [asked.Ping("p"), asked.Pong(), asked.Playback("item_a", 1)])
def test_what_a_program_says_by_itself_does_not(call, message):
    """A page that nobody looks at pings and reports for ever."""
    story = call(IDLE)
    for at in range(0, 900, 100):
        story.client(message, float(at))

    ticks(story, 900.0)
    assert story.session.ended


def test_the_time_counts_from_the_end_of_what_plays(call):
    """The model sends audio faster than it is spoken."""
    story = call(IDLE)
    story.said(realtime.ResponseCreated(response()), 10.0).said(delta(60_000))
    story.said(realtime.ResponseFinished(response(status="completed")))

    assert [("idle_timeout_s", 840.0, 900.0)] == warnings(ticks(story, 969.9))
    assert not story.session.ended
    ticks(story, 970.0)
    assert story.session.ended


def test_a_client_that_ends_its_turns_itself_speaks_by_sending_sound(call):
    """Nobody else says that it does."""
    story = call(IDLE, turn_detection="none")
    for at in range(0, 2000, 100):
        sound(story, float(at))
        ticks(story, float(at))
    assert not story.session.ended

    for at in range(2000, 2900, 100):
        sound(story, float(at), level_dbfs=-120.0)
        ticks(story, float(at))
    assert story.session.ended


def test_a_limit_that_is_short_is_warned_of_at_its_half(call):
    """Never before anything has happened."""
    story = call(TimeRules(idle_timeout_s=10, idle_warning_s=60, max_call_s=30))

    assert [("idle_timeout_s", 5.0, 10.0)] == warnings(ticks(story, 9.0))


def test_no_limit_wakes_nobody(call):
    """All are off."""
    story = call(TimeRules(), token_expires_at_unix_s=1e11)

    assert [] == ticks(story, 1e6)
    assert not story.session.ended


def test_the_longest_call_ends_where_nobody_speaks(call):
    """After a warning; the answer that plays is heard to its end."""
    story = call(CALL)
    assert [("max_call_s", 540.0, 600.0)] == warnings(ticks(story, 590.0))
    story.said(realtime.ResponseCreated(response()), 598.0).said(delta(5000))
    story.said(realtime.ResponseFinished(response(status="completed")))

    ticks(story, 603.4)
    assert not story.session.ended
    ticks(story, 604.0)
    assert [(4411, "call_limit")] == story.closes
    assert ["call_limit"] == story.errors


@pytest.mark.parametrize("speaks", ["user", "model"])
def test_whoever_goes_on_speaking_is_cut_off_in_the_end(call, speaks):
    """The wait has a bound."""
    story = call(CALL)
    ticks(story, 599.0)
    if speaks == "user":
        story.said(realtime.UserSpeechStarted("item_u", 0), 599.0)
    else:
        story.said(realtime.ResponseCreated(response()), 599.0).said(delta(60_000))

    ticks(story, 619.0)
    assert not story.session.ended
    ticks(story, 620.0)
    assert [(4411, "call_limit")] == story.closes


def test_the_model_says_goodbye_before_the_end(call):
    """Between two answers; then the call ends when that has been heard."""
    story = call(TimeRules(max_call_s=600, call_grace_s=20, goodbye="Our time is up."))
    story.said(realtime.ResponseCreated(response()), 599.0).said(delta(2000))
    story.said(realtime.ResponseFinished(response(status="completed")))
    ticks(story, 601.0)
    asked_for = [c for c in story.all if isinstance(getattr(c, "order", None), CreateResponse)]
    assert [] == asked_for

    ticks(story, 602.0)
    (order,) = [c.order for c in story.all if isinstance(getattr(c, "order", None), CreateResponse)]
    assert "Our time is up." in order.response["instructions"]
    story.said(realtime.ResponseCreated(response("resp_2"))).said(delta(3000, "item_b", "resp_2"))
    story.said(realtime.ResponseFinished(response("resp_2", status="completed")))
    ticks(story, 605.0)
    assert not story.session.ended
    ticks(story, 606.0)
    assert [(4411, "call_limit")] == story.closes


def test_a_model_that_says_no_goodbye_keeps_no_call(call):
    """It ends when the wait is over."""
    story = call(TimeRules(max_call_s=600, call_grace_s=20, goodbye="Bye."), response_timeout_s=60)
    ticks(story, 620.0)

    assert story.session.ended
    assert 620.0 == story.now


def test_a_microphone_that_is_off_is_told_of_once(call):
    """Digital silence and nothing at all are the same; a sound begins the time anew."""
    story = call(STREAMS)
    sound(story, 1.0)
    told = []
    for at in range(2, 200):
        if at < 100:
            sound(story, float(at), level_dbfs=-120.0)
        told += ticks(story, float(at))
    assert [("microphone_silence_s", 30.0, 30.0)] == warnings(told)

    sound(story, 200.0)
    assert [("microphone_silence_s", 30.0, 30.0)] == warnings(ticks(story, 300.0, step=1.0))


def test_a_microphone_that_ends_with_its_first_chunk_is_off(call):
    """One is enough to know that there is one."""
    story = call(STREAMS)
    sound(story, 1.0)

    assert [("microphone_silence_s", 30.0, 30.0)] == warnings(ticks(story, 60.0))


@pytest.mark.parametrize("level_dbfs", [-80.0, -50.0, -3.0])
def test_a_quiet_room_is_no_microphone_that_is_off(call, level_dbfs):
    """It has noise of its own."""
    story = call(STREAMS)
    told = []
    for at in range(200):
        sound(story, float(at), level_dbfs)
        told += ticks(story, float(at))

    assert [] == warnings(told)


@pytest.mark.parametrize("why", ["never streamed", "a file", "turns of its own", "listens"])
def test_nobody_is_told_who_did_not_say_that_they_would_speak(call, why):
    """Typing, files, a button that is held; and who listens may be silent."""
    story = call(STREAMS, turn_detection="none" if why == "turns of its own" else "server_vad")
    if why == "a file":
        story.feed(events.ClientFile("", "wav"), 1.0)
    elif why != "never streamed":
        sound(story, 1.0)
    if why == "listens":
        story.said(realtime.ResponseCreated(response())).said(delta(150_000))
        story.said(realtime.ResponseFinished(response(status="completed")))

    assert [] == warnings(ticks(story, 150.0, step=1.0))


def test_an_answer_that_makes_no_sound_is_ended(call):
    """It has begun, and says things that nobody can hear; the next turn is answered."""
    story = call(FIRST).client(asked.Text("hello"), 1.0)
    story.said(realtime.ResponseCreated(response()), 2.0)
    for at in range(3, 11):
        story.said(realtime.Unknown("response.content_part.added"), float(at))
        ticks(story, float(at))
        assert "error" not in story.told
    story.tick(11.0)

    assert ["upstream_timeout"] == story.errors
    assert ("response_done", "failed") == (story.told[0], story.messages[0][1]["status"])
    assert [CancelResponse("resp_1", "parley_cancel_1")] == story.orders
    story.said(realtime.ResponseFinished(response(status="cancelled")))
    assert ["conversation.item.create", "response.create"] == story.client(asked.Text("?")).asked


def test_an_answer_that_never_begins_is_not_wanted_any_more(call):
    """Should it begin after all, it is cancelled, and by its name."""
    story = call(FIRST, response_timeout_s=60.0).client(asked.Text("hello", ref="t1"), 1.0)
    ticks(story, 11.0)
    assert ["upstream_timeout"] == story.errors
    assert "t1" == story.messages[0][1]["ref"]

    story.said(realtime.ResponseCreated(response()), 12.0)
    assert [CancelResponse("resp_1", "parley_cancel_1")] == story.orders
    assert [] == [name for name in story.said(delta(20)).told if name == "audio"]


@pytest.mark.parametrize(
    "first",
    [
        delta(20),
        realtime.AnswerTranscriptDelta("resp_1", "item_a", "Well"),
        realtime.AnswerTextDelta("resp_1", "item_a", "Well"),
    ],
)
def test_the_first_sound_or_word_is_enough(call, first):
    """From there on it is another wait."""
    story = call(FIRST, response_stall_s=100.0).client(asked.Text("hello"), 1.0)
    story.said(realtime.ResponseCreated(response()), 2.0).said(first, 9.0)

    assert [] == ticks(story, 60.0)


def test_the_first_sound_is_waited_for_from_when_the_model_could_answer(call):
    """Not from when its turn was typed, while there was none."""
    story = call(FIRST).lost(at=1.0).client(asked.Text("hello"), 1.0).tick(2.0)
    story.now = 11.0
    story.model_ready()
    assert "response.create" in story.asked
    assert [] == ticks(story, 20.9)

    told = [data["code"] for name, data in ticks(story, 21.0) if name == "error"]
    assert ["upstream_timeout"] == told


def test_a_turn_that_the_model_found_and_does_not_answer(call):
    """It was to answer by itself; nobody waits for ever."""
    story = call(FIRST)
    story.said(realtime.UserSpeechStarted("item_u", 0), 1.0)
    story.said(realtime.UserSpeechStopped("item_u", 1), 2.0)
    story.said(realtime.Committed("item_u"))
    ticks(story, 12.0)

    assert ["upstream_timeout"] == story.errors


def test_a_noise_needs_no_answer(call):
    """Its transcript has no words."""
    story = call(FIRST, model_session=model_session(transcription_model="ears"))
    story.said(realtime.UserSpeechStarted("item_u", 0), 1.0)
    story.said(realtime.UserSpeechStopped("item_u", 1), 2.0)
    story.said(realtime.Committed("item_u"))
    story.said(realtime.UserTranscriptDone("item_u", " "), 3.0)
    ticks(story, 60.0)

    assert "error" not in [name for name, _ in story.all_messages]
