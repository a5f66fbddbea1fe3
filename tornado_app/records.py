"""What is kept of calls when they are over: recordings, spans, and what they have used."""

from tornado_app.recordings.recorder import new_recorder
from tornado_app.settings.schema import Settings
from tornado_app.tracing.tracing import new_tracing
from tornado_app.upstream import endpoint
from tornado_app.usage.usage import new_usage

TRACES_S = 3.0
"""How long the last spans have to reach their collector; the process may have to be gone soon."""


class Records:
    """Of one process, beginning when it is made.  Thread: loop."""

    def __init__(self, settings: Settings) -> None:
        self.recorder = new_recorder(settings.recordings)
        self.tracing = new_tracing(settings.traces, endpoint.provider(settings))
        self.usage = new_usage(settings.usage)

    async def stop(self, timeout_s: float) -> None:
        """Bring to its end what waits to be written, each within *timeout_s*."""
        if self.recorder is not None:
            await self.recorder.stop(timeout_s)
        await self.usage.stop(timeout_s)
        if self.tracing is not None:
            await self.tracing.exporter.stop(TRACES_S)
