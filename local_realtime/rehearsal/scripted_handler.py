"""The Tornado shell of a script.  Thread: loop."""

import asyncio

from local_realtime.errors import Fatal
from local_realtime.handlers.opening import unix_now
from local_realtime.handlers.playable import Playable
from local_realtime.handlers.realtime import loop_now
from local_realtime.handlers.registry import Registry
from local_realtime.rehearsal.fault_errors import in_band_refusal
from local_realtime.rehearsal.faults import Faults
from local_realtime.rehearsal.faulty import Faulty
from local_realtime.rehearsal.faulty_handler import FaultyHandler, HeaderFaults
from local_realtime.rehearsal.scripted import Run, ScriptedSession
from local_realtime.session.outbox import Output

WRONG_KEY = 3000


class ScriptedHandler(FaultyHandler):
    """One client's WebSocket, with the next part of a script in place of a session."""

    def initialize(  # type: ignore[override]
        self, registry: Registry, faults: Faults, header_faults: HeaderFaults, run: Run
    ) -> None:
        super().initialize(registry, faults, header_faults)
        self._run = run
        self._play: ScriptedSession | None = None

    def _refusal(self) -> Fatal | None:
        """Of the handshake only the key is looked at: the rest is the script's."""
        fatal = super()._refusal()
        is_wanted = in_band_refusal(self._faults) is not None
        return fatal if fatal and (is_wanted or fatal.close_code == WRONG_KEY) else None

    async def _begin(self) -> None:
        # Scripts reset connections and send what is no event, as faults do.
        self._faulty = self._faulty or Faulty({}, unix_now())
        await super()._begin()

    def _queue_of(self, output: Output) -> asyncio.Queue[Output] | None:  # noqa: ARG002
        """All steps of a script stay in their order."""
        return self._answers

    def _new_session(self) -> Playable:
        model: str = self._handshake().model
        self._play = self._run.session(model, loop_now())
        return self._play

    def on_close(self) -> None:
        super().on_close()
        if self._play:
            self._play.closed(self.close_code)
            self._run.left()
