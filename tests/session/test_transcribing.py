"""Tests of tornado_app/session/transcribing.py, and of what else a call without answers does."""

import pytest

from tests.session.story import Story, converted, model_session
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.orders import UpdateSession
from tornado_app.session import events
from tornado_app.session.awaited_words import AWAITED
from tornado_app.session.commands import SendUpstream
from tornado_app.session.config import ToolRules

FLUSHED = events.UplinkReady(converted(0, 0, b""))
UPDATED = realtime.SessionUpdated()
HOUSE = Function("look_up", "", {"type": "object"})
VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
}


def sessions(story):
    """What the model was asked to be, each time."""
    orders = [c.order for c in story.all if isinstance(c, SendUpstream)]
    return [order.session for order in orders if isinstance(order, UpdateSession)]


def scribe(**changes):
    """A story whose call only transcribes."""
    wanted = model_session(session="transcription", transcription_model="ears", **changes)
    return Story(model_session=wanted)


@pytest.mark.parametrize(
    ("turn_detection", "expected"),
    [
        ("server_vad", VAD),
        ("semantic_vad", {"type": "semantic_vad", "eagerness": "low"}),
        ("none", None),
    ],
)
def test_the_model_is_told_of_nothing_but_what_it_hears(turn_detection, expected):
    """In the API's own shape of a transcription session; null is said."""
    story = scribe(turn_detection=turn_detection, vad_eagerness="low").connected()

    hearing = {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": {"model": "ears"},
        "turn_detection": expected,
    }
    assert [{"type": "transcription", "audio": {"input": hearing}}] == sessions(story)


def test_the_first_status_says_so():
    """With the model that writes down, and nothing that concerns answers."""
    [(_, data)] = scribe().opened().messages

    assert "transcription" == data["negotiated"]["session"]
    assert "ears" == data["model"] == data["negotiated"]["model"]
    assert {"session", "input", "output", "model", "turn_detection"} | {
        "transcription_language",
        "ignored",
    } == set(data["negotiated"])


def test_a_commit_is_told_and_not_answered():
    """By the client, with and without turn detection; no answer is asked for, now or later."""
    for turn_detection in ("none", "server_vad"):
        story = scribe(turn_detection=turn_detection).connected().speak(200)
        story.client(asked.CommitAudio(ref="c"))
        committed = story.feed(FLUSHED).asked
        assert ["input_audio_buffer.commit"] == committed
        told = story.said(realtime.Committed("item_1"))
        assert [("audio_committed", {"item_id": "item_1", "ref": "c"})] == told.messages
        assert [] == told.asked
        assert [] == story.tick(at=25.0).asked


def test_words_stream_and_end():
    """Also those that come before the commit, as streaming models tell them."""
    story = scribe(turn_detection="none").connected()
    first = story.said(realtime.UserTranscriptDelta("u", "He ")).messages
    second = story.said(realtime.UserTranscriptDelta("u", "might")).messages
    last = story.said(realtime.UserTranscriptDone("u", "He might.")).messages

    assert ["He ", "might"] == [data["delta"] for _, data in first + second]
    assert ("user", "He might.", True) == tuple(last[-1][1][x] for x in ("role", "text", "final"))


@pytest.mark.parametrize(
    ("facts", "code", "why"),
    [
        (realtime.ErrorFacts("t", "audio_unintelligible", "x"), "upstream_rejected", "audio_un"),
        (realtime.ErrorFacts("server_error", None), "upstream_unavailable", "no reason given"),
        (None, "upstream_rejected", "no reason given"),
    ],
)
def test_words_that_could_not_be_written_are_told_of(facts, code, why):
    """There is nothing else that such a call could bring; what came of them stays."""
    story = scribe().connected().said(realtime.UserTranscriptDelta("u", "He "))
    told = story.said(realtime.UserTranscriptFailed("u", facts)).messages

    assert ["error", "transcript"] == sorted(name for name, _ in told)
    assert [("He ", True)] == [(d["text"], d["final"]) for name, d in told if name == "transcript"]
    [error] = [data for name, data in told if name == "error"]
    assert code == error["code"]
    assert error["sentence"].startswith(f"The model could not write down what was said ({why}")
    talking = Story().connected().said(realtime.UserTranscriptFailed("u", facts))
    assert "error" not in talking.told


def spoken(story, item_id="u", ref="c", at=None):
    """A turn that the client has committed, and the model has confirmed."""
    story.speak(200, at).client(asked.CommitAudio(ref=ref)).feed(FLUSHED)
    return story.said(realtime.Committed(item_id))


def errors(story):
    told = (data for name, data in story.messages if name == "error")
    return [(data["code"], data.get("ref"), data["sentence"]) for data in told]


LATE = "The model did not write down in time what was said. Say it again."


def test_words_that_never_come_are_told_to_be_late():
    """By the name of the commit, and the transcript ends; once, and the call goes on."""
    story = spoken(scribe(turn_detection="none").connected())
    assert [] == story.tick(at=19.9).messages
    late = story.tick(at=20.1)

    assert [("upstream_timeout", "c", LATE)] == errors(late)
    assert [("u", "", True)] == [
        (d["item_id"], d["text"], d["final"]) for name, d in late.messages if name == "transcript"
    ]
    assert [] == story.tick(at=50.0).messages
    after = story.said(realtime.UserTranscriptDone("u", "He might.")).messages
    assert ["He might."] == [data["text"] for _, data in after]
    assert ["audio_received"] == story.speak(20).told


def test_words_that_stop_half_way_are_late_from_there():
    """What came of them stays; each piece gives the model its time again."""
    story = spoken(scribe(turn_detection="none").connected())
    for at in (15.0, 30.0):
        story.said(realtime.UserTranscriptDelta("u", "He "), at)
    assert [] == errors(story.tick(at=49.0))
    late = story.tick(at=50.1)

    assert [("upstream_timeout", "c", LATE)] == errors(late)
    assert "He He " == next(d["text"] for name, d in late.messages if name == "transcript")


@pytest.mark.parametrize(
    "ending",
    [
        realtime.UserTranscriptDone("u", "He might."),
        realtime.UserTranscriptDone("u", ""),
        realtime.UserTranscriptFailed("u", None),
    ],
)
@pytest.mark.parametrize("comes_first", [True, False])
def test_words_that_have_ended_are_not_awaited(ending, comes_first):
    """Whatever came of them, also if they ended before the model said that there was a turn."""
    story = scribe(turn_detection="none").connected()
    if comes_first:
        story.said(ending)
    spoken(story)
    if not comes_first:
        story.said(ending)

    assert [] == story.tick(at=50.0).messages


def test_each_turn_has_a_time_of_its_own():
    """Found by the model itself, too; the oldest first."""
    story = scribe().connected()
    for number, at in enumerate((1.0, 2.0, 3.0)):
        story.said(realtime.Committed(f"u{number}"), at)
    story.said(realtime.UserTranscriptDone("u1", "Yes."))

    assert [("upstream_timeout", None, LATE)] == errors(story.tick(at=21.5))
    assert [] == errors(story.tick(at=22.5))
    assert [("upstream_timeout", None, LATE)] == errors(story.tick(at=23.5))


def test_a_model_that_owes_the_words_of_many_turns_is_late_with_the_oldest():
    """No more are kept than so many."""
    story, late = scribe().connected(), 0
    for number in range(AWAITED + 10):
        late += len(errors(story.said(realtime.Committed(f"u{number}"))))

    assert 10 == late
    assert AWAITED == len(errors(story.tick(at=21.0)))


def test_words_that_are_lost_with_the_model_are_told_of():
    """The next one has never heard that turn; nothing of it is late there."""
    story = spoken(spoken(scribe(turn_detection="none").connected(), "u1", "b"), "u2", "c")
    lost = errors(story.lost())
    sentence = "The words of 2 turns were lost with the connection to the model. Say it again."
    assert ("upstream_unavailable", "c", sentence) in lost
    story.tick(at=1.0).model_ready()

    assert [] == errors(story.tick(at=40.0))


def test_beside_an_answer_words_are_not_awaited():
    """There the answer is what is waited for."""
    story = Story(turn_detection="none").connected()
    spoken(story).said(realtime.ResponseCreated(realtime.ResponseFacts("r")))
    story.said(realtime.ResponseFinished(realtime.ResponseFacts("r", "completed")))

    assert [] == errors(story.tick(at=50.0))


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (asked.Text("Hi.", ref="a"), "text"),
        (asked.Image("AAAA", "png", ref="a"), "image"),
        (asked.Interrupt(ref="a"), "interrupt"),
        (asked.Playback("item_1", 5, ref="a"), "playback"),
        (asked.ToolResult("call_1", "7", ref="a"), "tool_result"),
    ],
)
def test_what_concerns_answers_is_refused_by_name(message, name):
    """Nothing reaches the model, and the call goes on."""
    story = scribe().connected().client(message)

    [(_, error)] = story.messages
    assert ("invalid_message", "type", "a") == (error["code"], error["field"], error["ref"])
    assert error["sentence"].startswith(f"{name} makes no sense in a call that only transcribes")
    assert [] == story.asked
    assert ["audio_received"] == story.speak(20).told


def test_what_is_heard_can_be_changed_while_it_runs():
    """In the shape of a transcription session; what concerns answers is refused by name."""
    story = scribe().connected()
    changes = {"turn_detection": "none", "transcription_language": "de"}
    story.client(asked.Configure(changes, ref="a"))
    [order] = story.orders
    told = story.said(UPDATED).messages[0][1]
    refused = story.client(asked.Configure({"voice": "ash"}, ref="b")).messages[0][1]

    assert {
        "type": "transcription",
        "audio": {
            "input": {
                "turn_detection": None,
                "transcription": {"model": "ears", "language": "de"},
            }
        },
    } == order.session
    assert ("transcription", "none", "de", None) == (
        told["session"],
        told["turn_detection"],
        told["transcription_language"],
        told.get("voice"),
    )
    assert ("voice", "invalid_message") == (refused["field"], refused["code"])
    story.client(asked.Configure({"turn_detection": "server_vad"}))
    assert VAD == story.orders[0].session["audio"]["input"]["turn_detection"]


def test_a_lost_model_is_dialled_again_as_the_same():
    """What was committed and not confirmed is said again, and no answer is asked for; of what was
    written down it is told nothing, as it takes no items.
    """
    story = scribe(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).feed(FLUSHED)
    story.said(realtime.Committed("u1")).said(realtime.UserTranscriptDone("u1", "Hello."))
    story.speak(200).client(asked.CommitAudio(ref="c")).feed(FLUSHED)
    assert [] == story.lost().errors
    story.tick(at=1.0).model_ready()
    assert ["input_audio_buffer.append", "input_audio_buffer.commit"] == story.asked

    first, second = sessions(story)
    assert first == second
    assert "connected" == story.messages[-1][1]["status"]


def test_tools_of_the_server_are_none_of_its_business():
    """Whatever the house has: the API takes no tools there."""
    story = Story(
        model_session=model_session(session="transcription", transcription_model="ears"),
        tools=ToolRules(functions=(HOUSE,)),
    ).connected()

    assert {"type", "audio"} == set(sessions(story)[0])
