"""Events as a fault sees them: whose they are, and how they may be told otherwise.  Pure."""

import re
from typing import Any

from local_realtime.ids import new_id
from local_realtime.session.outbox import Event

TRANSCRIPT = "conversation.item.input_audio_transcription."


def is_of_answer(output: object) -> bool:
    """Whether it is an event of a response, or of an item that a response brings."""
    if not isinstance(output, dict):
        return False
    kind: str = output["type"]
    item: dict[str, Any] = output.get("item", {})
    is_answer = item.get("role") == "assistant" or item.get("type") == "function_call"
    return kind.startswith(("response.", "rate_limits.")) or (
        kind.startswith("conversation.item.") and is_answer
    )


def is_of_transcript(output: object) -> bool:
    """Whether it tells what the user has said."""
    return isinstance(output, dict) and output["type"].startswith(TRANSCRIPT)


def words_of(event: Event) -> list[Event]:
    """A delta of a transcript as one for each word; any other event as it is."""
    if event["type"] != f"{TRANSCRIPT}delta":
        return [event]
    words = re.findall(r"\s*\S+\s*$|\s*\S+", event.get("delta", ""))
    return [{**event, "event_id": new_id("event"), "delta": word} for word in words] or [event]


def with_reasoning(usage: dict[str, Any], thought: int) -> dict[str, Any]:
    """Of a model that reasons; what it thought is text, and paid for as such."""
    details = usage.get("output_token_details", {})
    if "reasoning_tokens" not in details:
        return usage
    text = details.get("text_tokens", 0) + thought
    return {
        **usage,
        "total_tokens": usage.get("total_tokens", 0) + thought,
        "output_tokens": usage.get("output_tokens", 0) + thought,
        "output_token_details": {**details, "text_tokens": text, "reasoning_tokens": thought},
    }


def zeroed(usage: Any) -> Any:
    """The same shape, nothing used."""
    if isinstance(usage, dict):
        return {key: zeroed(value) for key, value in usage.items()}
    return 0 if isinstance(usage, int) else usage
