"""Ordered lanes onto the pool, gathered into one job (group commit).

A hand-over between threads costs more than the audio work that it carries, so what all sessions
have waiting goes to the pool as one job and comes back as one call
(docs/decisions/0004-group-commit.md).  A job begins when the turn of the loop is over that brought
the first of it, or when one of those in flight is done: under load, jobs grow.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from workers.blocks import Payload
from workers.changing import Changing, Joinable
from workers.pool import Conversion, Flush, LaneResult, LaneWork, Outcome, WorkFailed

LENT_BYTES = 262_144
"""Payload that one lane lends at once: the pool makes some ten times as much of it for a moment."""
JOB_BYTES = 1_048_576
"""Payload of one job.  What is beyond it is the next job's: nobody waits long behind others."""
PAYLOAD_BYTES = 8_192
"""What a payload counts beside its own bytes: a hundred of a few bytes take the loop 5 ms when they
come back, and all others wait for that.
"""


class Pool(Protocol):
    """What a pipeline needs of the pool; `workers.pool.AudioPool` says what each does."""

    @property
    def in_flight(self) -> int: ...

    def submit(
        self, works: Sequence[LaneWork], done: Callable[[list[LaneResult]], None]
    ) -> None: ...


class Post(Protocol):
    """The way from the pool to the loop; `tornado_app.mailbox.Mailbox` is one."""

    def post_threadsafe(self, callback: Callable[..., object], *args: object) -> None: ...


def nothing() -> None:
    """In place of what is to be done."""


class Lane:
    """One direction of one session: in order, at most one job in flight.  Thread: loop.

    While a job is in flight its resampler state belongs to the pool's thread.
    """

    __slots__ = (
        "_chain",
        "_deliver",
        "_enlisted",
        "_epoch",
        "_in_flight",
        "_lasting",
        "_lent",
        "_ready",
        "_settle",
        "_state",
        "_waiting",
    )

    def __init__(
        self, chain: Joinable, deliver: Callable[[Outcome], None], ready: Callable[["Lane"], None]
    ) -> None:
        self._chain: Conversion = chain
        self._lasting = chain
        """The same, but while it changes."""
        self._deliver = deliver
        self._ready = ready
        self._state = chain.start()
        self._waiting: list[Payload] = []
        self._lent = 0
        self._enlisted = False
        self._in_flight = False
        self._epoch = 0
        self._settle: Callable[[], None] = nothing
        """Ends a change of the chain that has not been answered."""

    @property
    def waiting(self) -> int:
        """How many payloads and flushes have not been answered."""
        return len(self._waiting) + self._lent

    def put(self, payload: Payload) -> None:
        """Convert *payload* after all that was put before it.  The caller bounds what waits."""
        self._waiting.append(payload)
        if not self._enlisted and not self._in_flight:
            self._enlist()

    def flush(self) -> None:
        """Have the tail that the resampler holds delivered, and begin afresh."""
        self.put(Flush())

    def change(
        self, chain: Joinable, *, has_begun: bool, changed: Callable[[], None] = nothing
    ) -> None:
        """Go on with *chain* where the stream is; answered once, with what was held back.

        Nothing that was put waits for its answer, and nothing is put before this has its own.
        *has_begun* is false if nothing has come since the stream began.  *changed* is called right
        before the answer is delivered.
        """
        deliver = self._deliver

        def answered(outcome: Outcome) -> None:
            self._settle()
            changed()
            if isinstance(outcome, WorkFailed):  # its state is not one of the new chain's
                self._state = chain.start()
            deliver(outcome)

        def settle() -> None:
            self._chain = self._lasting = chain
            self._deliver, self._settle = deliver, nothing

        self._chain, self._deliver = Changing(self._lasting, chain, has_begun), answered
        self._settle = settle
        self.put(Flush())

    def reset(self) -> None:
        """Forget everything; work that is in flight cannot be called back, so its epoch is over."""
        self._settle()
        self._epoch += 1
        self._waiting.clear()
        self._lent = 0  # nobody is answered for it
        if not self._in_flight:
            self._state = self._chain.start()

    def end(self) -> None:
        """Forget everything, and whom it was for."""
        self.reset()
        self._deliver = nobody

    def lend(self) -> tuple[int, LaneWork]:
        """What the pool shall do next.  The pipeline's business only."""
        payloads, self._waiting = self._waiting, []
        if len(payloads) > 1:
            count = _portion(payloads)
            payloads, self._waiting = payloads[:count], payloads[count:]
        self._lent = len(payloads)
        self._enlisted, self._in_flight = False, True
        return self._epoch, LaneWork(self._chain, self._state, payloads)

    def take_back(self, epoch: int, result: LaneResult) -> None:
        """The pool's answer.  The pipeline's business only."""
        self._in_flight = False
        self._lent = 0
        try:
            if epoch == self._epoch:
                self._state = result.state
                for outcome in result.results:
                    if epoch == self._epoch:  # a delivery may reset the lane
                        self._deliver(outcome)
            else:
                self._state = self._chain.start()
        finally:
            if self._waiting and not self._enlisted:
                self._enlist()

    def _enlist(self) -> None:
        self._enlisted = True
        self._ready(self)


class AudioPipeline:
    """Lends lanes to the pool, many at a time.  Thread: loop."""

    def __init__(
        self,
        pool: Pool,
        mailbox: Post,
        loop: AbstractEventLoop,
        *,
        jobs: int,
    ) -> None:
        """*jobs* is how many may be in flight: one for each thread of the pool."""
        self._pool = pool
        self._jobs = jobs
        self._mailbox = mailbox
        self._loop = loop
        self._ready: list[Lane] = []
        self._scheduled = False

    def lane(self, chain: Joinable, deliver: Callable[[Outcome], None]) -> Lane:
        """A new lane; *deliver* is called on the loop, once for each payload and flush."""
        return Lane(chain, deliver, self._enlist)

    def _enlist(self, lane: Lane) -> None:
        self._ready.append(lane)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        if self._ready and self._pool.in_flight < self._jobs:
            self._scheduled = True
            self._loop.call_soon(self._submit)

    def _submit(self) -> None:
        self._scheduled = False
        lanes, lent = self._lend()
        epochs = [epoch for epoch, _ in lent]
        works = [work for _, work in lent]
        try:
            self._pool.submit(
                works, partial(self._mailbox.post_threadsafe, self._done, lanes, epochs)
            )
        except RuntimeError as error:  # it was stopped, or the system has no thread to give
            failed = WorkFailed(type(error).__name__)
            results = [LaneResult(w.chain.start(), [failed for _ in w.payloads]) for w in works]
            self._loop.call_soon(self._done, lanes, epochs, results)
        if self._ready:
            self._schedule()

    def _lend(self) -> tuple[list[Lane], list[tuple[int, LaneWork]]]:
        """Take as many lanes as make one job, in the order in which they came."""
        ready, lent, size_bytes = self._ready, list[tuple[int, LaneWork]](), 0
        for lane in ready:
            if size_bytes >= JOB_BYTES:
                break
            epoch, work = lane.lend()
            lent.append((epoch, work))
            for payload in work.payloads:
                size_bytes += len(payload) + PAYLOAD_BYTES
        self._ready = ready[len(lent) :]
        return ready[: len(lent)], lent

    def _done(
        self, lanes: Sequence[Lane], epochs: Sequence[int], results: Sequence[LaneResult]
    ) -> None:
        faults = []
        for lane, epoch, result in zip(lanes, epochs, results, strict=True):
            try:
                lane.take_back(epoch, result)
            except Exception as fault:  # noqa: BLE001  the other lanes would never be lent again
                faults.append(fault)
        if not self._scheduled:
            self._schedule()
        if faults:
            raise ExceptionGroup("lanes that could not take their results", faults)


def _portion(payloads: Sequence[Payload]) -> int:
    """How many of *payloads* are lent at once: `LENT_BYTES` of them, and one at least."""
    size_bytes = 0
    for number, payload in enumerate(payloads, 1):
        size_bytes += len(payload) + PAYLOAD_BYTES
        if size_bytes >= LENT_BYTES:
            return number
    return len(payloads)


def nobody(_: object) -> None:
    """In place of a session that has ended: a lane that held it would keep it alive."""
