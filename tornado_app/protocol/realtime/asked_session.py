"""The API's `session` object: what somebody asks with one, and how one is shown.

https://platform.openai.com/docs/api-reference/realtime-sessions/create-realtime-client-secret
"""

from collections.abc import Callable, Mapping
from typing import Any

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.api_errors import missing, unknown, wrong_type
from tornado_app.protocol.realtime.model_session import ModelSession, session_body

PATHS: Mapping[str, str] = {
    "session": "session.type",
    "model": "session.model",
    "instructions": "session.instructions",
    "output": "session.output_modalities",
    "max_output_tokens": "session.max_output_tokens",
    "tools": "session.tools",
    "tool_choice": "session.tool_choice",
    "turn_detection": "session.audio.input.turn_detection",
    "transcription_language": "session.audio.input.transcription.language",
    "voice": "session.audio.output.voice",
    "speed": "session.audio.output.speed",
}
"""Where the API has what `tornado_app.policy` calls so."""

PCM = {"type": "audio/pcm", "rate": 24_000}
_LEFT_AT: Mapping[str, tuple[Any, ...]] = {
    "truncation": (None, "auto"),
    "tracing": (None,),
    "prompt": (None,),
    "include": (None, []),
    "reasoning": (None,),
    "parallel_tool_calls": (None, True),
    "object": (None, "realtime.session", "realtime.transcription_session"),
    "audio.input.format": (None, PCM),
    "audio.input.noise_reduction": (None,),
    "audio.output.format": (None, PCM),
}
"""What may be said and is not chosen here, with the values at which it is left."""


def fields_asked(session: Mapping[str, Any]) -> dict[str, Any]:
    """What a session object sets, by the names of `tornado_app.policy`, which checks the values.

    A model that transcribes is the operator's choice, and passed over.

    Raises:
        Refused: For what is unknown, or of another shape; ``field`` is its path in the API.
    """
    if "type" not in session:
        raise missing(PATHS["session"])
    asked: dict[str, Any] = {}
    for name, value in session.items():
        match name:
            case "type":
                asked["session"] = value
            case "model" | "instructions" | "tool_choice" | "tools":
                if value is not None:
                    asked[name] = value
            case "max_output_tokens":
                if value not in ("inf", None):
                    asked[name] = value
            case "output_modalities":
                asked["output"] = _only(value)
            case "audio":
                asked |= _audio(_object("audio", value))
            case _:
                _leave(name, value)
    if asked["session"] == "realtime":
        del asked["session"]
    return asked


def api_path(field: str | None) -> str | None:
    """Where the API has a field that `tornado_app.policy` has refused, or a part of it."""
    if field is None:
        return None
    name = field.replace("[", ".").partition(".")[0]
    return PATHS[name] + field.removeprefix(name) if name in PATHS else field


def session_shown(begun: ModelSession, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a client of a call that begins as *begun* may be told of it.

    Of what no client is shown it has that alone which was *said* by whom it is for.
    """
    body = session_body(begun)
    if begun.only_transcribes:
        shown = {"object": "realtime.transcription_session", "include": None, **body}
        return {**shown, "expires_at": 0}
    return {
        "object": "realtime.session",
        "expires_at": 0,
        "model": begun.model,
        "tool_choice": "auto",
        "tools": [],
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
        **body,
        "instructions": said.get("instructions", ""),
    }


def _audio(audio: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    readers: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "input": _input,
        "output": _output,
    }
    for side, value in audio.items():
        if side not in readers:
            raise _unknown(f"audio.{side}")
        asked |= readers[side](_object(f"audio.{side}", value))
    return asked


def _input(given: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, value in given.items():
        if name == "turn_detection":
            asked[name] = "none" if value is None else value
        elif name == "transcription":
            language = _object(f"audio.input.{name}", value).get("language")
            asked |= {} if language is None else {"transcription_language": language}
        else:
            _leave(f"audio.input.{name}", value)
    return asked


def _output(given: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, value in given.items():
        if name in {"voice", "speed"}:
            asked |= {} if value is None else {name: value}
        else:
            _leave(f"audio.output.{name}", value)
    return asked


def _only(value: Any) -> Any:
    """The API takes one of two in a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _object(path: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(f"session.{path}", "an object")
    return value


def _leave(path: str, value: Any) -> None:
    if path not in _LEFT_AT:
        raise _unknown(path)
    if value not in _LEFT_AT[path]:
        sentence = f"session.{path} cannot be chosen here; leave it out."
        raise Refused("invalid_message", sentence, f"session.{path}")


def _unknown(path: str) -> Refused:
    return unknown(f"session.{path}" if len(path) <= 64 and path.isprintable() else "session")
