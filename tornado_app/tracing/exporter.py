"""Takes spans to a collector, in a thread of its own; no call waits for it.

What a collector does not take in time is dropped, and counted.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from tornado_app.logs import get_logger
from tornado_app.tracing.span import Span

QUEUE_SPANS = 8192
"""Some 2 KB each.  2,000 calls with a turn every ten seconds make 1,000 spans a second."""
BATCH_SPANS = 512
EACH_S = 1.0
"""So old a span is at the most when it leaves."""
LINE_EACH_S = 60.0
"""A collector that is away concerns every span, and is one line a minute."""
GIVEN_UP_S = 1.0
"""How long a thread has that was told to let go of what it was sending."""


class Collector(Protocol):
    """Where they go.  Thread: that of the exporter, but for `close`."""

    def send(self, spans: Sequence[Span]) -> bool:
        """Whether it has taken them, after a bounded time; never raises."""

    def close(self) -> None:
        """Send nothing more, and come back soon from what is being sent.  Thread: any."""


class Exporter:
    """Thread: loop, but for what says otherwise."""

    def __init__(
        self, collector: Callable[[], Collector], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*collector* makes it, in the thread: its libraries take a while to be read."""
        self._make = collector
        self._clock = clock
        self._collector: Collector | None = None
        self._queue: deque[Span] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._said_at = -LINE_EACH_S
        self.exported = 0
        self.dropped = 0
        """The queue was full."""
        self.failed = 0
        """The collector did not take them."""
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, span: Span) -> None:
        """Have *span* sent; never waits."""
        with self._lock:
            if len(self._queue) >= QUEUE_SPANS or self._stopping.is_set():
                self.dropped += 1
                return
            self._queue.append(span)
            is_much = len(self._queue) >= BATCH_SPANS
        if is_much:
            self._wake.set()

    async def stop(self, timeout_s: float) -> bool:
        """Send what is left, if that can be in time; False: it could not."""
        loop = asyncio.get_running_loop()
        self._stopping.set()
        self._wake.set()
        await loop.run_in_executor(None, self._thread.join, timeout_s)
        with self._lock:
            self.dropped += len(self._queue)
            self._queue.clear()
        if self._thread.is_alive():
            if self._collector is not None:
                self._collector.close()
            await loop.run_in_executor(None, self._thread.join, GIVEN_UP_S)
        return not self._thread.is_alive() and not self.dropped + self.failed

    def _run(self) -> None:
        """Thread: traces."""
        try:
            self._collector = collector = self._make()
        except Exception:  # noqa: BLE001  of a library that does not like its environment
            get_logger().exception("tracing_failed")
            return
        is_last = False
        while not is_last:
            self._wake.wait(EACH_S)
            self._wake.clear()
            is_last = self._stopping.is_set()
            while batch := self._taken():
                self._send(collector, batch)
        collector.close()

    def _taken(self) -> list[Span]:
        """Thread: traces.  No more than one request may have."""
        with self._lock:
            count = min(len(self._queue), BATCH_SPANS)
            return [self._queue.popleft() for _ in range(count)]

    def _send(self, collector: Collector, batch: list[Span]) -> None:
        """Thread: traces."""
        if collector.send(batch):
            self.exported += len(batch)
            return
        self.failed += len(batch)
        if self._clock() >= self._said_at + LINE_EACH_S:
            self._said_at = self._clock()
            lost = self.failed + self.dropped
            get_logger().warning("spans_lost", lost=lost, exported=self.exported)
