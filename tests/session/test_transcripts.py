"""Words at a bounded rate: cumulative, so that many at once would be more than anybody reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.story import Story, delta, response
from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDelta,
    AnswerTranscriptDone,
    ResponseCreated,
    ResponseFinished,
    UserSpeechStarted,
    UserTranscriptDelta,
    UserTranscriptDone,
    UserTranscriptFailed,
)
from tornado_app.protocol.told import Transcript
from tornado_app.session import commands
from tornado_app.session.transcripts import BURST_BYTES, BYTES_PER_S, ITEMS_KEPT, MESSAGE_BYTES

COMPLETED = ResponseFinished(response(status="completed"))


def transcripts(story, item_id=None):
    said = [c.message for c in story.all if isinstance(c, commands.SendClient)]
    texts = [message for message in said if isinstance(message, Transcript)]
    return [text for text in texts if item_id in {None, text.item_id}]


def size_of(messages):
    return sum(len(message.text) + len(message.delta or "") for message in messages)


def word(text, item_id="item_a"):
    return AnswerTranscriptDelta("resp_1", item_id, text)


def answering():
    return Story().connected().said(ResponseCreated(response()))


def check_whole(messages):
    """Each text is the one before it and what is new."""
    text = ""
    for message in messages:
        if not message.final:
            text += message.delta
            assert text == message.text


def test_twenty_thousand_words_at_once_are_some_hundred_messages():
    """Everything is said, and what is said together is not many times the text."""
    story = answering()
    for number in range(20_000):
        story.said(word(f"{number} "))
    story.said(AnswerTranscriptDone("resp_1", "item_a", "whole")).said(COMPLETED)

    messages = transcripts(story)
    check_whole(messages)
    assert "".join(f"{number} " for number in range(20_000)) == messages[-2].text
    assert "whole" == messages[-1].text
    assert size_of(messages) < BURST_BYTES + 20 * len(messages[-2].text)
    assert story.told == ["response_done"]
    story.check()


def test_words_between_audio_are_no_dearer():
    """However the model mixes the two."""
    story = answering()
    for number in range(5000):
        story.said(word(f"{number} ")).said(delta(1))
    story.said(COMPLETED)

    assert ["transcript", "transcript", "response_done"] == story.told
    check_whole(transcripts(story))
    assert size_of(transcripts(story)) < BURST_BYTES + 20 * 5000 * 5


def test_a_few_words_are_said_at_once(story):
    """Each with its own message, as they come."""
    story.connected().said(ResponseCreated(response()))
    for text in ["one", "two", "three"]:
        story.said(word(text))

    assert ["one", "two", "three"] == [message.delta for message in transcripts(story)]


def test_words_that_are_late_come_by_themselves():
    """No other event is needed: the clock says when."""
    story = answering()
    for number in range(3000):
        story.said(word(f"{number} "))
    before = len(transcripts(story))
    at = story.session.timers.earliest
    assert at < 10.0

    story.tick(at)
    assert before + 1 == len(transcripts(story))
    assert transcripts(story)[-1].text.endswith("2999 ")


@pytest.mark.parametrize(
    "end",
    [
        AnswerTranscriptDone("resp_1", "item_a", None),
        COMPLETED,
        UserSpeechStarted("item_u", 0),
    ],
)
def test_nothing_overtakes_late_words(end):
    """Neither the whole text nor the end of the answer nor an interruption."""
    story = answering()
    for number in range(3000):
        story.said(word(f"{number} "))
    story.said(end)

    words = [data for name, data in story.messages if name == "transcript"]
    assert words[0]["text"].endswith("2999 ")
    assert "2999 " in words[0]["delta"]
    assert "transcript" == story.told[0] or "speech_started" == story.told[0]
    check_whole(transcripts(story))


def test_both_sides_are_told_of_what_is_late():
    """A user's words are not kept back for ever by a model that talks."""
    story = answering()
    for number in range(3000):
        story.said(word(f"{number} ")).said(UserTranscriptDelta("item_u", f"u{number} "))
    while (at := story.session.timers.earliest) < 29.0:
        story.tick(at)

    for item_id in ("item_a", "item_u"):
        assert transcripts(story, item_id)[-1].text.endswith("2999 ")
        check_whole(transcripts(story, item_id))


def test_a_lost_model_leaves_no_word_unsaid():
    """And what the next says of an item of that name begins anew."""
    story = answering()
    for number in range(3000):
        story.said(word(f"{number} "))
    story.lost()
    assert transcripts(story)[-1].text.endswith("2999 ")

    story.model_ready().said(ResponseCreated(response("resp_2")))
    story.said(AnswerTranscriptDelta("resp_2", "item_a", "new"), at=100.0)
    assert "new" == transcripts(story)[-1].text


STEPS = st.one_of(
    st.tuples(st.just("word"), st.sampled_from(["a", "b", "u"]), st.integers(0, 30_000)),
    st.tuples(st.sampled_from(["done", "failed"]), st.sampled_from(["a", "b", "u"])),
    st.tuples(st.just("audio")),
    st.tuples(st.just("wait"), st.floats(0.0, 3.0)),
    st.tuples(st.just("room"), st.booleans()),
)


@given(st.lists(STEPS, max_size=40))
def test_every_word_is_said_once_and_in_order(steps):
    """Whatever comes, at a bounded rate."""
    story, spoken, said_bytes = answering(), {}, 0
    for step in steps:
        match step:
            case ("word", item_id, size):
                text = f"{len(spoken.get(item_id, ''))}." * (size // 5 + 1)
                spoken[item_id] = spoken.get(item_id, "") + text
                said_bytes += len(text)
                is_user = item_id == "u"
                story.said(UserTranscriptDelta("u", text) if is_user else word(text, item_id))
            case ("done", item_id):
                whole = spoken.pop(item_id, None)
                said_bytes += len(whole or "")
                is_user = item_id == "u"
                story.said(
                    UserTranscriptDone("u", None)
                    if is_user
                    else AnswerTranscriptDone("resp_1", item_id, None)
                )
                if not story.is_full:
                    assert (whole or "")[-262_144:] == transcripts(story, item_id)[-1].text
            case ("failed", item_id):
                if item_id == "u":
                    spoken.pop(item_id, None)
                    story.said(UserTranscriptFailed("u"))
            case ("audio",):
                story.said(delta(10))
            case ("wait", seconds):
                story.tick(story.now + seconds)
            case ("room", has_room):
                story.is_full = not has_room
    story.is_full = False
    story.said(COMPLETED)

    for item_id, text in spoken.items():
        assert text[-262_144:] == transcripts(story, item_id)[-1].text
    assert (story.session.downlink.transcripts.kept_bytes == 0) == (not spoken.get("u"))
    story.check()
    assert size_of(transcripts(story)) <= (
        2 * BURST_BYTES + BYTES_PER_S * story.now + 20 * said_bytes + 300_000
    )


def test_a_whole_text_of_any_length_is_said(story):
    """It is the model's, and is said once."""
    story.connected().said(ResponseCreated(response()))
    text = "word " * 400_000
    story.said(AnswerTranscriptDone("resp_1", "item_a", text))

    assert [text] == [message.text for message in transcripts(story)]


def test_words_that_are_late_are_said_before_their_item_is_forgotten():
    """So many items of which none is complete are not kept."""
    story = answering()
    story.said(word("x" * int(BURST_BYTES), "first"))
    for number in range(ITEMS_KEPT):
        story.said(word("Yes.", f"item_{number}"))
    assert [] == transcripts(story, "item_0")
    story.said(word("Yes.", "one more"))

    assert ["Yes."] == [message.text for message in transcripts(story, "item_0")]
    assert [] == transcripts(story, "item_1")


def test_the_rate_counts_the_whole_text_and_what_is_new():
    """Both are in the message."""
    story = answering()
    story.said(word("x" * int(BURST_BYTES))).said(word("Yes."))
    over_bytes = MESSAGE_BYTES + 2 * BURST_BYTES - BURST_BYTES
    assert [False, True] == [
        bool(story.tick(over_bytes / BYTES_PER_S + off_s).messages) for off_s in (-0.001, 0.001)
    ]
