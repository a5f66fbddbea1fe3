"""The GPT Realtime API's own events (GA dialect), as far as we act on them.

Any other event is `Unknown`: counted, never fatal, because new ones appear often.
https://platform.openai.com/docs/api-reference/realtime-server-events
"""

from contextlib import suppress
from typing import Any, ClassVar, TypeAlias

import msgspec
from msgspec import Struct

from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio, hear_audio
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.mending import known_numbers, mend, whole_characters


class Event(Struct, frozen=True, tag_field="type"):
    """A server event; fields that we do not use are skipped while parsing.

    A field has a default wherever the event means something without it.  Numbers are floats,
    also where the API says integer: JSON knows no difference, and not every server does.
    """


class SessionFacts(Struct, frozen=True):
    id: str = ""
    model: str = ""
    expires_at: float | None = None


class SessionCreated(Event, tag="session.created", frozen=True):
    session: SessionFacts = SessionFacts()


class SessionUpdated(Event, tag="session.updated", frozen=True):
    session: SessionFacts = SessionFacts()


class ErrorFacts(Struct, frozen=True):
    AS_TEXT: ClassVar = ("code",)
    """Some servers have the number of HTTP there, and as a number."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None


class UpstreamError(Event, tag="error", frozen=True):
    error: ErrorFacts = ErrorFacts()


class UserSpeechStarted(Event, tag="input_audio_buffer.speech_started", frozen=True):
    item_id: str = ""
    audio_start_ms: float = 0.0


class UserSpeechStopped(Event, tag="input_audio_buffer.speech_stopped", frozen=True):
    item_id: str = ""
    audio_end_ms: float = 0.0


class Committed(Event, tag="input_audio_buffer.committed", frozen=True):
    item_id: str = ""
    previous_item_id: str | None = None


class Cleared(Event, tag="input_audio_buffer.cleared", frozen=True):
    pass


class ItemAdded(Event, tag="conversation.item.added", frozen=True):
    item: Item = Item()
    previous_item_id: str | None = None


class UserTranscriptDelta(
    Event, tag="conversation.item.input_audio_transcription.delta", frozen=True
):
    item_id: str = ""
    delta: str = ""


class UserTranscriptDone(
    Event, tag="conversation.item.input_audio_transcription.completed", frozen=True
):
    item_id: str = ""
    transcript: str | None = None
    """None: the event did not say."""
    usage: dict[str, Any] | None = None
    """What its model counts, apart from that of answers."""
    content_index: float = 0.0
    """Each part of an item that is sound has words of its own."""


class UserTranscriptFailed(
    Event, tag="conversation.item.input_audio_transcription.failed", frozen=True
):
    item_id: str = ""
    error: ErrorFacts | None = None


class StatusDetails(Struct, frozen=True):
    error: ErrorFacts | None = None
    reason: str | None = None


class ResponseFacts(Struct, frozen=True):
    id: str = ""
    """Empty: the server did not say which."""
    status: str | None = None
    status_details: StatusDetails | None = None
    usage: dict[str, Any] | None = None
    output: tuple[OutputItem, ...] = ()
    """All items of it, when it is over."""

    @property
    def error(self) -> ErrorFacts:
        """Why it failed, if it says so."""
        details = self.status_details
        return (details and details.error) or ErrorFacts()

    @property
    def reason(self) -> str | None:
        """Why it was cancelled or is incomplete, in the server's word, if it has one."""
        return (self.status_details and self.status_details.reason) or None

    @property
    def counts(self) -> dict[str, Any] | None:
        """The numbers of `usage`, which a client is told; a word of it might be anything."""
        return None if self.usage is None else _numbers(self.usage)


class ResponseCreated(Event, tag="response.created", frozen=True):
    response: ResponseFacts = ResponseFacts()


class ResponseFinished(Event, tag="response.done", frozen=True):
    response: ResponseFacts = ResponseFacts()


class OutputItemDone(Event, tag="response.output_item.done", frozen=True):
    response_id: str = ""
    item: OutputItem = OutputItem()


class AudioDelta(Event, tag="response.output_audio.delta", frozen=True):
    """``delta`` is base64 of 24 kHz mono s16le.  `parse_realtime` makes it `AnswerAudio`."""

    response_id: str = ""
    item_id: str = ""
    delta: str | None = None


class AudioDone(Event, tag="response.output_audio.done", frozen=True):
    response_id: str = ""
    item_id: str = ""


class AnswerTranscriptDelta(Event, tag="response.output_audio_transcript.delta", frozen=True):
    response_id: str = ""
    item_id: str = ""
    delta: str = ""


class AnswerTranscriptDone(Event, tag="response.output_audio_transcript.done", frozen=True):
    response_id: str = ""
    item_id: str = ""
    transcript: str | None = None


class AnswerTextDelta(Event, tag="response.output_text.delta", frozen=True):
    response_id: str = ""
    item_id: str = ""
    delta: str = ""


class AnswerTextDone(Event, tag="response.output_text.done", frozen=True):
    response_id: str = ""
    item_id: str = ""
    text: str | None = None


PlainEvent: TypeAlias = (
    SessionCreated
    | SessionUpdated
    | UpstreamError
    | UserSpeechStarted
    | UserSpeechStopped
    | Committed
    | Cleared
    | ItemAdded
    | UserTranscriptDelta
    | UserTranscriptDone
    | UserTranscriptFailed
    | ResponseCreated
    | ResponseFinished
    | OutputItemDone
    | AudioDone
    | AnswerTranscriptDelta
    | AnswerTranscriptDone
    | AnswerTextDelta
    | AnswerTextDone
)
"""Those that are said as they were sent."""

KnownEvent: TypeAlias = PlainEvent | AudioDelta


class Unknown(Struct, frozen=True):
    """An event that we do not act on."""

    type: str


class Malformed(Struct, frozen=True):
    """Not an event at all: no JSON object, or none with a type."""

    size_bytes: int


UpstreamEvent: TypeAlias = PlainEvent | AnswerAudio | BrokenAudio | Unknown | Malformed

USAGE_LEVELS = 4
"""``usage.input_token_details.cached_tokens_details.text_tokens``."""


def _numbers(usage: dict[str, Any], levels: int = USAGE_LEVELS) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in usage.items():
        if isinstance(value, dict) and levels > 1:
            found[name] = _numbers(value, levels - 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return {name: value for name, value in found.items() if name.isidentifier()}


_decoder: msgspec.json.Decoder[KnownEvent] = msgspec.json.Decoder(KnownEvent)
_type_decoder = msgspec.json.Decoder(Unknown)
_KINDS: dict[str, type[KnownEvent]] = {
    str(kind.__struct_config__.tag): kind for kind in KnownEvent.__args__
}


def parse_realtime(text: str | bytes) -> UpstreamEvent:
    """Parse one frame from the model.  Total: any input gives a value, nothing is raised."""
    event = parse_plain(text)
    if isinstance(event, AudioDelta):
        return hear_audio(event.response_id, event.item_id, event.delta)
    if isinstance(event, Malformed) and (known := known_numbers(text)):
        return parse_realtime(known)
    return event


def parse_plain(text: str | bytes) -> KnownEvent | Unknown | Malformed:
    """The same, with audio as it was sent."""
    event: KnownEvent | Unknown | Malformed
    try:
        event = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        event = _parse_other(text)
        if isinstance(event, Malformed) and (whole := whole_text(text)):
            event = _parse_other(whole)
    return event


def whole_text(text: str | bytes) -> str | None:
    """*text* without halves of characters, None if it had none."""
    with suppress(UnicodeError):
        was = text if isinstance(text, str) else text.decode()
        whole = whole_characters(was)
        return None if whole == was else whole
    return None


def _parse_other(text: str | bytes) -> KnownEvent | Unknown | Malformed:
    try:
        unknown = _type_decoder.decode(text)
        kind = _KINDS.get(unknown.type)
        return unknown if kind is None else mend(kind, text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Malformed(len(text))
