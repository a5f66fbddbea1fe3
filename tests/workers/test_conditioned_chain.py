"""The chain with repairs: the same stream, cleaned."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import codecs, pcm
from workers.blocks import Flush
from workers.chain import Chain
from workers.conditioned_chain import ConditionedChain, Conditioning
from workers.conditioning import CEILING, Follower, limit_peaks, remove_dc
from workers.formats import AudioFormat
from workers.pcm import BadAudio
from workers.pool import LaneWork, run_batch
from workers.resample import Resampler

MODEL = AudioFormat("pcm16", 24_000)
BOTH = Conditioning(remove_dc=True, limit_peaks=True)


def loud(frames: int, channels: int = 1) -> bytes:
    """Float32 up to twice full scale, with an offset."""
    samples = np.random.default_rng(frames).uniform(-2, 2, frames * channels) + 0.3
    return samples.astype("<f4").tobytes()


def streamed(chain: Chain, chunks: list[bytes]) -> tuple[bytes, list]:
    [(outcomes, _)] = chain.run_all([(chain.start(), [*chunks, Flush()])])
    return b"".join(o.audio for o in outcomes if not isinstance(o, BadAudio)), outcomes


def test_nothing_asked_for_is_the_plain_chain():
    """Which takes all streams together."""
    source = AudioFormat("pcm16", 48_000)

    assert Chain.between(source, MODEL, True) is ConditionedChain.of(
        source, MODEL, True, Conditioning()
    )


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100])
def test_it_is_offset_then_resampler_then_peaks(rate_hz):
    """Over the whole signal at once, to the bit."""
    source = AudioFormat("float32", rate_hz)
    data = loud(rate_hz // 4)
    cleaned, _ = remove_dc(None, codecs.decode(data, "float32"), rate_hz)
    resampler = Resampler.between(rate_hz, 24_000)
    head, state = resampler.run(resampler.start(), cleaned)
    tail, _ = resampler.flush(state)
    held, _ = limit_peaks(Follower(), np.concatenate([head, tail]), 24_000)
    audio, _ = streamed(ConditionedChain.of(source, MODEL, False, BOTH), [data])

    assert pcm.encode(held, "pcm16") == audio


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=8),
    st.sampled_from([8_000, 16_000, 44_100, 48_000, 12_345]),
    st.sampled_from(
        [BOTH, Conditioning(remove_dc=True), Conditioning(limit_peaks=True)],
    ),
)
def test_cutting_makes_no_difference_to_a_bit(lengths, rate_hz, conditioning):
    """Whatever is asked for; and the length is exact."""
    source = AudioFormat("float32", rate_hz, 2)
    data = loud(sum(lengths), 2)
    ends = [8 * end for end in itertools.accumulate(lengths)]
    chunks = [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    chain = ConditionedChain.of(source, MODEL, False, conditioning)
    whole, _ = streamed(chain, [data])

    assert whole == streamed(chain, chunks)[0]
    assert 2 * -(-sum(lengths) * 24_000 // rate_hz) == len(whole)


def test_what_is_held_is_not_clipped_and_what_is_clipped_is_counted():
    """The plain chain counts what the limiter saves."""
    source = AudioFormat("float32", 24_000)
    data = loud(4800)
    plain, outcomes = streamed(Chain.between(source, MODEL, False), [data])
    held, kept = streamed(
        ConditionedChain.of(source, MODEL, False, Conditioning(limit_peaks=True)), [data]
    )
    samples = codecs.decode(data, "float32")

    assert int(((samples >= 1) | (samples < -1)).sum()) == sum(o.clipped_samples for o in outcomes)
    assert np.abs(codecs.decode(plain, "pcm16")).max() >= 0.9999
    assert 0 == sum(o.clipped_samples for o in kept)
    assert np.abs(codecs.decode(held, "pcm16")).max() <= CEILING + 1 / 32768


def test_a_bad_chunk_is_refused_and_the_stream_goes_on():
    """As if it had not been."""
    source = AudioFormat("float32", 16_000)
    chain = ConditionedChain.of(source, MODEL, False, BOTH)
    good = [loud(500), loud(700)]
    audio, outcomes = streamed(chain, [good[0], b"\0\0\0", good[1]])

    assert [False, True, False, False] == [isinstance(o, BadAudio) for o in outcomes]
    assert streamed(chain, good)[0] == audio


def test_the_chunk_is_measured_as_it_came():
    """Its size, time and level are what the client sent, not what became of it."""
    source = AudioFormat("pcm16", 48_000)
    chunk = np.full(4800, 16384, "<i2").tobytes()
    _, [block, _] = streamed(ConditionedChain.of(source, MODEL, True, BOTH), [chunk])

    assert (9600, 100.0, -6.0) == (block.size_bytes, block.duration_ms, block.level_dbfs)


def test_a_batch_takes_repaired_streams_beside_others():
    """Nothing in the pool knows the difference."""
    source = AudioFormat("float32", 48_000)
    chains = [
        ConditionedChain.of(source, MODEL, True, conditioning)
        for conditioning in (BOTH, Conditioning(), BOTH)
    ]
    payloads = [[loud(480 + n), loud(960 + n), Flush()] for n in range(3)]
    works = [LaneWork(c, c.start(), p) for c, p in zip(chains, payloads, strict=True)]
    for chain, work, result in zip(chains, works, run_batch(works), strict=True):
        [(outcomes, _)] = chain.run_all([(chain.start(), work.payloads)])
        assert outcomes == result.results
