"""What a client has asked for itself, and how it stands towards what it may ask for."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tornado_app.policy.api_words import Standing
from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.protocol.realtime.functions import tool_entry
from tornado_app.protocol.realtime.model_session import ModelSession, choice_field
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.reading import dict_of
from tornado_app.session.relaying.veil import Veil


@dataclass(frozen=True, slots=True)
class Change:
    """What an update of that name asks for."""

    name: str
    body: Mapping[str, Any]
    own: Mapping[str, Any]
    """What of it is the client's, and may be shown to it."""


class Client:
    """Thread: loop."""

    def __init__(self, config: SessionConfig, model: ModelSide, veil: Veil) -> None:
        self.config = config
        self._model = model
        self._veil = veil
        self.own: Mapping[str, Any] = {}
        """Instructions, tools and their choice that the model has taken of it."""
        self.is_written_down = config.call_rules.has_transcripts(config.model_session)
        """The model has been told who writes down what the user says."""
        self.changes: deque[Change] = deque()
        """What the model has been asked for and has not answered, the oldest first."""
        self._server_tools = tuple(tool_entry(each) for each in config.tools.told)
        self._token_tools = tuple(tool_entry(each) for each in config.model_session.tools)

    @property
    def instructions(self) -> str:
        """What the model goes by when it comes to what is asked now."""
        return self._asked_last("instructions", "") or self.config.model_session.instructions

    @property
    def tool_choice(self) -> Any:
        """Which tools the model may or must call then."""
        return self._asked_last("tool_choice", choice_field(self.config.model_session))

    def standing(self) -> Standing:
        """As it will be when the model comes to what is asked now: it takes events in order."""
        config, in_force = self.config, self._model.in_force
        return Standing(
            rules=config.call_rules,
            begun=config.model_session,
            turn_detection=self._turn_detection(),
            server_tools=self._server_tools,
            client_tools=tuple(self._asked_last("tools", self._token_tools)),
            only_transcribes=in_force.only_transcribes,
            transcription_models=_may_transcribe(in_force, config),
            is_written_down=self._is_written_down(),
            # What is recorded is in the model's own format.
            converts_input=config.source != MODEL_FORMAT or config.recorded is not None,
            converts_output=config.target != MODEL_FORMAT or config.recorded is not None,
            is_hidden=self._veil.hides,
            is_hidden_call=self._veil.hides_call,
            shows=config.pictures.are_allowed,
        )

    def _asked_last(self, name: str, begun: Any) -> Any:
        """What the client has asked for last, if the model has not refused it; *begun*: nothing."""
        for change in reversed(self.changes):
            if name in change.own:
                return change.own[name]
        return self.own.get(name, begun)

    def _turn_detection(self) -> str:
        kind: str = self._model.in_force.turn_detection
        for change in self.changes:
            hearing = dict_of(dict_of(change.body.get("audio")).get("input"))
            if "turn_detection" in hearing:
                detection = dict_of(hearing["turn_detection"])
                kind = detection.get("type", kind) if detection else "none"
        return kind

    def _is_written_down(self) -> bool:
        is_asked = self.is_written_down
        for change in self.changes:
            is_asked = asks_to_write_down(change.body, is_asked=is_asked)
        return is_asked


def asks_to_write_down(body: Mapping[str, Any], *, is_asked: bool) -> bool:
    """Whether somebody writes down when an update has been taken, and *is_asked*: before it."""
    hearing = dict_of(dict_of(body.get("audio")).get("input"))
    return bool(hearing["transcription"]) if "transcription" in hearing else is_asked


def _may_transcribe(in_force: ModelSession, config: SessionConfig) -> tuple[str, ...]:
    usual = in_force.transcription_model
    if "transcription_model" in config.call_rules.fixed:
        return (usual,)
    return tuple(dict.fromkeys((usual, *config.transcription_models))) if usual else ()
