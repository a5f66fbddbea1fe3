"""The kinds of session: one converses, at OpenAI's address or Azure's, and one transcribes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_realtime.session.protocol import EVENTS
from local_realtime.session.session_config import (
    default_session,
    updated_deployment,
    updated_session,
)
from local_realtime.session.transcription_config import default_transcription, updated_transcription


@dataclass(frozen=True, slots=True)
class SessionKind:
    name: str
    default: Callable[[str | None], dict[str, Any]]
    """The configuration that a session with this model begins with."""

    updated: Callable[[dict[str, Any], Any], dict[str, Any]]
    """That after a client's update; `Refused` if any part of it cannot be had."""

    events: tuple[str, ...]
    """What its clients may send."""

    is_azure: bool = False

    def begun_as(self, model: str | None, wanted: dict[str, Any]) -> dict[str, Any]:
        """The configuration of a session whose default is what somebody *wanted* beforehand.

        Raises:
            Refused: If it cannot be had with this model.
        """
        return self.updated(self.default(model), wanted)


REALTIME = SessionKind("realtime", default_session, updated_session, tuple(EVENTS))
AZURE_REALTIME = SessionKind(
    "realtime", default_session, updated_deployment, tuple(EVENTS), is_azure=True
)
TRANSCRIPTION = SessionKind(
    "transcription",
    default_transcription,
    updated_transcription,
    (
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.retrieve",
        "conversation.item.delete",
    ),
)
KINDS = {kind.name: kind for kind in (REALTIME, TRANSCRIPTION)}
