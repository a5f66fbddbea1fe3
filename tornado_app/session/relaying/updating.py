"""What is in force of a call that its client configures."""

from typing import Any

import msgspec

from tornado_app.protocol.told import RelayedEvent
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide


class Updating:
    """Thread: loop."""

    def __init__(self, config: SessionConfig, model: ModelSide, actions: Actions) -> None:
        self._config = config
        self._model = model
        self._actions = actions
        self._is_begun = False

    def on_updated(self, text: str) -> None:
        """The model has taken an update: the client's, or what it was begun with."""
        if self._model.state == "connected":
            self._actions.say(RelayedEvent(text))
            return
        if self._model.on_updated() and not self._is_begun:
            self._is_begun = True
            event: dict[str, Any] = msgspec.json.decode(text)
            event["type"] = "session.created"
            self._actions.say(RelayedEvent(msgspec.json.encode(event).decode()))
