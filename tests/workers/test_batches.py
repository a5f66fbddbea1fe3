"""Batches against the same streams one by one, by the same chain and by a slow one."""

import base64
import itertools
import os
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiling import loading
from workers import codecs, pcm
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.level import levels_dbfs
from workers.pcm import BadAudio
from workers.pool import Flush, LaneWork, run_batch
from workers.resample import Resampler

SOURCES = [
    AudioFormat("pcm16", 48000),
    AudioFormat("pcm16", 44100, 2),
    AudioFormat("float32", 48000),
    AudioFormat("float32", 24000, 3),
    AudioFormat("pcmu", 8000),
    AudioFormat("pcma", 8001, 2),
    AudioFormat("pcm16", 24000),
]
TARGETS = [AudioFormat("pcm16", 24000), AudioFormat("pcmu", 8000), AudioFormat("float32", 24000)]
BAD = {
    "empty": b"",
    "base64": "AA=A",
    "partial_frame": b"12345",
    "not_finite": np.full(6, np.nan, "<f4").tobytes(),
}


def chunk(source, frames, seed, *, as_text):
    """Return noise in the format, as bytes or base64."""
    noise = np.random.default_rng(seed).standard_normal(frames * source.channels) / 3
    data = codecs.encode(noise.astype(np.float32), source.encoding)
    return base64.b64encode(data).decode() if as_text else data


@st.composite
def lanes(draw):
    """Draw a chain and some payloads: chunks of ragged lengths, bad ones, ends."""
    source = draw(st.sampled_from(SOURCES))
    chain = Chain.between(source, draw(st.sampled_from(TARGETS)), draw(st.booleans()))
    frames = st.sampled_from([source.rate_hz // 50, source.rate_hz // 100]) | st.integers(1, 1500)
    good = st.builds(chunk, st.just(source), frames, st.integers(0, 99), as_text=st.booleans())
    payload = good | good | st.sampled_from([*BAD.values(), Flush()])
    return chain, draw(st.lists(payload, max_size=4)), draw(st.integers(0, 1000))


def one_by_one(chain, state, payloads):
    """Return what `Chain.run` and `Chain.flush` give."""
    results = []
    for payload in payloads:
        try:
            if isinstance(payload, Flush):
                result, state = chain.flush(state)
            else:
                result, state = chain.run(state, payload)
        except BadAudio as refusal:
            result = refusal
        results.append(result)
    return results, state


def comparable(results):
    """Return values that are equal if all of the results is."""
    return [str(result) if isinstance(result, BadAudio) else result for result in results]


@settings(max_examples=120, deadline=None)
@given(st.lists(lanes(), max_size=8))
def test_any_batch_gives_what_each_stream_gives_alone(drawn):
    """Formats mixed, chunks ragged, some bad: to the bit, and so is the state after it."""
    begun = [
        (chain, one_by_one(chain, chain.start(), [bytes(at * chain.source.bytes_per_frame)])[1])
        for chain, _, at in drawn
    ]
    works = [
        LaneWork(chain, state, payloads)
        for (chain, state), (_, payloads, _) in zip(begun, drawn, strict=True)
    ]

    for work, result in zip(works, run_batch(works), strict=True):
        expected, state = one_by_one(work.chain, work.state, work.payloads)
        assert comparable(expected) == comparable(result.results)
        assert (state.pending, state.received) == (result.state.pending, result.state.received)


COMMON = AudioFormat("pcm16", 48000)
WORKERS = f"{os.sep}workers{os.sep}"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([5000, 5000, 5000, 5003, 5480, 0]),
            st.sampled_from([[960], [960], [960], [960, 960], [480], [], [0], [-1]]),
        ),
        min_size=2,
        max_size=9,
    )
)
def test_streams_in_step_beside_others_that_are_not(drawn):
    """A chunk more or less, one that has only begun, an end or a bad chunk change nobody else."""
    chain = Chain.between(COMMON, AudioFormat("pcm16", 24000), as_base64=True)
    ends = {0: Flush(), -1: b"odd"}
    works = []
    for number, (before, lengths) in enumerate(drawn):
        begun = [chunk(COMMON, before, 7, as_text=False)] if before else []
        _, state = one_by_one(chain, chain.start(), begun)
        payloads = [
            ends[length] if length < 1 else chunk(COMMON, length, number, as_text=True)
            for length in lengths
        ]
        works.append(LaneWork(chain, state, payloads))

    for work, result in zip(works, run_batch(works), strict=True):
        expected, state = one_by_one(chain, work.state, work.payloads)
        assert comparable(expected) == comparable(result.results)
        assert (state.pending, state.received) == (result.state.pending, result.state.received)


def calls(batch):
    """How many of our functions are called for it: the same each time, whatever else goes on."""
    count = 0

    def profile(frame, event, _):
        nonlocal count
        count += event == "call" and WORKERS in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run_batch(batch)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.skipif(loading.code().kind == "compiled", reason="of compiled code nobody is told")
def test_one_that_has_two_chunks_makes_no_other_dear():
    """Sixteen more that have one chunk are as many calls beside it as they are among themselves."""
    chain = Chain.between(COMMON, AudioFormat("pcm16", 24000), as_base64=True)
    _, begun = one_by_one(chain, chain.start(), [chunk(COMMON, 5000, 7, as_text=False)])
    single = LaneWork(chain, begun, [chunk(COMMON, 960, 1, as_text=True)])
    double = LaneWork(chain, begun, single.payloads * 2)

    of_sixteen = calls([single] * 24) - calls([single] * 8)
    assert 0 < of_sixteen == calls([single] * 24 + [double]) - calls([single] * 8 + [double])
    assert of_sixteen < (calls([double] * 24) - calls([double] * 8)) / 2


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SOURCES), st.lists(st.integers(1, 1500), min_size=1, max_size=5))
def test_a_batch_is_its_steps_in_turn(source, lengths):
    """Level, resampler and encoder, called for chunk after chunk, make the same blocks."""
    chain = Chain.between(source, AudioFormat("pcma", 8000), as_base64=True)
    payloads = [chunk(source, length, length, as_text=False) for length in lengths]
    [result] = run_batch([LaneWork(chain, chain.start(), payloads)])
    resampler = Resampler.between(source.rate_hz, 8000)
    state = resampler.start()

    for payload, length, block in zip(payloads, lengths, result.results, strict=True):
        samples = pcm.mix_down(codecs.decode(payload, source.encoding), source.channels)
        converted, state = resampler.run(state, samples)
        audio = codecs.encode(converted, "pcma")
        assert base64.b64encode(audio) == block.audio
        assert levels_dbfs(samples, [length]) == [block.level_dbfs]
        assert (len(payload), len(audio)) == (block.size_bytes, round(8 * block.converted_ms))


def test_one_bad_payload_among_good_ones_of_its_format():
    """Whatever is wrong with it, and wherever it is: it alone is refused."""
    source = AudioFormat("float32", 48000)
    chain = Chain.between(source, TARGETS[0], as_base64=True)
    good = [chunk(source, 960, seed, as_text=True) for seed in range(4)]
    expected = [one_by_one(chain, chain.start(), [payload])[0] for payload in good]

    for (reason, bad), place in itertools.product(BAD.items(), range(5)):
        payloads = [*good[:place], bad, *good[place:]]
        results = run_batch([LaneWork(chain, chain.start(), [p]) for p in payloads])

        [refusal] = results.pop(place).results
        assert reason == refusal.reason
        # The frames of a traceback hold the payload.
        assert (None, None) == (refusal.__traceback__, refusal.__context__)
        assert expected == [result.results for result in results]
