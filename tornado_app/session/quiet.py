"""Whether this is a moment at which nobody would notice that the model is another one."""

from tornado_app.session.gateway_parts import GatewayParts
from tornado_app.session.parts import Parts


class Quiet:
    """Neither side speaks, nothing plays, and nobody owes anybody anything.  Thread: loop."""

    def __init__(self, parts: Parts, own: GatewayParts) -> None:
        self._model = parts.model
        self._actions = parts.actions
        self._uplink = own.uplink
        self._answers = own.answers
        self._configuring = own.configuring
        self._awaited = own.awaited

    @property
    def is_now(self) -> bool:
        return not self._is_spoken and self._is_settled

    @property
    def _is_spoken(self) -> bool:
        """By the user, as far as the model hears it, or by the model, as far as it is heard."""
        speech, answers = self._model.rebuilding.speech, self._answers
        return (
            speech.is_heard
            # What is too long to be kept could not be said again.
            or speech.lost_ms > 0
            or not self._uplink.is_quiet
            or not answers.downlink.is_empty
            or answers.cutting.doubt is not None
            or bool(answers.playout.unheard(self._actions.now))
        )

    @property
    def _is_settled(self) -> bool:
        return (
            self._answers.asking.is_idle
            and self._model.gate.is_free
            and self._answers.tools.is_idle
            and self._configuring.is_idle
            and not self._awaited.are_near
        )
