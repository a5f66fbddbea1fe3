"""Orders to the model to stop, by number."""

from tornado_app.protocol.realtime.orders import CancelResponse
from tornado_app.session.known_answers import Running
from tornado_app.session.model_side import ModelSide
from tornado_app.session.request import order_number

CANCEL_ID = "parley_cancel"


class Cancels:
    """Thread: loop."""

    def __init__(self, model: ModelSide) -> None:
        self._model = model
        self._sent = 0

    def cancel(self, running: Running) -> None:
        """Have the model stop this answer."""
        running.cancel = self._send(running.response_id or None)

    def cancel_unknown(self) -> None:
        """Have it stop whatever runs there, of which it does not speak."""
        self._send(None)

    def is_about(self, event_id: str | None, running: Running) -> bool:
        """Whether a refusal is about the last order to stop this answer.  Not every server says."""
        last = running.cancel
        return bool(last) and order_number(event_id, CANCEL_ID, last) == last

    def _send(self, response_id: str | None) -> int:
        self._sent += 1
        self._model.send(CancelResponse(response_id, f"{CANCEL_ID}_{self._sent}"))
        return self._sent
