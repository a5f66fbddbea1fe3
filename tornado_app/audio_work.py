"""Where the audio of all calls is worked on: threads for streams, a process for files."""

import asyncio

from tornado_app.audio.file_decoder import FileDecoder
from tornado_app.audio.pipeline import AudioPipeline
from tornado_app.house_rules import file_rules
from tornado_app.mailbox import Mailbox
from tornado_app.metrics.pool_times import PoolTimes
from tornado_app.settings.schema import Settings
from workers.pool import AudioPool


class AudioWork:
    """Of one process.  Thread: loop."""

    def __init__(
        self, settings: Settings, mailbox: Mailbox, loop: asyncio.AbstractEventLoop
    ) -> None:
        threads = settings.audio.threads
        self._loop = loop
        self.pool_times = PoolTimes()
        timed = self.pool_times.observe if settings.metrics.enabled else None
        self.pool = AudioPool(threads, timed=timed)
        self.pipeline = AudioPipeline(self.pool, mailbox, loop, jobs=threads)
        self.files = FileDecoder(file_rules(settings), loop)

    def go_by(self, settings: Settings) -> None:
        """What the operator has written by now; of the threads there are as many as before."""
        self.files.rules = file_rules(settings)

    async def stop(self) -> None:
        """Take nothing any more; `join` waits for what runs."""
        await self.files.stop()
        self.pool.stop()

    async def join(self, timeout_s: float) -> bool:
        """Whether the threads have ended, within *timeout_s*."""
        return await self._loop.run_in_executor(None, self.pool.join, timeout_s)
