"""Words that the model owes to a call which only transcribes, as of `AwaitedWords` at `/ws`.

Beside answers words may be missing; here there is nothing else to come.
"""

from collections import deque

import msgspec

from tornado_app.session.actions import Actions
from tornado_app.session.model_side import ModelSide

AWAITED = 64
"""Turns; a model that owes the words of more has the oldest forgotten."""
ENDED_KEPT = 16
"""Turns whose words came before the model said that it had made one of them."""
FAILED = "conversation.item.input_audio_transcription.failed"
LOST = "The model was lost before it had written down what was said. Say it again."
LATE = "The model did not write down in time what was said. Say it again."


class OwedWords:
    """Thread: loop."""

    def __init__(self, actions: Actions, model: ModelSide) -> None:
        self._actions = actions
        self._model = model
        self._since: dict[str, float] = {}
        """By the names of the turns, when the model was last heard of them."""
        self._ended: deque[str] = deque(maxlen=ENDED_KEPT)

    def __len__(self) -> int:
        """Of so many turns."""
        return len(self._since)

    def committed(self, item_id: str) -> None:
        """The model has made a turn of speech."""
        if self._model.in_force.only_transcribes and item_id not in self._ended:
            self._since[item_id] = self._actions.now
            if len(self._since) > AWAITED:
                del self._since[next(iter(self._since))]

    def heard(self, item_id: str) -> None:
        """A piece of its words came."""
        if item_id in self._since:
            self._since[item_id] = self._actions.now

    def ended(self, item_id: str) -> None:
        """They are complete, or there will be none."""
        if self._since.pop(item_id, None) is None:
            self._ended.append(item_id)

    def lost(self) -> list[str]:
        """The model is gone: the ends of what it owed, as the API has them."""
        self._ended.clear()
        turns, self._since = self._since, {}
        return [_failed(item_id, LOST) for item_id in turns]

    def late(self, timeout_s: float) -> list[str]:
        """The same of what is not waited for any more."""
        dues = {name: self._model.due(at, timeout_s) for name, at in self._since.items()}
        now = self._actions.now
        late = [name for name, due_at in dues.items() if due_at is not None and now >= due_at]
        for name in late:
            del self._since[name]
            self._actions.log("upstream_late", waited_for="transcript")
        return [_failed(name, LATE) for name in late]


def _failed(item_id: str, message: str) -> str:
    error = {"type": "server_error", "code": "server_error", "message": message, "param": None}
    event = {"type": FAILED, "event_id": f"event_{item_id}_words", "item_id": item_id}
    return msgspec.json.encode({**event, "content_index": 0, "error": error}).decode()
