"""Whoever conducts the conversation of a call: the gateway, or a client by itself.

The session is one; what its events mean for the conversation is for one of the two
(`gateway_conducts.py`, `relaying/client_conducts.py`).
"""

from collections.abc import Callable
from typing import Protocol

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.figures import AudioFigures, CostFigures, LimitUse
from tornado_app.protocol.realtime.events import UpstreamEvent
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.session.events import Converted, ToolDone, Unusable
from tornado_app.session.record import SoundFormats
from tornado_app.session.sent import Sent


class Outward(Protocol):
    """What the model says, on its way to the client."""

    may_go_on: bool
    """Something waits that may go as soon as the client has room: call `go_on`."""
    sent: Sent

    @property
    def holds(self) -> bool:
        """Something waits for the client: the model need not be read on."""

    @property
    def waiting_ms(self) -> float: ...

    @property
    def broken_pieces(self) -> int: ...

    def go_on(self) -> None: ...

    def not_taken(self) -> None:
        """The client had no room: what waits does not wait for us."""

    def ready(self, result: Converted | Unusable) -> None: ...

    def finish(self) -> None:
        """The session ends: say now what must be said."""

    def forget(self) -> None:
        """The session ends, and nobody is there."""


class Conductor(Protocol):
    """What a session asks of it.  Thread: loop."""

    @property
    def downlink(self) -> Outward: ...

    @property
    def is_busy(self) -> bool:
        """An answer runs, is asked for or to come, or waits for tools or for the client."""

    @property
    def heard_until(self) -> float:
        """Until when the client has heard something; now, if it does."""

    @property
    def speech_since(self) -> float | None:
        """When the user began to say what they are saying."""

    @property
    def sound_formats(self) -> SoundFormats:
        """Of what the model hears and says."""

    @property
    def sound_at(self) -> float:
        """When there was a sound in the client's audio."""

    @property
    def has_streamed(self) -> bool:
        """The client has sent audio that was no file, and its sound is looked at."""

    def stop_answering(self, refused: Refused) -> None:
        """Have no answer begin any more but one that is said alone, because of *refused*."""

    def say_alone(self, sentence: str) -> bool:
        """Have the model say this, in no turn; False: it cannot now."""

    @property
    def is_quiet(self) -> bool:
        """Nobody would notice now that the model is another one: neither side speaks, nothing
        plays, and nobody owes anybody anything.
        """

    def audio(self, payload: str | bytes) -> None:
        """Speech of the client."""

    def file(self, message: asked.AudioFile) -> Refused | None: ...

    def obey(self, message: asked.Command) -> Refused | None:
        """Act on what the client asks, or say why not."""

    def tell_status(self, limits: dict[str, LimitUse], cost: CostFigures | None) -> None: ...

    def takes(self, too_fast: Refused) -> bool:
        """Whether a message is taken that came too fast; if not, the client is told so."""

    def refuse(self, refused: Refused) -> None:
        """Say it behind the answers to all that the client said before."""

    def in_turn(self, say: Callable[[], None]) -> None:
        """Have it said behind the answers to all that the client said before."""

    def forget_pending(self) -> None:
        """Nothing of what the client has said is waited for any more; what is owed is said."""

    def ease(self) -> None:
        """Something may have left: read a client again that was paused."""

    def uplink_ready(self, result: Converted | Unusable) -> None: ...

    def tool_done(self, result: ToolDone) -> None: ...

    def hear(self, said: UpstreamEvent | Overheard) -> Ending | Failure | None:
        """What the model says.  An ending ends the session, a failure the link."""

    def settle(self) -> None:
        """Behind whatever may have brought a result or ended an answer."""

    def on_timer(self, name: str) -> Ending | Failure | None: ...

    def on_lost(self, unsent_ms: float, *, goes_on: bool) -> None:
        """A model that was connected is gone; *goes_on*: it is dialled again."""

    def on_connected(self) -> None:
        """There is another one."""

    def away(self) -> None:
        """The client is lost, and may come back."""

    def back(self, resume_token: str, *, was_away: bool) -> None: ...

    def look(self, queued_bytes: int) -> None:
        """Once a second."""

    def figures(self) -> AudioFigures: ...

    def shut(self, *, is_told: bool) -> None:
        """The session ends; *is_told*: the client is still there."""

    def release(self) -> None:
        """It has ended: nothing is kept."""
