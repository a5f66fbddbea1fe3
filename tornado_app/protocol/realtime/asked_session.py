"""The API's `session` object: what somebody asks with one, and how one is shown.

https://platform.openai.com/docs/api-reference/realtime-sessions/create-realtime-client-secret
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.api_errors import missing, need, unknown
from tornado_app.protocol.realtime.model_session import (
    ModelSession,
    OneFunction,
    choice_field,
    session_body,
)

PATHS: Mapping[str, str] = {
    "session": "session.type",
    "model": "session.model",
    "instructions": "session.instructions",
    "output": "session.output_modalities",
    "max_output_tokens": "session.max_output_tokens",
    "tools": "session.tools",
    "tool_choice": "session.tool_choice",
    "turn_detection": "session.audio.input.turn_detection",
    "transcription_model": "session.audio.input.transcription.model",
    "transcription_language": "session.audio.input.transcription.language",
    "voice": "session.audio.output.voice",
    "speed": "session.audio.output.speed",
}
"""Where the API has what `tornado_app.policy` calls so."""

CLEARED: Final[tuple[Any, ...]] = (None, "", [])
"""What leaves a field as it would be, as in an update."""
Types = Mapping[str, tuple[str, *tuple[type, ...]]]
"""What a value has to be, as the API says it and as Python has it."""

TURN_DETECTION_TYPES: Final[Types] = {
    "type": ("a string", str),
    "threshold": ("a decimal", int, float),
    "prefix_padding_ms": ("an integer", int),
    "silence_duration_ms": ("an integer", int),
    "idle_timeout_ms": ("an integer", int),
    "create_response": ("a boolean", bool),
    "interrupt_response": ("a boolean", bool),
    "eagerness": ("a string", str),
}
_TOOL_TYPES: Final[Types] = {
    "type": ("a string", str),
    "name": ("a string", str),
    "description": ("a string", str),
    "parameters": ("an object", dict),
}
_TYPES: Final[Types] = {
    "type": ("a string", str),
    "model": ("a string", str),
    "instructions": ("a string", str),
    "output_modalities": ("an array", list),
    "max_output_tokens": ("an integer or 'inf'", int, str),
    "tools": ("an array", list),
    "tool_choice": ("a string or an object", str, dict),
    "audio.input.turn_detection": ("an object", dict),
    "audio.input.transcription.model": ("a string", str),
    "audio.input.transcription.language": ("a string", str),
    "audio.output.voice": ("a string or an object", str, dict),
    "audio.output.speed": ("a decimal", int, float),
}
PCM = {"type": "audio/pcm", "rate": 24_000}
_TURNS = "audio.input.turn_detection"
_TRANSCRIPTION = "audio.input.transcription"
_LEFT_AT: Mapping[str, tuple[Any, ...]] = {
    "truncation": ("auto",),
    "tracing": (),
    "prompt": (),
    "include": (),
    "reasoning": (),
    "parallel_tool_calls": (True,),
    "object": ("realtime.session", "realtime.transcription_session"),
    "audio.input.format": (PCM,),
    "audio.input.noise_reduction": (),
    "audio.input.transcription.prompt": (),
    "audio.input.transcription.delay": (),
    "audio.input.transcription.keywords": (),
    "audio.input.transcription.languages": (),
    "audio.output.format": (PCM,),
}
"""What may be said and is not chosen here, with the values at which it is left."""


def fields_asked(session: Mapping[str, Any]) -> dict[str, Any]:
    """What a session object sets, by the names of `tornado_app.policy`, which checks the values.

    Raises:
        Refused: For what is unknown, or of another shape; ``field`` is its path in the API.
    """
    if "type" not in session:
        raise missing(PATHS["session"])
    asked: dict[str, Any] = {"session": _of_type("type", session["type"])}
    for name, value in session.items():
        match name:
            case "type":
                pass
            case "audio":
                asked |= _audio(_object("audio", value))
            case _ if name not in _TYPES:
                _leave(name, value)
            case _ if value in CLEARED or (name, value) == ("max_output_tokens", "inf"):
                pass
            case "output_modalities":
                asked["output"] = _only(_of_type(name, value))
            case "tools":
                entries = enumerate(_of_type(name, value))
                asked[name] = [_tool(f"tools[{number}]", entry) for number, entry in entries]
            case _:
                asked[name] = _of_type(name, value)
    if asked["session"] == "realtime":
        del asked["session"]
    return asked


def api_path(field: str | None) -> str | None:
    """Where the API has a field that `tornado_app.policy` has refused, or a part of it."""
    if field is None:
        return None
    name = field.replace("[", ".").partition(".")[0]
    return PATHS[name] + field.removeprefix(name) if name in PATHS else field


def session_shown(
    begun: ModelSession, said: Mapping[str, Any], *, has_transcripts: bool
) -> dict[str, Any]:
    """What a client of a call that begins as *begun* may be told of it.

    Of what no client is shown it has that alone which was *said* by whom it is for.
    """
    body = session_body(begun)
    if begun.only_transcribes:
        shown = {"object": "realtime.transcription_session", "include": None, **body}
        return {**shown, "expires_at": 0}
    if not has_transcripts:
        body["audio"]["input"]["transcription"] = None
    body["audio"]["output"]["speed"] = begun.speed
    return {
        "object": "realtime.session",
        "expires_at": 0,
        "model": begun.model,
        "tools": [],
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
        **body,
        "tool_choice": _choice_shown(begun),
        "instructions": said.get("instructions", ""),
    }


def _choice_shown(begun: ModelSession) -> str | dict[str, str]:
    """What tools of the server are called no client is told."""
    choice, own = begun.tool_choice, {tool.name for tool in begun.tools}
    is_hidden = isinstance(choice, OneFunction) and choice.name not in own
    return "auto" if is_hidden else choice_field(begun)


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
            asked[name] = "none" if value in CLEARED else _turns(_of_type(_TURNS, value))
        elif name == "transcription":
            asked |= {} if value in CLEARED else _transcription(_object(_TRANSCRIPTION, value))
        else:
            _leave(f"audio.input.{name}", value)
    return asked


def _transcription(given: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for part, word in given.items():
        path = f"{_TRANSCRIPTION}.{part}"
        if path not in _TYPES:
            _leave(path, word)
        elif word not in CLEARED:
            asked[f"transcription_{part}"] = _of_type(path, word)
    return asked


def _output(given: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, value in given.items():
        if name in {"voice", "speed"}:
            if value not in CLEARED:
                asked[name] = _of_type(f"audio.output.{name}", value)
        else:
            _leave(f"audio.output.{name}", value)
    return asked


def _turns(given: Mapping[str, Any]) -> dict[str, Any]:
    return _said(_TURNS, given, TURN_DETECTION_TYPES)


def _tool(path: str, entry: Any) -> dict[str, Any]:
    """One without parameters has an empty object for them with some libraries."""
    need(f"session.{path}", entry, "an object", dict)
    said = _said(path, entry, _TOOL_TYPES)
    return said if said.get("parameters") != {} else {**said, "parameters": {"type": "object"}}


def _said(path: str, given: Mapping[str, Any], types: Types) -> dict[str, Any]:
    """Null says nothing within an object; which parts there are, `tornado_app.policy` knows."""
    said = {name: value for name, value in given.items() if value is not None}
    for name in types.keys() & said.keys():
        need(f"session.{path}.{name}", said[name], *types[name])
    return said


def _of_type(path: str, value: Any) -> Any:
    need(f"session.{path}", value, *_TYPES[path])
    return value


def _only(value: Any) -> Any:
    """The API takes one of two in a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _object(path: str, value: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {} if value is None else value
    need(f"session.{path}", found, "an object", dict)
    return found


def _leave(path: str, value: Any) -> None:
    if path not in _LEFT_AT:
        raise _unknown(path)
    if value not in CLEARED and not any(_is_left(value, usual) for usual in _LEFT_AT[path]):
        sentence = f"session.{path} cannot be chosen here; leave it out."
        raise Refused("invalid_message", sentence, f"session.{path}")


def _is_left(value: Any, usual: Any) -> bool:
    """Whether it is as it would be, and so is what an object says nothing of."""
    if isinstance(value, dict) and isinstance(usual, dict):
        said = {name: part for name, part in value.items() if part is not None}
        return {**usual, **said} == usual
    return bool(value == usual)


def _unknown(path: str) -> Refused:
    return unknown(f"session.{path}" if len(path) <= 64 and path.isprintable() else "session")
