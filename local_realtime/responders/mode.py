"""Who answers, and by whose ears: chosen once, at the start."""

from collections.abc import Callable
from dataclasses import dataclass

from local_realtime.brain.chat.endpoint import ChatEndpoint
from local_realtime.ears.vad import Ears, EnergyEar
from local_realtime.responders.echo import Echo
from local_realtime.session.responder import Responder
from terminal.words import complain

MODES = ("auto", "speech", "echo")


class Unavailable(Exception):
    """Speech was asked for and cannot be had."""


@dataclass(frozen=True, slots=True)
class Mind:
    responder: Responder
    ears: Ears
    close: Callable[[], None]


def choose_mind(mode: str, chat: ChatEndpoint | None = None) -> Mind:
    """The mind for one of `MODES`; auto is speech, or else echo with a line that says so.

    Raises:
        Unavailable: If it is to be speech and is not there, or is none of them, or is to be an
            echo that thinks.
    """
    if mode not in MODES:
        raise Unavailable(f"There is no mode {mode!r}, only {', '.join(MODES)}.")
    if mode == "echo":
        if chat:
            raise Unavailable("An echo asks no chat model: choose the mode speech, or auto.")
        return Mind(Echo(), EnergyEar, lambda: None)
    try:
        # Echo does without the packages of these.
        from local_realtime.brain.chat.chat_brain import Chat  # noqa: PLC0415
        from local_realtime.responders.speech import Speech  # noqa: PLC0415

        speech = Speech(brain=Chat(chat) if chat else None)
    except Exception as exc:  # whatever a package of others may raise while it loads
        reason = " ".join(str(exc).split()) or type(exc).__name__
        why = f"Speech is not available: {reason}."
        if mode == "speech":
            raise Unavailable(why) from exc
        complain(f"{why} What is said is played back instead.")
        return choose_mind("echo")
    if not speech.hears_endings:
        complain("semantic_vad goes by silence: pipecat-ai with its model is missing.")
    return Mind(speech, speech.ear, speech.close)
