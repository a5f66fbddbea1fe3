"""Replies come in the order of what they answer, though the pool takes its time."""

import pytest

from tests.session.story import converted
from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.events import Cleared, ResponseCreated, ResponseFacts
from tornado_app.session import events

CHUNK = events.ClientAudio(bytes(960))
READY = events.UplinkReady(converted(20, 960))
FLUSHED = events.UplinkReady(converted(0, 0, b""))


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (events.ClientSaid(asked.Ping("p")), "pong"),
        (events.StatusAsked({}), "status"),
        (events.ClientRefused(InvalidMessage("unknown_type", "no such type")), "error"),
        (events.ClientFile("A" * 200_000, "wav"), "error"),
    ],
)
def test_a_reply_waits_for_those_before_it(story, question, reply):
    """Two chunks are in the pool; a third comes behind the question."""
    story.connected().feed(CHUNK).feed(CHUNK)
    assert [] == story.feed(question).told
    story.feed(CHUNK)

    assert ["audio_received"] == story.feed(READY).told
    assert ["audio_received", reply] == story.feed(READY).told
    assert 0 == story.session._conductor.uplink.pending.replies
    assert ["audio_received"] == story.feed(READY).told


def test_a_status_counts_what_was_acknowledged_before_it(story):
    """And nothing that came after it."""
    story.connected().feed(CHUNK).feed(events.StatusAsked({})).feed(CHUNK)

    assert 20.0 == story.feed(READY).messages[1][1]["audio"]["received_ms"]


def test_a_reply_bears_the_name_of_its_own_question(story):
    """Not that of the chunk behind which it waited."""
    story.connected().feed(events.ClientAudio(bytes(960), ref="chunk"))
    story.client(asked.Ping("ping"))
    refused = InvalidMessage("unknown_type", "no such type", ref="wrong")
    story.feed(events.ClientRefused(refused)).feed(READY)

    assert ["chunk", "ping", "wrong"] == [data["ref"] for _, data in story.messages]


def test_a_reply_waits_for_no_word_of_the_model(story):
    """That would be as long as an answer takes."""
    story.connected().feed(CHUNK).client(asked.CommitAudio()).client(asked.Ping("p"))

    assert ["audio_received"] == story.feed(READY).told
    assert ["pong"] == story.feed(FLUSHED).told


def test_an_interruption_waits_for_nothing(story):
    """It is the one thing that cannot."""
    story.connected().feed(CHUNK)

    assert ["interrupted"] == story.client(asked.Interrupt()).told


def test_what_is_cleared_takes_no_reply_with_it(story):
    """Chunks that are cleared are answered by nothing; a question is."""
    story.connected().feed(CHUNK).client(asked.Ping("p")).client(asked.ClearAudio())

    assert ["pong"] == story.told
    assert ["audio_cleared"] == story.said(Cleared()).told


def test_an_end_gives_back_what_waited(story):
    """Also where nobody is left to be told."""
    story.connected().feed(CHUNK).client(asked.Ping("p")).feed(events.ClientGone(1000))

    assert 0 == story.budget.held_bytes


@pytest.mark.parametrize("ending", ["errors", "token"])
def test_what_waits_is_said_before_the_end(stage, ending):
    """The last word is the reason of the end."""
    story = stage(errors_per_minute=1.0, read_timeout_s=1e6).connected().feed(CHUNK)
    story.client(asked.Ping("p"))
    refused = events.ClientRefused(InvalidMessage("unknown_type", "no such type"))
    if ending == "errors":
        assert ["pong", "error", "error", "error"] == story.feed(refused).feed(refused).told
    else:
        assert ["pong", "error"] == [n for n in story.tick(3611.0).told if n != "token_expiring"]
    assert 0 == story.budget.held_bytes


def test_each_reply_has_its_own_place(story):
    """Of two questions among three chunks."""
    story.connected().feed(CHUNK).client(asked.Ping("a")).feed(CHUNK).client(asked.Ping("b"))
    story.client(asked.Ping("c")).feed(CHUNK)

    told = [story.feed(READY).told for _ in range(3)]
    assert [["audio_received", "pong"], ["audio_received", "pong", "pong"], ["audio_received"]] == (
        told
    )
    assert 0 == story.budget.held_bytes


def test_a_typed_turn_behind_a_commit_keeps_its_words_and_its_name(story):
    """And gives back what it took."""
    story.connected().speak(200).client(asked.CommitAudio())
    held_bytes = story.budget.held_bytes
    story.client(asked.Text("some words", ref="t")).client(asked.Text("more", ref="u"))
    assert story.budget.held_bytes > held_bytes + len("some wordsmore")
    story.feed(FLUSHED)

    words = [o.item["content"][0]["text"] for o in story.orders if hasattr(o, "item")]
    assert ["some words", "more"] == words
    assert 0 == story.budget.held_bytes
    assert "t" == story.said(ResponseCreated(ResponseFacts("resp_1"))).messages[0][1]["ref"]
