"""What a client cannot ask of a call that only transcribes."""

from tornado_app.errors import Refused
from tornado_app.policy.transcribing import SENSELESS
from tornado_app.protocol import asked

_ABOUT_ANSWERS: dict[type[asked.ClientMessageBase], str] = {
    asked.Text: "text",
    asked.Image: "image",
    asked.Interrupt: "interrupt",
    asked.Playback: "playback",
    asked.ToolResult: "tool_result",
}


def refusal(message: asked.Command) -> Refused | None:
    """Why *message* is not acted on, if it concerns an answer."""
    named = (name for kind, name in _ABOUT_ANSWERS.items() if isinstance(message, kind))
    name = next(named, None)
    if name is None:
        return None
    sentence = (
        f"{name} {SENSELESS}: there are no answers. Send audio; its words come as transcript."
    )
    return Refused("invalid_message", sentence, "type")
