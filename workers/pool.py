"""Batches of chunks, and the threads they run on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from workers.blocks import Flush
from workers.lane_work import Conversion, LaneResult, LaneWork, Outcome, WorkFailed

__all__ = [
    "AudioPool",
    "Conversion",
    "Flush",
    "LaneResult",
    "LaneWork",
    "Outcome",
    "WorkFailed",
    "run_batch",
]

TOGETHER_SIZE = 65_536
"""Payload enough to be processed together.  Beyond it arrays leave the processor's cache."""


def run_batch(works: Sequence[LaneWork]) -> list[LaneResult]:
    """Process the chunks of many streams; those of equal formats go through all steps together.

    Returns
    -------
    results : list of LaneResult
        One for each work, in order.  To the bit what `Chain.run` and `Chain.flush` give.

    Notes
    -----
    Raises nothing: what goes wrong with a payload is its result, and touches no other payload.
    """
    groups: dict[Conversion, list[int]] = {}
    for number, work in enumerate(works):
        groups.setdefault(work.chain, []).append(number)
    results: dict[int, LaneResult] = {}
    for chain, numbers in groups.items():
        for portion in _portions(works, numbers):
            done = _run_together(chain, [works[number] for number in portion])
            results.update(zip(portion, done, strict=True))
    return [results[number] for number in range(len(works))]


def _portions(works: Sequence[LaneWork], numbers: Sequence[int]) -> Iterator[list[int]]:
    portion: list[int] = []
    size = 0
    for number in numbers:
        portion.append(number)
        size += sum(map(len, works[number].payloads))
        if size >= TOGETHER_SIZE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _run_together(chain: Conversion, works: Sequence[LaneWork]) -> list[LaneResult]:
    try:
        done = chain.run_all([(work.state, work.payloads) for work in works])
    except Exception:  # noqa: BLE001  one payload's fault must not be another's
        return [_run_apart(work) for work in works]
    return [LaneResult(state, outcomes) for outcomes, state in done]


def _run_apart(work: LaneWork) -> LaneResult:
    """Run payload by payload, so that only the one at fault fails."""
    state, results = work.state, list[Outcome]()
    for payload in work.payloads:
        try:
            [([outcome], state)] = work.chain.run_all([(state, [payload])])
        except Exception as error:  # noqa: BLE001  see above
            results.append(WorkFailed(type(error).__name__))
        else:
            results.append(outcome)
    return LaneResult(state, results)


class AudioPool:
    """The threads audio is processed on.

    Threads: the loop constructs, submits, asks and stops.  *done* is called on a pool thread.
    `join` blocks, so it is for the thread that ends the process, never for the loop.

    Parameters
    ----------
    threads : int
        One for each core is enough: short transforms hold the interpreter's lock.
    clock : callable
        Monotonic seconds.
    timed : callable, optional
        Told of each batch how long it waited for a thread and how long that took, in seconds.  It
        is called on a pool thread, by one at a time, and must return at once.
    """

    def __init__(
        self,
        threads: int,
        clock: Callable[[], float] = time.monotonic,
        timed: Callable[[float, float], None] | None = None,
    ) -> None:
        self._clock = clock
        self._timed = timed
        self._threads: list[threading.Thread] = []
        self._executor = ThreadPoolExecutor(
            max_workers=threads,
            thread_name_prefix="audio",
            initializer=lambda: self._threads.append(threading.current_thread()),
        )
        # The loop iterates over the jobs while pool threads remove theirs.
        self._jobs_lock = threading.Lock()
        self._jobs: dict[object, float] = {}

    def submit(self, works: Sequence[LaneWork], done: Callable[[list[LaneResult]], None]) -> None:
        """Run a batch on a pool thread, then call *done* there.

        Parameters
        ----------
        works : sequence of LaneWork
            Of different streams.
        done : callable
            Gets the results.  It must hand them over and return; what it raises is lost.  Not
            called for a batch that `stop` found waiting.

        Raises
        ------
        RuntimeError
            After `stop`.
        """
        job = object()
        with self._jobs_lock:
            self._jobs[job] = self._clock()
        try:
            future = self._executor.submit(self._perform, job, works, done)
        except RuntimeError:
            self._forget(job)
            raise
        # A batch that `stop` cancels is not performed, but must not look stuck either.
        future.add_done_callback(lambda _: self._forget(job))

    @property
    def in_flight(self) -> int:
        """Batches submitted and not yet computed."""
        with self._jobs_lock:
            return len(self._jobs)

    def oldest_in_flight_s(self) -> float:
        """Age of the oldest batch in flight, 0.0 without one: grows if a pool thread is stuck."""
        with self._jobs_lock:
            return self._clock() - min(self._jobs.values()) if self._jobs else 0.0

    def stop(self) -> None:
        """Take no more batches and drop those that wait; those that run are not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads to end after `stop`; return whether all did within *timeout_s*."""
        deadline = self._clock() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
        return not any(thread.is_alive() for thread in self._threads)

    def _perform(
        self, job: object, works: Sequence[LaneWork], done: Callable[[list[LaneResult]], None]
    ) -> None:
        begun = self._clock() if self._timed else 0.0
        try:
            results = run_batch(works)
        except Exception as error:  # noqa: BLE001  whose batch is not answered waits for ever
            failed = WorkFailed(type(error).__name__)
            results = [LaneResult(w.chain.start(), [failed for _ in w.payloads]) for w in works]
        # Before `done`, so that whoever acts on the results finds the batch gone.
        if self._timed:
            self._tell_time(job, begun, self._timed)
        else:
            self._forget(job)
        done(results)

    def _tell_time(self, job: object, begun: float, timed: Callable[[float, float], None]) -> None:
        with self._jobs_lock:
            submitted = self._jobs.pop(job, begun)
            timed(begun - submitted, self._clock() - begun)

    def _forget(self, job: object) -> None:
        with self._jobs_lock:
            self._jobs.pop(job, None)
