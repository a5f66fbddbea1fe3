"""Writes records down, in a thread of its own; no call waits for it.

What cannot be written is tried again for as long as there is room; what is lost then is counted,
and so is what a place takes never.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from tornado_app.logs import get_logger
from tornado_app.usage.record import Record
from tornado_app.usage.trouble import word_of

WAITING_MOST = 50_000
"""Records, some 1 KB each: an hour of 100 calls with ten answers a minute is 60,000."""
BATCH = 500
EACH_S = 0.5
"""So old a record is at the most when it is written, if it can be."""
RETRY_S = 2.0
LINE_EACH_S = 60.0
SWEEP_EACH_S = 3600.0
DAY_MS = 86_400_000


class Sink(Protocol):
    """Where records go.  Thread: the keeper's."""

    def write(self, records: Sequence[Record]) -> None:
        """All or none of them, each once; raises if it cannot, ValueError if it never will."""

    def sweep(self, before_unix_ms: int) -> bool:
        """Forget some of what is older; whether there may be more; raises if it cannot."""

    def close(self) -> None: ...


class Keeper:
    """Thread: loop, but for what says otherwise."""

    def __init__(
        self,
        sink: Callable[[], Sink],
        keep_days: float,
        now_unix_s: Callable[[], float] = time.time,  # noqa: TID251  days are those of people
        *,
        setting: str,
    ) -> None:
        """*sink* is made in the thread, and again after it has failed; *setting* names it."""
        self._make = sink
        self.setting = setting
        self._keep_ms = keep_days * DAY_MS
        self._now_unix_s = now_unix_s
        self._sink: Sink | None = None
        self._waiting: deque[Record] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._said_at = -LINE_EACH_S
        self._told_lost = 0
        """Of those lost, how many the log has told of."""
        self._swept_at = -SWEEP_EACH_S
        self.written = 0
        self.lost = 0
        """There was no room for them, or the place does not take them."""
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records that are not written yet."""
        return len(self._waiting)

    def put(self, record: Record) -> None:
        """Have it written; never waits."""
        with self._lock:
            if len(self._waiting) >= WAITING_MOST:
                self.lost += 1
                return
            self._waiting.append(record)
            is_much = len(self._waiting) >= BATCH
        if is_much:
            self._wake.set()

    async def stop(self, timeout_s: float) -> bool:
        """Write what is left, if that can be in time; False: it could not."""
        self._stopping.set()
        self._wake.set()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, timeout_s)
        left = len(self._waiting)
        self._lose(left)
        self._say_lost()  # here: the thread may find its way once more, and would tell it again
        return not left

    def _run(self) -> None:
        """Thread: usage."""
        while True:
            is_last = self._stopping.is_set()
            is_written = self._write_all()
            if is_last:
                break
            self._sweep_if()
            if is_written:
                self._say_lost_if()
                self._wake.wait(EACH_S)
                self._wake.clear()
            else:
                self._stopping.wait(RETRY_S)
        self._close()

    def _write_all(self) -> bool:
        """Thread: usage.  False: some are left for another time, or would be."""
        try:
            if self._sink is None:
                self._sink = self._make()
                self._sink.write(())  # where nothing can be written, that is said at the start
            while batch := self._first(BATCH):
                try:
                    self._take(self._sink, batch)
                except ValueError:
                    self._take_each(self._sink, len(batch))
        except Exception as error:  # noqa: BLE001  whatever a library says of a disk
            self._complain(error)
            self._close()
            return False
        return True

    def _take(self, sink: Sink, batch: Sequence[Record]) -> None:
        """Thread: usage."""
        sink.write(batch)
        self._forget(len(batch))
        self.written += len(batch)

    def _take_each(self, sink: Sink, count: int) -> None:
        """Thread: usage.  One that does not fit is lost, and keeps nobody else waiting."""
        for _ in range(count):
            try:
                self._take(sink, self._first(1))
            except ValueError as error:
                self._forget(1)
                self._lose(1)
                self._complain(error)

    def _first(self, most: int) -> list[Record]:
        """Thread: usage, which alone takes any away."""
        with self._lock:
            return [self._waiting[index] for index in range(min(len(self._waiting), most))]

    def _forget(self, count: int) -> None:
        """Thread: usage."""
        with self._lock:
            for _ in range(count):
                self._waiting.popleft()

    def _lose(self, count: int) -> None:
        """Thread: any."""
        with self._lock:
            self.lost += count

    def _sweep_if(self) -> None:
        """Thread: usage."""
        if self._sink is None or time.monotonic() < self._swept_at + SWEEP_EACH_S:
            return
        try:
            is_more = self._sink.sweep(int(self._now_unix_s() * 1000 - self._keep_ms))
        except Exception as error:  # noqa: BLE001  as above
            self._complain(error)
            self._close()
            is_more = False
        if not is_more:
            self._swept_at = time.monotonic()

    def _complain(self, error: Exception) -> None:
        """Thread: usage.  A disk that is full concerns every record, and is one line a minute."""
        if time.monotonic() >= self._said_at + LINE_EACH_S:
            self._said_at = time.monotonic()
            lost = self._told_lost = self.lost
            get_logger().error(
                "usage_unwritten",
                setting=self.setting,
                waiting=len(self._waiting),
                lost=lost,
                why=word_of(error),
            )

    def _say_lost_if(self) -> None:
        """Thread: usage.  A place that is slow fails at nothing, and yet there may be no room."""
        if time.monotonic() >= self._said_at + LINE_EACH_S:
            self._say_lost()

    def _say_lost(self) -> None:
        """Thread: any.  All that no line has told of."""
        with self._lock:
            count, self._told_lost = self.lost - self._told_lost, self.lost
        if count:
            self._said_at = time.monotonic()
            get_logger().error("usage_lost", setting=self.setting, count=count)

    def _close(self) -> None:
        """Thread: usage."""
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001  it is over in any case
                self._complain(error)
