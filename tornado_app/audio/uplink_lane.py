"""A lane that takes complete files between the chunks of a stream."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tornado_app.audio.file_decoder import FileDecoder, FileJob, FileOutcome
from tornado_app.audio.pipeline import nobody, nothing
from workers.changing import Joinable
from workers.formats import Container
from workers.pool import Flush, Outcome


@dataclass(frozen=True, slots=True)
class _File:
    text: str
    container: Container


@dataclass(frozen=True, slots=True)
class _Hold:
    """What is behind it waits until it is known in which format that is."""


LaneOutcome: TypeAlias = Outcome | FileOutcome


class ChunkLane(Protocol):
    """The lane in between; `tornado_app.audio.pipeline.Lane` says what each does."""

    @property
    def waiting(self) -> int: ...

    def put(self, payload: str | bytes | Flush) -> None: ...
    def flush(self) -> None: ...
    def change(
        self, chain: Joinable, *, has_begun: bool, changed: Callable[[], None] = nothing
    ) -> None: ...
    def reset(self) -> None: ...
    def end(self) -> None: ...


class Lanes(Protocol):
    """Who has such lanes: `tornado_app.audio.pipeline.AudioPipeline`."""

    def lane(self, chain: Joinable, deliver: Callable[[Outcome], None]) -> ChunkLane: ...


class UplinkLane:
    """Chunks, flushes and files, answered in the order they were put.  Thread: loop.

    A file begins when all before it is answered, and what comes behind it waits here, as it does
    behind a `hold`.  Nothing waits in any other lane.
    """

    __slots__ = ("_deliver", "_files", "_in_lane", "_job", "_lane", "_waiting")

    def __init__(
        self,
        pipeline: Lanes,
        files: FileDecoder,
        chain: Joinable,
        deliver: Callable[[LaneOutcome], None],
    ) -> None:
        """*deliver* is called once for each chunk, flush and file."""
        self._lane = pipeline.lane(chain, self._on_block)
        self._files = files
        self._deliver = deliver
        self._waiting: deque[str | bytes | Flush | _File | _Hold] = deque()
        self._in_lane = 0
        self._job: FileJob | None = None

    @property
    def waiting(self) -> int:
        """How many chunks, flushes and files have not been answered."""
        return len(self._waiting) + self._in_lane + (self._job is not None)

    def put(self, payload: str | bytes | Flush) -> None:
        """Convert *payload* after all that was put before it.  The caller bounds what waits."""
        if self._waiting or self._job is not None:
            self._waiting.append(payload)
        else:
            self._in_lane += 1
            self._lane.put(payload)

    def flush(self) -> None:
        """Have the tail that the resampler holds delivered, and begin afresh."""
        self.put(Flush())

    def put_file(self, text: str, container: Container) -> None:
        """Decode a file, given as base64.  It takes nothing from the stream that it interrupts,
        so the caller flushes before it.
        """
        self._waiting.append(_File(text, container))
        self._advance()

    def hold(self) -> None:
        """Convert nothing of what follows before `release` or `change`, one for each hold."""
        self._waiting.append(_Hold())

    def release(self) -> None:
        """What follows the oldest hold goes on as what was before it."""
        self._waiting.popleft()
        self._advance()

    def change(self, chain: Joinable, *, has_begun: bool) -> None:
        """What follows the oldest hold is for *chain*: see `Lane.change`.  All before it has been
        answered.
        """
        self._in_lane += 1
        self._lane.change(chain, has_begun=has_begun, changed=self._changed)

    def reset(self) -> None:
        """Forget everything; nothing of it is answered any more."""
        self._waiting.clear()
        self._in_lane = 0
        self._lane.reset()
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def end(self) -> None:
        """Forget everything, and whom it was for."""
        self.reset()
        self._lane.end()
        self._deliver = nobody

    def _changed(self) -> None:
        """Whoever is told may change it again."""
        self._waiting.popleft()

    def _advance(self) -> None:
        while self._waiting and self._job is None:
            head = self._waiting[0]
            if isinstance(head, _Hold) or (isinstance(head, _File) and self._in_lane):
                return
            self._waiting.popleft()
            if isinstance(head, _File):
                self._job = self._files.submit(head.text, head.container, self._on_file)
            else:
                self._in_lane += 1
                self._lane.put(head)

    def _on_block(self, outcome: Outcome) -> None:
        self._in_lane -= 1
        self._deliver(outcome)
        if self._waiting:
            self._advance()

    def _on_file(self, outcome: FileOutcome) -> None:
        self._job = None
        self._deliver(outcome)
        self._advance()
