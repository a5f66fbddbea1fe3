"""The Tornado shell of a script.  Thread: loop."""

from typing import TYPE_CHECKING

from local_realtime.errors import Fatal
from local_realtime.fault_errors import in_band_refusal
from local_realtime.faulty import Faulty
from local_realtime.faulty_handler import FaultyHandler
from local_realtime.handler import _now
from local_realtime.opening_handler import unix_now
from local_realtime.outbox import Output
from local_realtime.playable import Playable
from local_realtime.scripted import Run, ScriptedSession

if TYPE_CHECKING:
    from local_realtime.server import LocalRealtime

WRONG_KEY = 3000


class ScriptedHandler(FaultyHandler):
    """One client's WebSocket, with the next part of a script in place of a session."""

    def initialize(self, server: "LocalRealtime", run: Run) -> None:  # type: ignore[override]
        super().initialize(server)
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

    def _may_wait(self, output: Output) -> bool:  # noqa: ARG002
        """All steps of a script stay in their order."""
        return True

    def _new_session(self) -> Playable:
        model: str = self._handshake().model
        self._play = self._run.session(model, _now())
        return self._play

    def on_close(self) -> None:
        super().on_close()
        if self._play:
            self._play.closed(self.close_code)
            self._run.left()
