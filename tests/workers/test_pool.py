"""Batches of many streams, and the threads they run on."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from workers.chain import Chain
from workers.formats import AudioFormat
from workers.pcm import BadAudio
from workers.pool import TOGETHER_SIZE, AudioPool, Flush, LaneWork, WorkFailed, run_batch
from workers.tape import WIDTH

TARGET = AudioFormat("pcm16", 24000)
CHAINS = [
    Chain.between(AudioFormat("pcm16", rate_hz), TARGET, as_base64=True)
    for rate_hz in (48000, 44100, 8000, 24000, 8001)
]


def chunk(seed, frames=960):
    """Return pcm16 noise."""
    return np.random.default_rng(seed).integers(-9999, 9999, frames).astype("<i2").tobytes()


def alone(chain, payloads):
    """Return what a stream gives without any other."""
    state, blocks = chain.start(), []
    for payload in payloads:
        block, state = (
            chain.flush(state) if isinstance(payload, Flush) else chain.run(state, payload)
        )
        blocks.append(block)
    return blocks


class BrokenSynthesis:
    """Fails where a real one never does: at every flush, which more silence follows than begins a
    stream.
    """

    def __init__(self, resampler):
        self.synthesis = resampler.synthesis
        self.silence = bytes(WIDTH * (resampler.layout.overlap + 1))

    def synthesise(self, signal, runs):
        """Fail if any stream ends."""
        if self.silence in signal.tobytes():
            raise MemoryError
        return self.synthesis.synthesise(signal, runs)


@pytest.fixture
def pool():
    """Two threads, stopped and gone at the end."""
    pool = AudioPool(threads=2)
    yield pool
    pool.stop()
    assert pool.join(timeout_s=30.0)


def test_a_batch_gives_what_each_stream_gives_alone():
    """Streams of all rates, many of each, keep their bits when they share transforms."""
    lanes = [(CHAINS[n % 5], [chunk(n), chunk(n + 1, 7 * n + 1), Flush()]) for n in range(150)]
    assert 5 * TOGETHER_SIZE < sum(len(p) for _, [*chunks, _] in lanes for p in chunks)

    results = run_batch([LaneWork(chain, chain.start(), payloads) for chain, payloads in lanes])

    assert [alone(*lane) for lane in lanes] == [result.results for result in results]


def test_the_state_carries_a_stream_over_batches():
    """Chunks in two batches are as chunks in one."""
    chain, payloads = CHAINS[0], [chunk(1), chunk(2, 500), chunk(3), Flush()]
    [first] = run_batch([LaneWork(chain, chain.start(), payloads[:2])])
    [second] = run_batch([LaneWork(chain, first.state, payloads[2:])])

    assert alone(chain, payloads) == first.results + second.results


def test_bad_audio_is_a_result_and_touches_nothing_else():
    """The chunks around it, in its own stream and in others, are as if it had not been."""
    chain = CHAINS[0]
    expected = alone(chain, [chunk(1), chunk(2)])

    spoilt, other = run_batch(
        [
            LaneWork(chain, chain.start(), [chunk(1), b"123", "%%%", chunk(2)]),
            LaneWork(chain, chain.start(), [chunk(1), chunk(2)]),
        ]
    )

    first, odd, wrong, last = spoilt.results
    assert expected == [first, last] == other.results
    assert ["partial_frame", "base64"] == [odd.reason, wrong.reason]
    for refusal in (odd, wrong):
        assert isinstance(refusal, BadAudio)
        # The frames of a traceback hold the payload.
        assert (None, None) == (refusal.__traceback__, refusal.__context__)


def test_an_unexpected_error_is_a_result_and_touches_nothing_else():
    """Wherever a payload fails, all others go on and the value names only the exception's type."""
    chain = CHAINS[0]
    synthesis = BrokenSynthesis(chain.resampler)
    broken = replace(chain, resampler=replace(chain.resampler, synthesis=synthesis))
    unknown = replace(chain, target=None)
    payloads = [chunk(1), "%%%", Flush(), chunk(2)]

    results = run_batch(
        [
            LaneWork(broken, chain.start(), payloads),
            LaneWork(unknown, chain.start(), [chunk(1)]),
            LaneWork(broken, chain.start(), [chunk(1), chunk(2)]),
            LaneWork(chain, chain.start(), [chunk(1), Flush()]),
        ]
    )

    first, refused, failed, second = results[0].results
    assert WorkFailed("MemoryError") == failed
    assert isinstance(refused, BadAudio)
    assert alone(chain, [chunk(1), chunk(2)]) == [first, second] == results[2].results
    assert [WorkFailed("AttributeError")] == results[1].results
    assert alone(chain, [chunk(1), Flush()]) == results[3].results


def test_nothing_to_do_is_done():
    """An empty batch, and a lane without payloads, are no errors."""
    chain = CHAINS[0]
    state = chain.start()

    [result] = run_batch([LaneWork(chain, state, [])])

    assert [] == run_batch([]) == result.results
    assert (state.pending, state.received) == (result.state.pending, result.state.received)


def test_results_arrive_on_a_pool_thread(pool):
    """Done is called off the caller's thread, with the batch no longer in flight."""
    arrived, got = threading.Event(), []
    chain = CHAINS[0]

    def done(results):
        got.append((threading.current_thread().name, pool.in_flight, results[0].results))
        arrived.set()

    pool.submit([LaneWork(chain, chain.start(), [chunk(1)])], done)

    assert arrived.wait(5.0)
    [(name, in_flight, results)] = got
    assert name.startswith("audio")
    assert 0 == in_flight
    assert alone(chain, [chunk(1)]) == results


class StuckChain:
    """Holds its thread until it is released."""

    def __init__(self):
        self.entered, self.release = threading.Event(), threading.Event()

    def run_all(self, streams):
        """Wait, then fail."""
        self.entered.set()
        self.release.wait(5.0)
        raise TimeoutError


def test_a_stuck_batch_is_seen_by_its_age():
    """The age is that of the oldest batch in flight, by the clock given."""
    now, stuck = [100.0], StuckChain()
    pool = AudioPool(threads=1, clock=lambda: now[0])
    assert (0, 0.0) == (pool.in_flight, pool.oldest_in_flight_s())
    finished = threading.Event()

    pool.submit([LaneWork(stuck, None, [b""])], lambda _: None)
    now[0] = 103.0
    pool.submit([], lambda _: finished.set())
    now[0] = 105.0

    assert (2, 5.0) == (pool.in_flight, pool.oldest_in_flight_s())
    stuck.release.set()
    assert finished.wait(5.0)
    assert (0, 0.0) == (pool.in_flight, pool.oldest_in_flight_s())
    pool.stop()
    assert pool.join(timeout_s=30.0)


def test_each_batch_is_timed():
    """How long it waited for a thread, and how long that took."""
    now, times, finished = [10.0], [], threading.Event()
    pool = AudioPool(1, lambda: now[0], lambda *both: times.append(both))

    pool.submit([], lambda _: finished.set())

    assert finished.wait(5.0)
    assert [(0.0, 0.0)] == times
    assert 0 == pool.in_flight
    pool.stop()
    assert pool.join(timeout_s=30.0)


def test_stop_drops_what_waits_and_join_says_who_is_left():
    """A batch that waits is never done, one that runs is; a thread that is stuck is reported."""
    pool, stuck, done = AudioPool(threads=1), StuckChain(), []
    pool.submit([LaneWork(stuck, None, [b""])], lambda _: done.append("running"))
    pool.submit([], lambda _: done.append("waiting"))
    assert stuck.entered.wait(5.0)

    pool.stop()

    assert 1 == pool.in_flight
    assert not pool.join(timeout_s=0.0)
    stuck.release.set()
    assert pool.join(timeout_s=30.0)
    assert ["running"] == done
    with pytest.raises(RuntimeError):
        pool.submit([], done.append)
    assert 0 == pool.in_flight
