"""What one response shall be: the session's settings with the client's overrides for it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from local_realtime.errors import wrong_type
from local_realtime.session.audio_config import FORMAT
from local_realtime.session.conversation import Conversation
from local_realtime.session.items import Item, parse_item
from local_realtime.session.models import Traits, traits_of
from local_realtime.session.session_config import VOICE, output_rules, voice_fixed
from local_realtime.session.usage import Context
from local_realtime.session.value_rules import (
    Rule,
    array,
    fields,
    ignoring_null,
    nullable,
    one_of,
    text,
    text_pairs,
)

MAX_INPUT_ITEMS = 512

REFERENCE = fields({"type": one_of("item_reference"), "id": text()}, required=("id",))
INPUT = array(lambda wanted, _path, _current: wanted, MAX_INPUT_ITEMS)
AUDIO = ignoring_null(fields({"output": ignoring_null(fields({"format": FORMAT, "voice": VOICE}))}))


@cache
def _response_rule(traits: Traits) -> Rule:
    """Null is as good as absent: the session's value holds."""
    rules = {
        **output_rules(traits),
        "conversation": one_of("auto", "none"),
        "metadata": nullable(text_pairs(16, key_letters=64, value_letters=512)),
        "input": nullable(INPUT),
        "audio": AUDIO,
    }
    start = {"conversation": "auto", "metadata": None, "input": None}
    return ignoring_null(fields(rules, start=start))


@dataclass(frozen=True, slots=True)
class Plan:
    context: Context
    is_whole_conversation: bool
    """Otherwise the client has said what to answer."""

    modality: str
    audio_format: dict[str, Any]
    voice: Any
    speed: float
    tool_choice: Any
    parallel_tool_calls: bool
    max_output_tokens: int | None
    metadata: dict[str, str] | None
    is_out_of_band: bool
    truncation: Any
    traits: Traits

    @property
    def is_spoken(self) -> bool:
        return self.modality == "audio"


def plan_response(
    session: dict[str, Any],
    conversation: Conversation,
    wanted: Any,
    *,
    voice_is_fixed: bool = False,
) -> Plan:
    """The plan for a `response.create` whose `response` is *wanted*.

    Raises:
        Refused: If an override cannot be had.
    """
    traits = traits_of(session["model"])
    overrides = _response_rule(traits)({} if wanted is None else wanted, "response", None)
    chosen = {**session, **overrides}
    usual = session["audio"]["output"]
    output = {**usual, **overrides.get("audio", {}).get("output", {})}
    if voice_is_fixed and output["voice"] != usual["voice"]:
        raise voice_fixed()
    limit = chosen["max_output_tokens"]
    return Plan(
        context=Context(
            instructions=chosen["instructions"],
            tools=tuple(chosen["tools"]),
            items=_input_items(overrides["input"], session, conversation),
        ),
        is_whole_conversation=overrides["input"] is None,
        modality=chosen["output_modalities"][0],
        audio_format=output["format"],
        voice=output["voice"],
        speed=output["speed"],
        tool_choice=chosen["tool_choice"],
        parallel_tool_calls=chosen.get("parallel_tool_calls") is not False,
        max_output_tokens=None if limit == "inf" else limit,
        metadata=overrides["metadata"],
        is_out_of_band=overrides["conversation"] == "none",
        truncation=session["truncation"],
        traits=traits,
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
            raise wrong_type(path, "an object", entry)
        if entry.get("type") == "item_reference":
            item_id = REFERENCE(entry, path, None)["id"]
            items.append(conversation.get(item_id, f"{path}.id"))
        else:
            items.append(parse_item(entry, path, session["audio"]["input"]["format"]))
    return tuple(items)
