"""What a client has asked for itself, and how it stands towards what it may ask for."""

from collections.abc import Mapping
from typing import Any

from tornado_app.policy.api_words import Standing
from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.protocol.realtime.functions import tool_entry
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.veil import Veil


class Client:
    """Thread: loop."""

    def __init__(self, config: SessionConfig, model: ModelSide, veil: Veil) -> None:
        self.config = config
        self._model = model
        self._veil = veil
        self.own: Mapping[str, Any] = {}
        """Instructions and tools that the model has taken of it."""
        self._server_tools = tuple(tool_entry(each) for each in config.tools.told)
        self._token_tools = tuple(tool_entry(each) for each in config.model_session.tools)

    @property
    def instructions(self) -> str:
        """What the model goes by."""
        return self.own.get("instructions") or self.config.model_session.instructions

    def standing(self) -> Standing:
        config, in_force = self.config, self._model.in_force
        return Standing(
            rules=config.call_rules,
            begun=config.model_session,
            turn_detection=in_force.turn_detection,
            server_tools=self._server_tools,
            client_tools=tuple(self.own.get("tools", self._token_tools)),
            only_transcribes=in_force.only_transcribes,
            transcription_models=_may_transcribe(in_force, config),
            # What is recorded is in the model's own format.
            converts_input=config.source != MODEL_FORMAT or config.recorded is not None,
            converts_output=config.target != MODEL_FORMAT or config.recorded is not None,
            is_hidden=self._veil.hides,
            shows=config.pictures.are_allowed,
        )


def _may_transcribe(in_force: ModelSession, config: SessionConfig) -> tuple[str, ...]:
    usual = in_force.transcription_model
    return (usual, *config.transcription_models) if usual else ()
