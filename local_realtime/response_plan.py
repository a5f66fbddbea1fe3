"""What one response shall be: the session's settings with the client's overrides for it."""

from dataclasses import dataclass
from typing import Any

from local_realtime.conversation import Conversation
from local_realtime.errors import invalid
from local_realtime.items import Item, parse_item
from local_realtime.rules import array, fields, nullable, one_of, text, text_pairs
from local_realtime.session_config import FORMAT, OUTPUT_RULES, VOICE

MAX_INPUT_ITEMS = 512

REFERENCE = fields({"type": one_of("item_reference"), "id": text()}, required=("id",))
INPUT = array(lambda wanted, _path, _current: wanted, MAX_INPUT_ITEMS)
RESPONSE = fields(
    {
        **OUTPUT_RULES,
        "conversation": one_of("auto", "none"),
        "metadata": nullable(text_pairs(16, key_letters=64, value_letters=512)),
        "input": nullable(INPUT),
        "audio": fields({"output": fields({"format": FORMAT, "voice": VOICE})}),
    },
    start={"conversation": "auto", "metadata": None, "input": None},
)


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[Item, ...]
    instructions: str
    modality: str
    audio_format: dict[str, Any]
    voice: Any
    speed: float
    tools: tuple[dict[str, Any], ...]
    tool_choice: Any
    parallel_tool_calls: bool
    max_output_tokens: int | None
    metadata: dict[str, str] | None
    is_out_of_band: bool

    @property
    def is_spoken(self) -> bool:
        return self.modality == "audio"


def plan_response(session: dict[str, Any], conversation: Conversation, wanted: Any) -> Plan:
    """The plan for a `response.create` whose `response` is *wanted*.

    Raises:
        Refused: If an override cannot be had.
    """
    overrides = RESPONSE({} if wanted is None else wanted, "response", None)
    chosen = {**session, **overrides}
    output = {**session["audio"]["output"], **overrides.get("audio", {}).get("output", {})}
    limit = chosen["max_output_tokens"]
    return Plan(
        items=_input_items(overrides["input"], session, conversation),
        instructions=chosen["instructions"],
        modality=chosen["output_modalities"][0],
        audio_format=output["format"],
        voice=output["voice"],
        speed=output["speed"],
        tools=tuple(chosen["tools"]),
        tool_choice=chosen["tool_choice"],
        parallel_tool_calls=chosen.get("parallel_tool_calls", True),
        max_output_tokens=None if limit == "inf" else limit,
        metadata=overrides["metadata"],
        is_out_of_band=overrides["conversation"] == "none",
    )


def _input_items(
    wanted: list[Any] | None, session: dict[str, Any], conversation: Conversation
) -> tuple[Item, ...]:
    if wanted is None:
        return conversation.items
    items = []
    for index, entry in enumerate(wanted):
        path = f"response.input[{index}]"
        if not isinstance(entry, dict):
            raise invalid(path, "expected an object")
        if entry.get("type") == "item_reference":
            item_id = REFERENCE(entry, path, None)["id"]
            items.append(conversation.get(item_id, f"{path}.id"))
        else:
            items.append(parse_item(entry, path, session["audio"]["input"]["format"]))
    return tuple(items)
