"""The answer's audio: whole, in small pieces, no faster than the client takes it."""

from base64 import b64decode, b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.story import Story, delta, response
from tornado_app.protocol.asked import Interrupt
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio, hear_audio
from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDelta,
    AudioDone,
    ResponseCreated,
    ResponseFinished,
    UserSpeechStarted,
)
from tornado_app.protocol.realtime.orders import Truncate
from tornado_app.protocol.told import Audio
from tornado_app.session import commands, events
from tornado_app.session.pieces import PIECE_BYTES, piece_bytes
from workers.formats import AudioFormat

COMPLETED = ResponseFinished(response(status="completed"))


def audio_of(story, begin=0):
    """All audio messages from command *begin* on."""
    said = [c.message for c in story.all[begin:] if isinstance(c, commands.SendClient)]
    return [message for message in said if isinstance(message, Audio)]


def heard_by(messages):
    return b"".join(b64decode(message.audio, validate=True) for message in messages)


def conversions(story):
    return [c.payload for c in story.fresh if isinstance(c, commands.ConvertDownlink)]


def answering(story):
    return story.connected().said(ResponseCreated(response()))


def cut_at(pcm, cuts):
    edges = [0, *sorted(cut % (len(pcm) + 1) for cut in cuts), len(pcm)]
    return [pcm[begin:end] for begin, end in pairwise(edges)]


@given(
    st.binary(max_size=400).map(lambda half: half + half),
    st.lists(st.integers(0, 800), max_size=30),
    st.sampled_from([16_384, 1 << 20]),
)
def test_any_cutting_is_the_same_audio(pcm, cuts, outbound_bytes):
    """Sample for sample, each message whole, and offsets and durations without a gap."""
    story = answering(Story(outbound_bytes=outbound_bytes))
    for piece in cut_at(pcm, cuts):
        story.said(hear_audio("resp_1", "item_a", b64encode(piece).decode()))
    story.said(AudioDone("resp_1", "item_a")).said(COMPLETED)

    messages = audio_of(story)
    assert pcm == heard_by(messages)
    offset_ms = 0.0
    for message in messages:
        size_bytes = len(b64decode(message.audio))
        assert size_bytes % 2 == 0 < size_bytes
        assert message.duration_ms == pytest.approx(size_bytes / 48, abs=0.001)
        assert message.offset_ms == pytest.approx(offset_ms, abs=0.001)
        offset_ms += size_bytes / 48
    assert not story.errors
    story.check()


PIECES = st.lists(
    st.tuples(st.just(True), st.binary(max_size=9)) | st.tuples(st.just(False), st.just(b"")),
    max_size=20,
)


@given(PIECES)
def test_a_broken_piece_costs_that_piece(pieces):
    """The others are heard as if it had not been there, and it is counted."""
    story = answering(Story())
    for is_good, pcm in pieces:
        text = b64encode(pcm).decode() if is_good else "!!!!"
        story.said(hear_audio("resp_1", "item_a", text))
    good = b"".join(pcm for _, pcm in pieces)
    story.said(AudioDone("resp_1", "item_a")).said(COMPLETED)

    assert good[: len(good) // 2 * 2] == heard_by(audio_of(story))
    broken = sum(not is_good for is_good, _ in pieces) + len(good) % 2
    assert broken == story.session.downlink.broken_pieces


@given(PIECES, st.integers(1, 8))
def test_what_the_pool_is_given_is_whole_samples(pieces, most):
    """In every other format: no piece can be refused for how the model has cut it."""
    story = answering(Story(passes_through=False, target=AudioFormat("pcmu", 8_000, 1)))
    story.is_full = True
    for is_good, pcm in pieces:
        text = b64encode(pcm * most).decode() if is_good else "!!!!"
        story.said(hear_audio("resp_1", "item_a", text))
    story.is_full = False
    story.feed(events.ClientHasRoom())

    payloads = conversions(story)
    good = b"".join(pcm * most for _, pcm in pieces)
    assert good[: len(good) // 2 * 2] == b"".join(payloads)
    assert all(payload and len(payload) % 2 == 0 for payload in payloads)


def test_a_broken_piece_is_one_error_in_its_place(story):
    """Between what came before it and what comes after, with a line in the log."""
    answering(story).said(delta(100))
    story.said(BrokenAudio("resp_1", 4))

    assert ["upstream_unavailable"] == story.errors
    sentence = "A piece of the answer was no audio and is missing."
    assert sentence == story.messages[0][1]["sentence"]
    assert [commands.Log("answer_audio_broken", {"size_bytes": 4})] == [
        command for command in story.fresh if isinstance(command, commands.Log)
    ]
    assert 100.0 == story.said(delta(100)).messages[0][1]["offset_ms"]


def test_many_broken_pieces_are_told_together(story):
    """A model that says nothing else does not fill the client's queue with errors."""
    answering(story)
    for _ in range(500):
        story.said(BrokenAudio("resp_1", 4))
    story.said(COMPLETED)

    assert ["upstream_unavailable"] == story.errors
    assert ["error", "response_done"] == story.told
    sentences = [
        command.message.sentence
        for command in story.all
        if isinstance(command, commands.SendClient) and "broken" not in str(command)
        if hasattr(command.message, "sentence")
    ]
    assert 11 == len(sentences)
    assert sentences[-1].startswith("490 pieces of the answer were no audio")


def test_half_a_sample_at_the_end_is_broken(story):
    """Nothing can be made of it, and no other item begins with it."""
    answering(story).said(AnswerAudio("resp_1", "item_a", b"\1\2\3"))
    assert ["upstream_unavailable"] == story.said(AudioDone("resp_1", "item_a")).errors

    story.said(AnswerAudio("resp_1", "item_b", b"\4\5"))
    assert b"\4\5" == heard_by(audio_of(story)[-1:])


def test_half_a_sample_waits_for_its_own_item(story):
    """Though another item speaks between."""
    answering(story)
    for item_id, pcm in (("a", b"\1"), ("b", b"\7\7\7"), ("a", b"\2\3\4"), ("b", b"\7")):
        story.said(AnswerAudio("resp_1", item_id, pcm))

    heard = {item: heard_by(m for m in audio_of(story) if m.item_id == item) for item in "ab"}
    assert {"a": b"\1\2\3\4", "b": b"\7\7\7\7"} == heard
    assert [0.0] * 2 + [2 / 48] == pytest.approx([m.offset_ms for m in audio_of(story)], abs=1e-3)


def test_nothing_is_said_of_an_empty_piece(story):
    """It has no sample, and is no error."""
    answering(story)

    assert [] == story.said(AnswerAudio("resp_1", "item_a", b"")).told


@pytest.mark.parametrize("outbound_bytes", [16_384, 65_536, 1 << 20, 1 << 28])
@pytest.mark.parametrize("encoding", ["pcm16", "float32", "pcmu"])
@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100, 192_000])
@pytest.mark.parametrize("binary_output", [False, True])
def test_pieces_are_small_in_every_format(stage, outbound_bytes, encoding, rate_hz, binary_output):
    """An eighth of what may wait for the client, or the 10 ms that the resampler takes."""
    target = AudioFormat(encoding, rate_hz, 1)
    story = stage(target=target, outbound_bytes=outbound_bytes, binary_output=binary_output)
    size = piece_bytes(story.config)
    client_bytes = target.size_bytes(size / 48) * (1 if binary_output else 4 / 3)

    assert size % 6 == 0
    assert size == 480 or client_bytes <= min(PIECE_BYTES, outbound_bytes / 8) + 8


@pytest.mark.parametrize("more_bytes", [0, 2, 4, 6, 8])
def test_a_long_piece_is_cut_where_its_text_can_be(stage, more_bytes):
    """Each message is base64 by itself, the last one with the padding."""
    story = answering(stage(outbound_bytes=16_384))
    size = piece_bytes(story.config)
    pcm = bytes(range(256)) * (2 * size // 256 + 1)
    pcm = pcm[: 2 * size + more_bytes]
    text = b64encode(pcm).decode()
    story.said(AnswerAudio("resp_1", "item_a", pcm, text))

    messages = audio_of(story)
    assert 2 + bool(more_bytes) == len(messages)
    assert text == "".join(message.audio for message in messages)
    ends = [message.offset_ms + message.duration_ms for message in messages]
    assert [size / 48, 2 * size / 48] == pytest.approx(ends[:2], abs=1e-3)
    assert pcm == heard_by(messages)


def test_ordinary_pieces_pass_as_they_are(story):
    """Up to a second of audio is one message, and its text is the model's own."""
    answering(story)
    said = delta(1000)

    [sent] = [c for c in story.said(said).fresh if isinstance(c, commands.SendClient)]
    assert said.text is sent.message.audio


def test_a_full_client_is_given_nothing_more_and_everything_later(story):
    """Audio and what belongs behind it wait, in order."""
    answering(story)
    story.is_full = True
    assert [] == story.said(delta(5000)).told
    assert story.session.downlink.holds
    story.said(AnswerTranscriptDelta("resp_1", "item_a", "Well")).said(
        AudioDone("resp_1", "item_a")
    )
    assert [] == story.said(COMPLETED).told

    story.is_full = False
    assert ["audio"] * 5 + ["transcript", "transcript", "response_done"] == (
        story.feed(events.ClientHasRoom()).told
    )
    assert not story.session.downlink.holds


def test_an_interruption_cuts_what_was_never_sent(stage):
    """The conversation keeps no word of an item that waited for the client."""
    story = answering(stage())
    story.said(delta(1000))
    story.is_full = True
    story.said(delta(1000)).said(delta(1000, "item_b")).said(COMPLETED)
    story.said(UserSpeechStarted("item_u", 0), at=5.0)

    assert [("item_a", 1000), ("item_b", 0)] == [
        (order.item_id, order.audio_end_ms) for order in story.orders if isinstance(order, Truncate)
    ]
    assert ["speech_started", "response_done", "interrupted"] == story.told
    story.is_full = False
    assert [] == story.feed(events.ClientHasRoom()).told


def test_what_waits_is_said_before_the_end(stage):
    """A session that ends owes its client no message, only audio."""
    story = answering(stage())
    story.is_full = True
    story.said(delta(1000)).said(AnswerTranscriptDelta("resp_1", "item_a", "Well")).said(COMPLETED)
    story.feed(events.Drain(1.0)).tick(1.0)

    assert ["transcript", "transcript", "response_done"] == story.told


def test_what_waits_for_a_client_that_has_gone_waits_no_more(stage):
    """Nobody will take it, and who asks whether more may go would ask for ever."""
    story = answering(stage())
    story.is_full = True
    story.said(delta(5000))
    assert story.session.downlink.may_go_on

    story.feed(events.ClientGone(None))
    assert not story.session.downlink.may_go_on


@pytest.mark.parametrize("format_", [{}, {"passes_through": False}], ids=["own", "converted"])
def test_a_piece_that_has_room_need_not_be_asked_for(format_):
    """What comes while nothing waits goes with the event that brought it, one piece at a time."""
    story = answering(Story(**format_))
    piece = piece_bytes(story.config)
    orders = commands.SendClient | commands.ConvertDownlink

    def said(size_bytes, *, has_room):
        heard = AnswerAudio("resp_1", "item_a", bytes(size_bytes))
        done = story.session.handle(events.UpstreamSaid(heard, has_room=has_room), story.now)
        return [each for each in done if isinstance(each, orders)]

    assert 1 == len(said(piece, has_room=True))
    assert not story.session.downlink.may_go_on
    assert [] == said(480, has_room=False)
    assert [] == said(480, has_room=True)
    story.feed(events.ClientHasRoom())
    assert [] == said(piece + 2, has_room=True)


def test_an_interruption_is_told_ahead_of_large_texts(stage):
    """They end as they stood, when there is room."""
    story = answering(stage())
    for item_id in ("item_a", "item_b"):
        story.said(AnswerTranscriptDelta("resp_1", item_id, "x" * 100_000))
    story.is_full = True
    assert ["interrupted"] == story.client(Interrupt()).told

    story.is_full = False
    finals = [data for name, data in story.feed(events.ClientHasRoom()).messages]
    assert [("item_a", True), ("item_b", True)] == [(d["item_id"], d["final"]) for d in finals]
