"""Batches of chunks, and the threads they run on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from workers.chain import Block, Chain, ChainState, Prepared
from workers.codecs import Samples
from workers.pcm import BadAudio
from workers.resample import Resampler

TOGETHER_BLOCKS = 32
"""Enough blocks to share a transform, 16 chunks of 20 ms.  Bounds what is copied to join them."""


@dataclass(frozen=True, slots=True)
class Flush:
    """In place of a payload: the stream ends here, let out what is held back."""


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """In place of a block: a fault of ours.  The lane goes on after it."""

    error: str
    """The name of the exception's type; its text may hold what a client sent."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneWork:
    """What one stream asks of a batch.  Its lane lends *state* until the result is back."""

    chain: Chain
    state: ChainState
    payloads: Sequence[bytes | str | Flush]


Outcome: TypeAlias = Block | BadAudio | WorkFailed


@dataclass(frozen=True, slots=True, eq=False)
class LaneResult:
    """What became of a `LaneWork`: one result for each payload, in order."""

    state: ChainState
    results: list[Outcome]


def run_batch(works: Sequence[LaneWork]) -> list[LaneResult]:
    """Process the chunks of many streams; those of equal rates share their transforms.

    Returns
    -------
    results : list of LaneResult
        One for each work, in order.  To the bit what `Chain.run` and `Chain.flush` give.

    Notes
    -----
    Raises nothing: what goes wrong with a payload is its result, and touches no other payload.
    """
    lanes = [_prepare(work) for work in works]
    converted = _convert([item for _, items in lanes for item in items])
    return [LaneResult(state, [_finish(i, converted) for i in items]) for state, items in lanes]


_Item: TypeAlias = Prepared | BadAudio | WorkFailed
_Converted: TypeAlias = dict[int, Samples | WorkFailed]


def _prepare(work: LaneWork) -> tuple[ChainState, list[_Item]]:
    chain, state = work.chain, work.state
    items: list[_Item] = []
    for payload in work.payloads:
        try:
            if isinstance(payload, Flush):
                item, state = chain.prepare_end(state)
            else:
                item, state = chain.prepare(state, payload)
        except BadAudio as refusal:
            # Its frames hold the payload.
            items.append(refusal.with_traceback(None))
        except Exception as error:  # noqa: BLE001  one lane's fault must not be another's
            items.append(_failed(error))
        else:
            items.append(item)
    return state, items


def _convert(items: Sequence[_Item]) -> _Converted:
    """Convert all pieces; the key is the ``id`` of the item they belong to."""
    groups: dict[Resampler, list[Prepared]] = {}
    for item in items:
        if isinstance(item, Prepared) and item.piece:
            groups.setdefault(item.chain.resampler, []).append(item)
    converted: _Converted = {}
    for resampler, group in groups.items():
        for together in _portions(group):
            converted |= _convert_together(resampler, together)
    return converted


def _portions(group: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    portion: list[Prepared] = []
    blocks = 0
    for item in group:
        portion.append(item)
        blocks += len(item.piece.blocks) if item.piece else 0
        if blocks >= TOGETHER_BLOCKS:
            yield portion
            portion, blocks = [], 0
    if portion:
        yield portion


def _convert_together(resampler: Resampler, group: Sequence[Prepared]) -> _Converted:
    try:
        samples = resampler.convert([item.piece for item in group if item.piece])
    except Exception as error:  # noqa: BLE001  see above
        return dict.fromkeys(map(id, group), _failed(error))
    return dict(zip(map(id, group), samples, strict=True))


def _finish(item: _Item, converted: _Converted) -> Outcome:
    if not isinstance(item, Prepared):
        return item
    samples = converted.get(id(item))
    if isinstance(samples, WorkFailed):
        return samples
    try:
        return item.chain.finish(item, samples)
    except Exception as error:  # noqa: BLE001  see above
        return _failed(error)


def _failed(error: Exception) -> WorkFailed:
    return WorkFailed(type(error).__name__)


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
    """

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
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
        results = run_batch(works)
        # Before `done`, so that whoever acts on the results finds the batch gone.
        self._forget(job)
        done(results)

    def _forget(self, job: object) -> None:
        with self._jobs_lock:
            self._jobs.pop(job, None)
