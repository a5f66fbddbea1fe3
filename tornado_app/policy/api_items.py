"""Items of the conversation that a client brings along: whose words they are, and what is shown.

https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/create
"""

from collections.abc import Mapping
from typing import Any, Final

from tornado_app.policy.api_words import Standing, word_of
from tornado_app.protocol.realtime.api_errors import refusal, wrong_type

OURS: Final = "parley_"
"""Names of items begin so that are the gateway's."""

_ROLES: Final = ("user", "assistant", "system")


def check_item(path: str, item: Any, standing: Standing) -> None:
    """Whether the client may put it into the conversation.

    What a client writes in its own name it may always; what the model has said is history, and
    what the model is told is instructions, whatever they are called.

    Raises:
        ApiRefusal: If not.
    """
    if not isinstance(item, dict):
        raise wrong_type(path, "an object")
    kind = word_of(path, item, "type")
    name = item.get("id")
    if isinstance(name, str) and (name.startswith(OURS) or standing.is_hidden(name)):
        raise refusal("invalid_value", f"{path}.id must not begin with {OURS}.", f"{path}.id")
    match kind:
        case "message":
            _check_message(path, item, standing)
        case "function_call":
            _need(path, "type", "history", standing)
        case "function_call_output":
            pass
        case _:
            message = f"{path}.type must be one of message, function_call, function_call_output."
            raise refusal("invalid_value", message, f"{path}.type")


def check_input(path: str, value: Any, standing: Standing) -> Any:
    """What an answer is given in the place of the conversation."""
    if value is None:
        return value
    if not isinstance(value, list):
        raise wrong_type(path, "an array")
    for number, item in enumerate(value):
        where = f"{path}[{number}]"
        if isinstance(item, dict) and item.get("type") == "item_reference":
            check_known(f"{where}.id", item.get("id"), standing)
        else:
            check_item(where, item, standing)
    return value


def check_known(path: str, name: Any, standing: Standing) -> None:
    """Whether an item is one that the client knows of.

    Raises:
        ApiRefusal: If it is hidden, as for one that there is not.
    """
    if isinstance(name, str) and (name.startswith(OURS) or standing.is_hidden(name)):
        message = f"Invalid value for '{path}': the item does not exist."
        raise refusal("invalid_value", message, path)


def _check_message(path: str, item: Mapping[str, Any], standing: Standing) -> None:
    role = word_of(path, item, "role")
    if role not in _ROLES:
        raise refusal(
            "invalid_value", f"{path}.role must be one of {', '.join(_ROLES)}.", f"{path}.role"
        )
    parts = item.get("content")
    parts = parts if isinstance(parts, list) else []
    written = [part for part in parts if isinstance(part, dict)]
    if role != "user":
        _need(path, "role", "instructions" if role == "system" else "history", standing)
    text = " ".join(str(part["text"]) for part in written if isinstance(part.get("text"), str))
    if role == "system":
        standing.check(f"{path}.content", "instructions", text)
    elif role == "assistant" and text:
        turns = [{"role": "assistant", "text": text}]
        standing.check(f"{path}.content", "history", turns)
    for number, part in enumerate(written):
        if part.get("image_url") is not None or part.get("type") == "input_image":
            _check_picture(f"{path}.content[{number}]", part, standing)


def _need(path: str, name: str, needed: str, standing: Standing) -> None:
    if not standing.lets(needed):
        message = f"This client may not bring such an item: {needed} is not its to set."
        raise refusal("permission_denied", message, f"{path}.{name}")


def _check_picture(path: str, part: Mapping[str, Any], standing: Standing) -> None:
    if not standing.shows:
        message = "This client may not show pictures."
        raise refusal("permission_denied", message, f"{path}.type")
    url = word_of(path, part, "image_url")
    if not url.startswith("data:image/"):
        # Another address would have the model ask somebody on the client's behalf.
        message = f"{path}.image_url must be a data URL of an image."
        raise refusal("invalid_value", message, f"{path}.image_url")
