"""Items of a conversation: what is read of them, and how those are spelled that we put there.

https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/create
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

ID_LETTERS = 32
"""The longest name of an item that a client may give."""


class ContentPart(Struct, frozen=True):
    text: str | None = None
    type: str = ""


class Item(Struct, frozen=True):
    id: str = ""
    type: str = ""
    role: str | None = None
    content: tuple[ContentPart, ...] = ()
    name: str = ""
    """Of a function that is called."""

    @property
    def shows(self) -> bool:
        """Whether there is a picture in it."""
        return any(part.type == "input_image" for part in self.content)

    @property
    def text(self) -> str:
        """What is written in it."""
        return " ".join(part.text for part in self.content if part.text)


def user_text(text: str) -> dict[str, Any]:
    """A typed turn, or one of which there is a transcript."""
    return _message("user", "input_text", text)


def user_image(image: str, kind: str, text: str | None) -> dict[str, Any]:
    """A turn with a picture: *image* is its base64, *kind* as in ``image/png``."""
    words = [] if text is None else [{"type": "input_text", "text": text}]
    url = f"data:image/{kind};base64,{image}"
    shown = {"type": "input_image", "image_url": url}
    return {"type": "message", "role": "user", "content": [*words, shown]}


def shows(item: Mapping[str, Any]) -> bool:
    """Whether there is a picture in it."""
    return any("image_url" in part for part in item.get("content", ()))


def text_of(item: Mapping[str, Any]) -> str:
    """What is written in one that we have made."""
    return " ".join(part["text"] for part in item["content"] if "text" in part)


def user_speech(audio: str) -> dict[str, Any]:
    """A spoken turn; *audio* is base64 of 24 kHz mono s16le."""
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "audio": audio}],
    }


def assistant_text(text: str) -> dict[str, Any]:
    """What the model has said: the API takes no audio of an assistant, only its text."""
    return _message("assistant", "output_text", text)


def item_reference(name: str) -> dict[str, Any]:
    """An item of the conversation, in the ``input`` of an answer."""
    return {"type": "item_reference", "id": name}


def system_text(text: str) -> dict[str, Any]:
    return _message("system", "input_text", text)


def _message(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
