"""Opus packets on their way to the model."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import file_of
from tests.fakes.opus import Decoder, Encoder, likeness, packets_of_file, tone
from workers.blocks import Block, Flush
from workers.conditioned_chain import Conditioning
from workers.formats import AudioFormat
from workers.opus.decoding import OpusDecodingChain
from workers.pcm import BadAudio
from workers.pool import LaneWork, run_batch

MODEL = AudioFormat("pcm16", 24_000)
CHAIN = OpusDecodingChain.to(MODEL, False, Conditioning())
TONES = [(0.5 * np.sin(np.arange(9600) * (0.05 + n / 50))).astype(np.float32) for n in range(6)]
STREAMS = [Encoder().packets(tone) for tone in TONES]
BAD = {
    "empty": b"",
    "no number of frames": b"\xfb",
    "no frame": b"\xfb\0",
    "over 120 ms": b"\xfb\x07" + bytes(50),
    "frames that do not fit": b"\xfa\xff\xff\0",
    "an uneven pair": b"\xf9\0\0\0",
    "an Ogg file": file_of("ogg-opus", TONES[0], 24_000),
}


def converted(chain, state, payloads):
    [(outcomes, state)] = chain.run_all([(state, payloads)])
    return outcomes, state


def pcm_of(packets: list[bytes]) -> bytes:
    """What a decoder of its own makes of them, in the model's format."""
    samples = Decoder().samples(packets)
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def test_packets_become_what_a_decoder_makes_of_them():
    """To the bit, wherever the batches begin; each is told of its own size and length."""
    packets, state, audio = STREAMS[0], CHAIN.start(), b""
    for begin in range(0, len(packets), 3):
        outcomes, state = converted(CHAIN, state, packets[begin : begin + 3])
        for packet, block in zip(packets[begin : begin + 3], outcomes, strict=True):
            assert (len(packet), 20, 20) == (
                block.size_bytes,
                block.duration_ms,
                block.converted_ms,
            )
            audio += block.audio

    assert pcm_of(packets) == audio


def test_a_batch_may_be_tried_again():
    """The state that goes in is never changed."""
    _, state = converted(CHAIN, CHAIN.start(), STREAMS[0][:7])
    first, _ = converted(CHAIN, state, STREAMS[0][7:])

    assert first == converted(CHAIN, state, STREAMS[0][7:])[0]


def test_base64_is_the_same():
    """A text is a packet as well."""
    packets = STREAMS[1]
    texts = [base64.b64encode(packet).decode() for packet in packets]
    bare, _ = converted(CHAIN, CHAIN.start(), packets)
    wrapped, _ = converted(CHAIN, CHAIN.start(), texts)

    assert bare == wrapped


def test_streams_do_not_hear_each_other():
    """Many in one batch, as one alone, and whatever else is in it."""
    works = [LaneWork(CHAIN, CHAIN.start(), stream) for stream in STREAMS]
    works.insert(2, LaneWork(CHAIN, CHAIN.start(), list(BAD.values())))
    works.insert(4, LaneWork(CHAIN, CHAIN.start(), []))
    results = run_batch(works)
    for work, result in zip(works, results, strict=True):
        if work.payloads and work.payloads[0] in STREAMS[0][:1] + [s[0] for s in STREAMS]:
            audio = b"".join(block.audio for block in result.results)
            assert pcm_of(list(work.payloads)) == audio

    assert all(isinstance(outcome, BadAudio) for outcome in results[2].results)
    assert [] == list(results[4].results)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_bad_packet_is_one_error(kind, as_text):
    """In its place; the packets around it are as if it had not been."""
    packets = STREAMS[2]
    bad = base64.b64encode(BAD[kind]).decode() if as_text else BAD[kind]
    outcomes, state = converted(CHAIN, CHAIN.start(), [*packets[:9], bad])
    more, _ = converted(CHAIN, state, packets[9:])

    assert isinstance(outcomes[9], BadAudio)
    assert ("one packet" in outcomes[9].sentence) == ("Ogg file" not in kind)
    assert pcm_of(packets) == b"".join(block.audio for block in outcomes[:9] + more)


def test_bad_base64_is_named():
    """As of any chunk."""
    [outcome], _ = converted(CHAIN, CHAIN.start(), ["$$$$"])

    assert "base64" == outcome.reason


def test_a_turn_that_ends_does_not_end_the_stream():
    """The client's encoder goes on behind a commit, and so must the decoder."""
    packets = STREAMS[3]
    outcomes, _ = converted(CHAIN, CHAIN.start(), [*packets[:5], Flush(), *packets[5:]])

    assert (0, 0.0) == (outcomes[5].size_bytes, outcomes[5].duration_ms)
    assert pcm_of(packets) == b"".join(block.audio for block in outcomes)


@pytest.mark.parametrize("packet_ms", [2.5, 5, 10, 40, 60, 120])
@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_packets_of_any_length_and_rate_are_heard(rate_hz, packet_ms):
    """The encoder's rate is not asked for."""
    packets = Encoder(rate_hz).packets(tone(rate_hz, rate_hz), packet_ms)
    outcomes, _ = converted(CHAIN, CHAIN.start(), packets)
    heard = np.frombuffer(b"".join(block.audio for block in outcomes), "<i2")

    assert {packet_ms} == {block.duration_ms for block in outcomes}
    assert len(packets) * packet_ms * 24 == len(heard)
    assert likeness(tone(24_000, 24_000), heard / 32768, 24_000) > 0.95
    assert outcomes[len(outcomes) // 2].level_dbfs == pytest.approx(-9, abs=1.5)


def test_stereo_is_mixed_down_to_its_mean():
    """By the decoder, whatever the opening said of channels."""
    left, right = tone(48_000, 24_000), np.zeros(24_000, np.float32)
    file = file_of("ogg-opus", np.stack([left, right], axis=1), 48_000)
    packets = packets_of_file(file)
    assert {4} == {packet[0] & 4 for packet in packets}
    outcomes, _ = converted(CHAIN, CHAIN.start(), packets)
    heard = np.frombuffer(b"".join(block.audio for block in outcomes), "<i2") / 32768

    assert likeness(tone(24_000, 12_000), heard, 24_000) > 0.95
    assert np.abs(heard[2400:9600]).max() == pytest.approx(0.25, abs=0.04)


def test_a_stream_is_repaired_as_any_other():
    """`audio.remove_dc` and `audio.limit_peaks` take what the decoder gives."""
    repairing = OpusDecodingChain.to(MODEL, False, Conditioning(True, True))
    outcomes, _ = converted(repairing, repairing.start(), [*STREAMS[4], Flush()])

    assert all(isinstance(outcome, Block) for outcome in outcomes)
    assert len(STREAMS[4]) * 960 == sum(len(block.audio) for block in outcomes)


@given(st.lists(st.one_of(st.sampled_from(STREAMS[5]), st.binary(max_size=80)), max_size=12))
def test_whatever_comes_each_has_its_answer(payloads):
    """A block as long as its packet says, or one sentence."""
    outcomes, _ = converted(CHAIN, CHAIN.start(), payloads)
    for payload, outcome in zip(payloads, outcomes, strict=True):
        if isinstance(outcome, Block):
            assert len(payload) == outcome.size_bytes
            assert round(outcome.duration_ms * 48) == len(outcome.audio)
        else:
            assert outcome.sentence.endswith(".")
