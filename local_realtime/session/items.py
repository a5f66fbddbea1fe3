"""Conversation items: what a client may create, what is kept, what is sent."""

from dataclasses import dataclass, field, replace
from typing import Any

from local_realtime.errors import invalid
from local_realtime.ids import new_id
from local_realtime.session.value_rules import (
    array,
    nullable,
    one_of,
    text,
    unavailable,
    variant,
    variants,
)
from local_realtime.sound.audio import Sound, decode_base64, encode_base64, rate_of

MAX_ID_LETTERS = 32
IMAGE_URLS = tuple(f"data:image/{kind};base64," for kind in ("png", "jpeg", "jpg"))
UNSEEN = "(an image, which I cannot see)"
NO_MCP = "MCP is not available on this local server, so there are no items of it."
STATUS = one_of("completed", "incomplete", "in_progress")
ITEM_START: dict[str, Any] = {"id": None, "object": None, "status": None}
ITEM_RULES = {
    "id": nullable(text(MAX_ID_LETTERS, min_letters=1)),
    "object": nullable(one_of("realtime.item")),
    "status": nullable(STATUS),
}

MCP_ITEMS = ("mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response")
PHASE = nullable(one_of("commentary", "final_answer"))
ANY_LIST = array(lambda wanted, _path, _current: wanted)
ITEM = variants(
    dict(
        (
            variant(
                "message",
                {
                    **ITEM_RULES,
                    "role": one_of("user", "assistant", "system"),
                    "content": ANY_LIST,
                    "phase": PHASE,
                },
                **ITEM_START,
                phase=None,
            ),
            variant(
                "function_call",
                {**ITEM_RULES, "call_id": text(), "name": text(), "arguments": text()},
                **ITEM_START,
            ),
            variant(
                "function_call_output",
                {**ITEM_RULES, "call_id": text(), "output": text()},
                **ITEM_START,
            ),
            *((kind, (unavailable(NO_MCP), {})) for kind in MCP_ITEMS),
        )
    )
)


def _image_url(wanted: Any, path: str, current: Any) -> str:
    url: str = text(2**31)(wanted, path, current)
    if not url.startswith(IMAGE_URLS):
        raise invalid(path, f"expected a data URL that begins with {' or '.join(IMAGE_URLS[:2])}")
    return url


DETAIL = nullable(one_of("auto", "low", "high"))
INPUT_TEXT = variant("input_text", {"text": text()})
CONTENT_OF_ROLE = {
    "user": array(
        variants(
            dict(
                (
                    INPUT_TEXT,
                    # Its length is bounded by `decode_base64`.
                    variant(
                        "input_audio",
                        {"audio": text(2**31), "transcript": nullable(text())},
                        transcript=None,
                    ),
                    variant(
                        "input_image",
                        {"image_url": _image_url, "detail": DETAIL},
                        detail="auto",
                    ),
                )
            )
        )
    ),
    "system": array(variants(dict([INPUT_TEXT]))),
    "assistant": array(variants(dict([variant("output_text", {"text": text()})]))),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message's content."""

    wire: dict[str, Any]
    sound: Sound | None = None

    @property
    def text(self) -> str:
        """What there is to read of it; of an image, that nobody here can."""
        if self.wire["type"] == "input_image":
            return UNSEEN
        return self.wire.get("text") or self.wire.get("transcript") or ""

    @property
    def size_bytes(self) -> int:
        words = sum(len(value) for value in self.wire.values() if isinstance(value, str))
        return words + (len(self.sound.pcm) if self.sound else 0)


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    wire: dict[str, Any]
    """All the API shows but `id`, `status` and `content`."""

    status: str = "completed"
    parts: tuple[Part, ...] = field(default=())

    def to_wire(self, audio_format: dict[str, Any] | None = None) -> dict[str, Any]:
        """What is shown of it; its sound only if the format to show it in is given."""
        shown: dict[str, Any] = {"id": self.id, **self.wire}
        if shown["type"] != "function_call_output":
            shown["status"] = self.status
        if shown["type"] == "message":
            shown["content"] = [_part_to_wire(part, audio_format) for part in self.parts]
        return shown

    def with_part(self, index: int, part: Part) -> "Item":
        return replace(self, parts=(*self.parts[:index], part, *self.parts[index + 1 :]))

    @property
    def size_bytes(self) -> int:
        words = sum(len(value) for value in self.wire.values() if isinstance(value, str))
        return words + sum(part.size_bytes for part in self.parts)


def _part_to_wire(part: Part, audio_format: dict[str, Any] | None) -> dict[str, Any]:
    if part.sound is None or audio_format is None:
        return part.wire
    audio = encode_base64(part.sound, audio_format, 0, part.sound.samples)
    return {**part.wire, "audio": audio}


def parse_item(wanted: Any, path: str, input_format: dict[str, Any]) -> Item:
    """The item a client wants to create.

    Raises:
        Refused: If it is none.
    """
    known = ITEM(wanted, path, None)
    item_id = known.pop("id") or new_id("item")
    known.pop("object")
    is_incomplete = known.pop("status") == "incomplete"
    if known["type"] != "message":
        return Item(item_id, known)
    phase = known.pop("phase")
    if phase and known["role"] == "assistant":
        known["phase"] = phase
    where = f"{path}.content"
    content = CONTENT_OF_ROLE[known["role"]](known.pop("content"), where, None)
    parts = (
        _parse_part(part, f"{where}[{index}]", input_format) for index, part in enumerate(content)
    )
    # Of what a client says of an item's status nothing follows, but that an answer broke off.
    status = "incomplete" if is_incomplete and known["role"] == "assistant" else "completed"
    return Item(item_id, known, status, tuple(parts))


def _parse_part(content: dict[str, Any], path: str, input_format: dict[str, Any]) -> Part:
    if content["type"] != "input_audio":
        return Part(content)
    pcm = decode_base64(content.pop("audio"), input_format, f"{path}.audio")
    return Part(content, Sound(pcm, rate_of(input_format)))


def spoken_by_user(item_id: str, sound: Sound) -> Item:
    """The item a committed buffer becomes; its transcript comes later, if at all."""
    wire = {"type": "input_audio", "transcript": None}
    return Item(item_id, {"type": "message", "role": "user"}, parts=(Part(wire, sound),))


def system_note(note: str) -> Item:
    part = Part({"type": "input_text", "text": note})
    return Item(new_id("item"), {"type": "message", "role": "system"}, parts=(part,))
