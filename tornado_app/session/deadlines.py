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
from tornado_app.session.answers import Answers
from tornado_app.session.awaited_words import AwaitedWords
from tornado_app.session.configuring import Configuring
from tornado_app.session.confirmations import Confirmations
from tornado_app.session.connecting import NOT_READY, Connecting
from tornado_app.session.lifetime import Lifetime
from tornado_app.session.order_gate import OrderGate


class Deadlines:
    """Thread: loop."""

    def __init__(
        self,
        connecting: Connecting,
        gate: OrderGate,
        answers: Answers,
        confirmations: Confirmations,
        configuring: Configuring,
        *,
        lifetime: Lifetime,
        awaited: AwaitedWords,
    ) -> None:
        self._connecting = connecting
        self._gate = gate
        self._answers = answers
        self._confirmations = confirmations
        self._configuring = configuring
        self._lifetime = lifetime
        self._awaited = awaited

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
