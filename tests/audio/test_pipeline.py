"""Tests of tornado_app/audio/pipeline.py: with a fake pool and loop, once with the real ones."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.audio.pipeline import (
    JOB_BYTES,
    LENT_BYTES,
    PAYLOAD_BYTES,
    AudioPipeline,
    Lane,
)
from tornado_app.mailbox import Mailbox
from workers.blocks import Block
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.pcm import BadAudio
from workers.pool import AudioPool, Flush, LaneResult, LaneWork, WorkFailed

CHAIN = Chain.between(AudioFormat("pcm16", 48_000), AudioFormat("pcm16", 24_000), as_base64=False)


class FakeLoop:
    """Its time is what the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = []
        self.order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay, callback) -> None:
        self.timers.append((self.now + delay, next(self.order), callback))

    def call_soon(self, callback) -> None:
        self.call_later(0.0, callback)

    def run(self, seconds: float = 0.0) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            timer = min(due)
            self.timers.remove(timer)
            self.now = max(self.now, timer[0])
            timer[2]()
        self.now = end


class FakePool:
    """Takes jobs and finishes them when it is told to."""

    def __init__(self) -> None:
        self.jobs = []
        self.begun = 0

    @property
    def in_flight(self) -> int:
        return len(self.jobs)

    def submit(self, works, done) -> None:
        assert len(works) == len({id(work.state) for work in works})
        self.jobs.append((works, done))
        self.begun += 1

    def finish(self, index: int = 0) -> None:
        """Answer one job: each payload is its own result, each state counts one job more."""
        works, done = self.jobs.pop(index)
        done([LaneResult((work.state, "after"), list(work.payloads)) for work in works])

    @property
    def payloads(self) -> list[list]:
        """What is in flight: for each job, for each lane."""
        return [[list(work.payloads) for work in works] for works, _ in self.jobs]


class FakeMailbox:
    def post_threadsafe(self, callback, *args) -> None:
        callback(*args)


class Stage:
    """A pipeline with fakes around it."""

    def __init__(self, jobs: int = 1) -> None:
        self.loop = FakeLoop()
        self.pool = FakePool()
        self.pipeline = AudioPipeline(self.pool, FakeMailbox(), self.loop, jobs=jobs)

    def lane(self, deliver=None) -> tuple[Lane, list]:
        heard: list = []
        return self.pipeline.lane(CHAIN, deliver or heard.append), heard

    def settle(self) -> bool:
        """Let the loop do what is due; whether a job is in flight then."""
        self.loop.run()
        return bool(self.pool.jobs)


def test_all_lanes_that_have_something_share_a_job():
    """What is put within one turn of the loop costs the pool one hand-over."""
    stage = Stage()
    (one, heard_one), (two, heard_two) = stage.lane(), stage.lane()
    one.put(b"1")
    two.put(b"2")
    one.put(b"3")
    assert [] == stage.pool.payloads

    stage.loop.run()
    assert [[[b"1", b"3"], [b"2"]]] == stage.pool.payloads

    stage.pool.finish()
    assert ([b"1", b"3"], [b"2"]) == (heard_one, heard_two)


OTHER = Chain.between(AudioFormat("pcm16", 16_000), AudioFormat("pcm16", 24_000), as_base64=False)


def test_a_lane_changes_its_chain_by_a_job_of_its_own():
    """Answered once; what is put then is for the other chain."""
    stage = Stage()
    lane, heard = stage.lane()
    lane.change(OTHER, has_begun=True)
    stage.loop.run()
    [[work]] = [works for works, _ in stage.pool.jobs]
    assert (CHAIN, OTHER, True) == (work.chain.old, work.chain.new, work.chain.has_begun)

    stage.pool.finish()
    lane.put(b"1")
    stage.loop.run()
    [[work]] = [works for works, _ in stage.pool.jobs]
    assert work.chain is OTHER
    assert "after" == work.state[1]
    stage.pool.finish()
    assert [Flush(), b"1"] == heard


@pytest.mark.parametrize("is_lent", [False, True])
def test_a_reset_ends_a_change(is_lent):
    """It is answered no more, and what is put then begins a stream in the other chain."""
    stage = Stage()
    lane, heard = stage.lane()
    lane.change(OTHER, has_begun=True)
    if is_lent:
        stage.loop.run()
    lane.reset()
    lane.put(b"1")
    while stage.settle():
        works = stage.pool.jobs[0][0]
        stage.pool.finish()

    assert [b"1"] == heard
    assert works[0].chain is OTHER
    assert OTHER.start().pending == works[0].state.pending


def test_a_change_that_fails_begins_a_stream():
    """No state is taken for another chain's."""
    stage = Stage()
    lane, heard = stage.lane()
    lane.change(OTHER, has_begun=True)
    stage.loop.run()
    [works], [done] = zip(*stage.pool.jobs, strict=True)
    stage.pool.jobs.clear()
    done([LaneResult("old", [WorkFailed("X")]) for _ in works])
    lane.put(b"1")
    stage.loop.run()

    [[work]] = [works for works, _ in stage.pool.jobs]
    assert OTHER.start().pending == work.state.pending
    assert [WorkFailed("X")] == heard


def test_a_lane_has_one_job_in_flight():
    """What comes meanwhile waits for the state, and then goes out in order."""
    stage = Stage(jobs=4)
    lane, heard = stage.lane()
    for number in range(5):
        lane.put(b"%d" % number)
        stage.loop.run(1)
    assert [[[b"0"]]] == stage.pool.payloads

    stage.pool.finish()
    stage.loop.run(1)
    assert [[[b"1", b"2", b"3", b"4"]]] == stage.pool.payloads
    (works, _), *_ = stage.pool.jobs
    assert "after" == works[0].state[1]

    stage.pool.finish()
    assert [b"0", b"1", b"2", b"3", b"4"] == heard


def test_no_more_jobs_than_threads_are_in_flight():
    """Lanes that become ready meanwhile gather, and go together when a job is done."""
    stage = Stage(jobs=2)
    lanes = [stage.lane()[0] for _ in range(4)]
    for lane in lanes:
        lane.put(b"x")
        stage.loop.run(1)
    assert 2 == stage.pool.in_flight

    stage.pool.finish()
    stage.loop.run(1)
    assert [[[b"x"]], [[b"x"], [b"x"]]] == stage.pool.payloads


def test_all_of_one_turn_goes_together():
    """What a burst brings is one job; what comes later is another."""
    stage = Stage(jobs=4)
    lanes = [stage.lane()[0] for _ in range(3)]
    lanes[0].put(b"a")
    lanes[1].put(b"b")
    stage.loop.run()
    lanes[2].put(b"c")
    stage.loop.run()

    assert [[[b"a"], [b"b"]], [[b"c"]]] == stage.pool.payloads


def test_a_reset_forgets_what_waits_and_what_is_in_flight():
    """The work cannot be called back; its results are dropped, and the stream begins afresh."""
    stage = Stage()
    lane, heard = stage.lane()
    lane.put(b"old")
    stage.loop.run()
    lane.put(b"old too")
    lane.reset()
    lane.put(b"new")
    stage.pool.finish()
    assert [] == heard

    stage.loop.run(1)
    assert [[[b"new"]]] == stage.pool.payloads
    (works, _), *_ = stage.pool.jobs
    assert repr(CHAIN.start()) == repr(works[0].state)

    stage.pool.finish()
    assert [b"new"] == heard


def test_a_reset_before_the_job_leaves_an_empty_one_out_of_order_never():
    """A lane that was enlisted and emptied is lent with nothing, and goes on."""
    stage = Stage()
    lane, heard = stage.lane()
    lane.put(b"old")
    lane.reset()
    stage.loop.run()
    stage.pool.finish()
    lane.put(b"new")
    stage.loop.run(1)
    stage.pool.finish()

    assert [b"new"] == heard


def test_a_delivery_may_reset_its_lane():
    """What was converted with it is not delivered any more."""
    stage = Stage()
    heard = []

    def deliver(outcome) -> None:
        heard.append(outcome)
        if outcome == b"2":
            lane.reset()
            lane.put(b"4")

    lane, _ = stage.lane(deliver)
    for payload in (b"1", b"2", b"3"):
        lane.put(payload)
    stage.loop.run()
    stage.pool.finish()
    assert [b"1", b"2"] == heard

    stage.loop.run(1)
    stage.pool.finish()
    assert [b"1", b"2", b"4"] == heard


def test_a_flush_keeps_its_place():
    """Between what was put before it and what came after."""
    stage = Stage()
    lane, heard = stage.lane()
    lane.put(b"1")
    lane.flush()
    lane.put(b"2")
    stage.loop.run()
    stage.pool.finish()

    assert [b"1", Flush(), b"2"] == heard


_steps = st.lists(
    st.tuples(st.sampled_from(["put", "flush", "reset", "run", "finish"]), st.integers(0, 2)),
    max_size=60,
)


@given(_steps, st.integers(1, 3))
def test_whatever_happens_each_lane_delivers_in_order(steps, jobs):
    """Everything since the last reset, once and in order; never two jobs of one lane."""
    stage = Stage(jobs)
    lanes = [stage.lane() for _ in range(3)]
    expected: list[list] = [[], [], []]
    numbers = itertools.count()
    for step, which in steps:
        lane, heard = lanes[which]
        match step:
            case "put":
                payload = b"%d" % next(numbers)
                lane.put(payload)
                expected[which].append(payload)
            case "flush":
                lane.flush()
                expected[which].append(Flush())
            case "reset":
                lane.reset()
                heard.clear()
                expected[which].clear()
            case "run":
                stage.loop.run()
            case "finish" if stage.pool.jobs:
                stage.pool.finish(which % len(stage.pool.jobs))
        assert stage.pool.in_flight <= jobs

    while stage.pool.jobs or stage.loop.timers:
        stage.loop.run()
        if stage.pool.jobs:
            stage.pool.finish()
    assert expected == [heard for _, heard in lanes]


@pytest.mark.gen_test
async def test_with_the_real_pool_a_stream_is_what_one_conversion_gives():
    """Four sessions at once, bad chunks between: to the bit, with a refusal in its place."""
    loop = asyncio.get_running_loop()
    pool = AudioPool(2)
    pipeline = AudioPipeline(pool, Mailbox(loop), loop, jobs=2)
    data = bytes(range(240)) * 200
    lanes = []
    try:
        for session in range(4):
            ended = loop.create_future()
            heard: list[Block | BadAudio] = []

            def deliver(outcome, heard=heard, ended=ended) -> None:
                heard.append(outcome)
                if isinstance(outcome, Block) and not outcome.size_bytes:
                    ended.set_result(None)

            lanes.append((pipeline.lane(CHAIN, deliver), heard, ended, 480 * (session + 1)))
        for start in range(0, len(data), 480):
            for lane, _, _, step in lanes:
                if start % step == 0:
                    lane.put(data[start : start + step])
            if start % 4800 == 0:
                lanes[0][0].put(b"odd")
                await asyncio.sleep(0)
        for lane, *_ in lanes:
            lane.flush()
        await asyncio.wait_for(asyncio.gather(*[ended for _, _, ended, _ in lanes]), 5.0)

        block, state = CHAIN.run(CHAIN.start(), data)
        whole = block.audio + CHAIN.flush(state)[0].audio
        for _, heard, _, _ in lanes:
            assert whole == b"".join(o.audio for o in heard if isinstance(o, Block))
        refusals = [i for i, o in enumerate(lanes[0][1]) if isinstance(o, BadAudio)]
        assert [1 + 11 * number for number in range(10)] == refusals
    finally:
        pool.stop()
        assert await loop.run_in_executor(None, pool.join, 5.0)


def test_what_is_lent_is_work_of_the_lane():
    """With its chain, its state and all that waited."""
    stage = Stage()
    lane, _ = stage.lane()
    lane.put(b"1")
    lane.put("MQ==")
    epoch, work = lane.lend()

    assert 0 == epoch
    assert isinstance(work, LaneWork)
    assert (CHAIN, [b"1", "MQ=="]) == (work.chain, work.payloads)


class TestPortions:
    """What a lane lends, and what makes a job, is bounded in bytes."""

    def test_a_lane_lends_so_many_bytes_at_once(self):
        """A client that has much waiting costs the pool a moment's memory, not all of it."""
        stage = Stage()
        lane, got = stage.lane()
        payloads = [bytes([number]) * 100_000 for number in range(8)]
        for payload in payloads:
            lane.put(payload)
        sizes = []
        while stage.settle():
            sizes.append(len(stage.pool.payloads[0][0]))
            stage.pool.finish()

        assert [3, 3, 2] == sizes
        assert payloads == got

    def test_payloads_of_a_few_bytes_are_lent_by_their_number(self):
        """All results of a job come in one callback."""
        stage = Stage()
        lanes = [stage.lane() for _ in range(10)]
        for lane, _ in lanes:
            for _ in range(400):
                lane.put(b"")
        jobs = []
        while stage.settle():
            jobs.append([len(payloads) for payloads in stage.pool.payloads[0]])
            stage.pool.finish()

        assert LENT_BYTES // PAYLOAD_BYTES == max(map(max, jobs))
        assert JOB_BYTES // PAYLOAD_BYTES == max(map(sum, jobs))
        assert [400] * 10 == [len(got) for _, got in lanes]

    def test_a_job_is_no_larger_than_its_bound(self):
        """What is beyond it is the next job's, and keeps its place."""
        stage = Stage()
        lanes = [stage.lane() for _ in range(10)]
        for number, (lane, _) in enumerate(lanes):
            lane.put(bytes([number]) * LENT_BYTES)
        jobs = []
        while stage.settle():
            jobs.append(len(stage.pool.payloads[0]))
            stage.pool.finish()

        assert JOB_BYTES // LENT_BYTES == jobs[0]
        assert len(lanes) == sum(jobs)
        assert [[bytes([n]) * LENT_BYTES] for n in range(10)] == [got for _, got in lanes]

    @given(st.lists(st.integers(0, 300_000), max_size=30), st.integers(1, 3))
    def test_every_payload_is_lent_once_and_in_order(self, sizes, jobs):
        """However large they are."""
        stage = Stage(jobs=jobs)
        lane, got = stage.lane()
        other, heard = stage.lane()
        payloads = [bytes(size) for size in sizes]
        for payload in payloads:
            lane.put(payload)
            other.put(payload)
        while stage.settle():
            stage.pool.finish()

        assert payloads == got == heard
        assert 0 == lane.waiting == other.waiting


def test_a_lane_that_fails_keeps_no_other_waiting():
    """The others have their results, and all are lent again; the fault is told in the end."""

    def fail(_: object) -> None:
        raise ValueError

    stage = Stage()
    (failing, _), (other, heard) = stage.lane(fail), stage.lane()
    failing.put(b"1")
    other.put(b"2")
    stage.loop.run()
    failing.put(b"3")
    with pytest.raises(ExceptionGroup):
        stage.pool.finish()
    stage.loop.run()

    assert [b"2"] == heard
    assert [[[b"3"]]] == stage.pool.payloads
