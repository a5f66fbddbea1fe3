"""What each deadline that has passed means to the parts of a session."""

from tornado_app.protocol.endings import Ending, Failure
from tornado_app.session import (
    awaited_words,
    configuring,
    confirmations,
    cutting,
    tools,
    transcripts,
)
from tornado_app.session.connecting import NOT_READY
from tornado_app.session.gateway_parts import GatewayParts
from tornado_app.session.parts import Parts


class Deadlines:
    """Thread: loop."""

    def __init__(self, parts: Parts, own: GatewayParts) -> None:
        self._connecting = parts.connecting
        self._gate = parts.model.gate
        self._answers = own.answers
        self._confirmations = own.confirmations
        self._configuring = own.configuring
        self._lifetime = parts.lifetime
        self._awaited = own.awaited

    def on_timer(self, name: str) -> Ending | Failure | None:
        """Act on it.  An ending ends the session, a failure the link; mostly it is neither."""
        match name:
            case "ready":
                return NOT_READY
            case "redial":
                self._connecting.dial()
            case "release":
                self._gate.release()
            case "audio_rate":
                pass  # `ease` follows every event
            case "response":
                return self._answers.on_timer()
            case cutting.TIMER:
                self._answers.cutting.on_timer()
            case tools.TIMER:
                self._answers.tools.on_timer()
            case confirmations.TIMER:
                self._confirmations.on_timer()
            case configuring.TIMER:
                return self._configuring.on_timer()
            case awaited_words.TIMER:
                self._awaited.on_timer()
            case transcripts.TIMER:
                self._answers.downlink.words_due()
            case _:
                return self._lifetime.on_timer(name)
        return None
