"""An answer on its way to a client as Opus packets."""

import base64
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.opus import Decoder, likeness, tone
from workers.blocks import Flush
from workers.formats import OPUS_RATES_HZ, AudioFormat, OpusFormat
from workers.opus.encoding import OpusEncodingChain
from workers.opus_packets import duration_ms
from workers.pcm import BadAudio

MODEL = AudioFormat("pcm16", 24_000)
CHAIN = OpusEncodingChain.between(MODEL, OpusFormat(24_000), False)
TONE = (tone(24_000, 24_000) * 32768).astype("<i2").tobytes()


def pieces_of(payloads, chain=CHAIN, state=None):
    [(outcomes, state)] = chain.run_all([(state or chain.start(), payloads)])
    return [piece for outcome in outcomes for piece in outcome.pieces], state


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
def test_the_answer_is_heard_from_beginning_to_end(rate_hz):
    """In packets of 20 ms, whose durations are those of the answer, and a decoder hears it."""
    chain = OpusEncodingChain.between(MODEL, OpusFormat(rate_hz), False)
    pieces, _ = pieces_of([TONE, Flush()], chain)
    heard = Decoder().samples([piece.audio for piece in pieces])
    exact = np.frombuffer(TONE, "<i2") / 32768

    assert {20.0} == {duration_ms(piece.audio) for piece in pieces}
    assert 1000 == pytest.approx(sum(piece.duration_ms for piece in pieces), abs=0.2)
    assert 13.5 == pieces[0].duration_ms
    assert {20.0} == {piece.duration_ms for piece in pieces[1:-1]}
    assert 0 < pieces[-1].duration_ms <= 20
    assert len(exact) + 156 <= len(heard) < len(exact) + 156 + 480
    assert likeness(exact, heard, 24_000) > 0.95
    assert (
        likeness(exact[-960:], heard[-960 - (len(heard) - len(exact) - 156) - 156 :], 24_000) > 0.9
    )


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=12))
def test_where_the_answer_is_cut_makes_no_difference(sizes):
    """Nor does where a batch ends: packets and durations are the same."""
    cuts = np.cumsum([0, *sizes]) * 2
    chunks = [TONE[a:b] for a, b in itertools.pairwise(cuts) if TONE[a:b]]
    data = b"".join(chunks)
    at_once, _ = pieces_of([data, Flush()])
    pieces, state = [], None
    for payload in [*chunks, Flush()]:
        more, state = pieces_of([payload], CHAIN, state)
        pieces += more

    assert [piece.audio for piece in at_once] == [piece.audio for piece in pieces]
    assert len(data) / 48 == pytest.approx(sum(piece.duration_ms for piece in pieces))
    assert [p.duration_ms for p in at_once] == pytest.approx([p.duration_ms for p in pieces])


def test_each_stream_begins_with_an_encoder_of_its_own():
    """An item after another, and one after a barge-in: the same words, the same packets."""
    first, _ = pieces_of([TONE[:9600], Flush(), TONE[:9600], Flush()])
    half = len(first) // 2
    _, interrupted = pieces_of([TONE[:9000]])

    assert first[:half] == first[half:]
    assert (b"", b"", 0) == (CHAIN.start().encoder, CHAIN.start().pending, CHAIN.start().sent)
    assert interrupted.sent


def test_a_batch_may_be_tried_again():
    """The state that goes in is never changed."""
    _, state = pieces_of([TONE[:9000]])
    first, _ = pieces_of([TONE[9000:], Flush()], CHAIN, state)

    assert first == pieces_of([TONE[9000:], Flush()], CHAIN, state)[0]


def test_nothing_makes_no_packet():
    """A flush of a stream that has not begun, and of one that has ended."""
    pieces, state = pieces_of([Flush()])
    assert [] == pieces

    _, state = pieces_of([TONE[:960], Flush()])
    assert [] == pieces_of([Flush()], CHAIN, state)[0]


def test_a_message_holds_one_packet_in_base64_too():
    """Each on its own, padded."""
    chain = OpusEncodingChain.between(MODEL, OpusFormat(24_000), True)
    texts, _ = pieces_of([TONE, Flush()], chain)
    bare, _ = pieces_of([TONE, Flush()])

    assert [piece.audio for piece in bare] == [
        base64.b64decode(t.audio, validate=True) for t in texts
    ]


def test_streams_in_one_batch_do_not_hear_each_other():
    """As each alone, and what is no audio costs itself."""
    tones = [TONE, TONE[9600:], TONE[4800:19_200]]
    together = CHAIN.run_all([(CHAIN.start(), [data, b"\0", Flush()]) for data in tones])
    for data, ([first, bad, last], _) in zip(tones, together, strict=True):
        assert isinstance(bad, BadAudio)
        alone, _ = pieces_of([data, Flush()])
        assert alone == [*first.pieces, *last.pieces]


def test_stereo_is_not_made():
    """The model speaks with one voice."""
    with pytest.raises(ValueError, match="one channel"):
        OpusEncodingChain.between(MODEL, OpusFormat(48_000, 2), False)
