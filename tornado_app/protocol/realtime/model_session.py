"""How a session is asked for: the body of ``session.update``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tornado_app.protocol.realtime.functions import Function, HandedServer, tool_entry

TurnDetection = Literal["server_vad", "semantic_vad", "none"]
Output = Literal["audio", "text"]
SessionType = Literal["realtime", "transcription"]

MODEL_RATE_HZ = 24_000
"""The only PCM rate of the Realtime API (reference: audio formats)."""


@dataclass(frozen=True, slots=True)
class OneFunction:
    """The model calls this one and no other."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | OneFunction


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said before the call."""

    role: Literal["user", "assistant"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ModelSession:
    """What operator, token and client ask of the model, each as far as `tornado_app.policy` lets.

    What no client and no log is shown is left out of the repr.
    """

    model: str
    instructions: str = field(repr=False)
    voice: str
    turn_detection: TurnDetection
    vad_threshold: float
    vad_prefix_padding_ms: int
    vad_silence_ms: int
    transcription_model: str
    """Empty: what the user says is not transcribed."""
    max_output_tokens: int
    """0: no limit."""
    vad_idle_timeout_ms: int | None = None
    """After so much silence behind an answer the model speaks by itself."""
    vad_eagerness: str = ""
    """Of semantic_vad; empty: the model's own default."""
    create_response: bool = True
    """A turn that the model has ended is answered unasked."""
    interrupt_response: bool = True
    """Speech ends the answer that runs."""
    transcription_language: str = ""
    """Empty: the model finds out."""
    output: Output = "audio"
    speed: float = 1.0
    history: tuple[Turn, ...] = field(default=(), repr=False)
    """What the conversation begins with."""
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The application's own words on this call; the model is not told."""
    tools: tuple[Function, ...] = field(default=(), repr=False)
    """Those of the client."""
    tool_choice: ToolChoice = "auto"
    session: SessionType = "realtime"
    images: bool = False
    """The application lets its client show pictures; the model is not told."""

    idle_timeout_s: float = 0.0
    """A call in which nothing is said ends after so long; 0: it goes on.  The model is not told."""
    max_call_s: float = 0.0
    """So does any other; 0: it goes on.  The model is not told."""
    record: bool | None = None
    """The application wants this call recorded, or not; None: it has not said.  The model is not
    told."""

    @property
    def only_transcribes(self) -> bool:
        """Words come and no answers: what concerns answers means nothing."""
        return self.session == "transcription"

    @property
    def asked_model(self) -> str:
        """Which one answers, or writes down."""
        return self.transcription_model if self.only_transcribes else self.model


def session_body(
    wanted: ModelSession, server_tools: Sequence[Function | HandedServer] = ()
) -> dict[str, Any]:
    """The ``session`` of a ``session.update`` in the GA dialect; *server_tools* are no client's.

    https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
    """
    pcm = {"type": "audio/pcm", "rate": MODEL_RATE_HZ}
    hearing = {
        "format": pcm,
        "transcription": _transcription(wanted),
        "turn_detection": turn_detection_fields(wanted),
    }
    if wanted.only_transcribes:
        return {"type": wanted.session, "audio": {"input": hearing}}
    body: dict[str, Any] = {
        "type": wanted.session,
        "output_modalities": [wanted.output],
        "max_output_tokens": wanted.max_output_tokens or "inf",
        "audio": {"input": hearing, "output": {"format": pcm, "voice": wanted.voice}},
    }
    if wanted.speed != 1.0:
        body["audio"]["output"]["speed"] = wanted.speed
    if wanted.instructions:
        # An empty string would bring back the server's own default prompt, as absence does.
        body["instructions"] = wanted.instructions
    if tools := (*server_tools, *wanted.tools):
        choice = choice_field(wanted)
        body |= {"tools": [tool_entry(each) for each in tools], "tool_choice": choice}
    return body


def change_body(
    wanted: ModelSession,
    names: Collection[str],
    server_tools: Sequence[Function | HandedServer] = (),
) -> dict[str, Any]:
    """The ``session`` of an update that sets only what *names* say, as *wanted* has it.

    All is said, also what is the model's own default: what is left out would stay as it was.
    *server_tools* are the tools of the server, which stay beside any of the client's.
    """
    body: dict[str, Any] = {"type": wanted.session}
    hearing: dict[str, Any] = {}
    speaking: dict[str, Any] = {}
    for name in names:
        match name:
            case "instructions":
                body["instructions"] = wanted.instructions
            case "output":
                body["output_modalities"] = [wanted.output]
            case "max_output_tokens":
                body["max_output_tokens"] = wanted.max_output_tokens or "inf"
            case "tools":
                body["tools"] = [tool_entry(each) for each in (*server_tools, *wanted.tools)]
            case "tool_choice":
                body["tool_choice"] = choice_field(wanted)
            case "turn_detection":
                hearing["turn_detection"] = _all_turn_detection_fields(wanted)
            case "transcription_language":
                hearing["transcription"] = _transcription(wanted)
            case "voice":
                speaking["voice"] = wanted.voice
            case "speed":
                speaking["speed"] = wanted.speed
    audio = {name: part for name, part in (("input", hearing), ("output", speaking)) if part}
    return body | ({"audio": audio} if audio else {})


def choice_field(wanted: ModelSession) -> str | dict[str, str]:
    """Its ``tool_choice``."""
    choice = wanted.tool_choice
    return {"type": "function", "name": choice.name} if isinstance(choice, OneFunction) else choice


def _transcription(wanted: ModelSession) -> dict[str, Any] | None:
    if not wanted.transcription_model:
        return None
    language = wanted.transcription_language
    return {"model": wanted.transcription_model} | ({"language": language} if language else {})


def _all_turn_detection_fields(wanted: ModelSession) -> dict[str, Any] | None:
    """With null for what is not wanted any more: what a server lays over what it has."""
    fields = turn_detection_fields(wanted)
    if wanted.turn_detection == "server_vad" and fields is not None and not wanted.only_transcribes:
        return {"idle_timeout_ms": None, **fields}
    return fields


def turn_detection_fields(wanted: ModelSession) -> dict[str, Any] | None:
    """As the API has them; None: the client alone says when a turn is over."""
    answers: dict[str, Any] = {
        "create_response": wanted.create_response,
        "interrupt_response": wanted.interrupt_response,
    }
    if wanted.vad_idle_timeout_ms is not None and wanted.turn_detection == "server_vad":
        answers = {"idle_timeout_ms": wanted.vad_idle_timeout_ms, **answers}
    if wanted.only_transcribes:
        answers = {}
    match wanted.turn_detection:
        case "none":
            return None
        case "semantic_vad":
            eagerness = {"eagerness": wanted.vad_eagerness} if wanted.vad_eagerness else {}
            return {"type": "semantic_vad", **eagerness, **answers}
        case "server_vad":
            return {
                "type": "server_vad",
                "threshold": wanted.vad_threshold,
                "prefix_padding_ms": wanted.vad_prefix_padding_ms,
                "silence_duration_ms": wanted.vad_silence_ms,
                **answers,
            }
