"""Items of the conversation that a client brings along: whose words they are, and what is shown.

https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/create
"""

from collections.abc import Mapping
from typing import Any, Final

from tornado_app.policy.api_words import Standing, word_of
from tornado_app.policy.shapes import ANY, TEXT, TEXT_OR_NULL, Of, Shape, check_shape
from tornado_app.protocol.realtime.api_errors import need, refusal, wrong_type

OURS: Final = "parley_"
"""Names of items begin so that are the gateway's."""

_ROLES: Final = ("user", "assistant", "system")
_ITEM: Final[Shape] = {"type": ANY, "id": TEXT_OR_NULL, "object": ANY, "status": ANY}
_SHAPES: Final[Mapping[str, Shape]] = {
    "message": {**_ITEM, "role": ANY, "content": Of("an array", (list,)), "phase": ANY},
    # A model names a call that has no name.
    "function_call": {**_ITEM, "call_id": TEXT_OR_NULL, "name": TEXT, "arguments": TEXT_OR_NULL},
    "function_call_output": {**_ITEM, "call_id": TEXT_OR_NULL, "output": TEXT_OR_NULL},
}
_PARTS: Final = ("input_text", "input_audio", "input_image", "output_text", "output_audio")
_PART: Final[Shape] = {
    "type": TEXT,
    "text": TEXT_OR_NULL,
    "audio": TEXT_OR_NULL,
    "transcript": TEXT_OR_NULL,
    "image_url": TEXT_OR_NULL,
    "detail": ANY,
}
_REFERENCE: Final[Shape] = {"type": ANY, "id": TEXT}


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
    shape = _SHAPES.get(kind)
    if shape is None:
        message = f"{path}.type must be one of {', '.join(_SHAPES)}."
        raise refusal("invalid_value", message, f"{path}.type")
    if kind == "message":
        _check_role(path, item, standing)
    check_shape(path, item, shape)
    name = item.get("id")
    if isinstance(name, str) and (name.startswith(OURS) or standing.is_hidden(name)):
        raise refusal("invalid_value", f"{path}.id must not begin with {OURS}.", f"{path}.id")
    if kind == "message":
        _check_message(path, item, standing)
        return
    call_id = item.get("call_id")
    if isinstance(call_id, str) and standing.is_hidden_call(call_id):
        # Its result is the server's to tell.
        message = f"Invalid value for '{path}.call_id': there is no such call."
        raise refusal("invalid_value", message, f"{path}.call_id")
    if kind == "function_call":
        _check_call(path, item, standing)


def check_input(path: str, value: Any, standing: Standing) -> Any:
    """What an answer is given in the place of the conversation."""
    if value is None:
        return value
    if not isinstance(value, list):
        raise wrong_type(path, "an array")
    for number, item in enumerate(value):
        where = f"{path}[{number}]"
        if isinstance(item, dict) and item.get("type") == "item_reference":
            check_shape(where, item, _REFERENCE)
            check_known(f"{where}.id", item["id"], standing)
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


def _check_role(path: str, item: Mapping[str, Any], standing: Standing) -> None:
    role = word_of(path, item, "role")
    if role not in _ROLES:
        raise refusal(
            "invalid_value", f"{path}.role must be one of {', '.join(_ROLES)}.", f"{path}.role"
        )
    if role != "user":
        _need(path, "role", "instructions" if role == "system" else "history", standing)


def _check_message(path: str, item: Mapping[str, Any], standing: Standing) -> None:
    parts = item.get("content", [])
    for number, part in enumerate(parts):
        _check_part(f"{path}.content[{number}]", part, standing)
    said = (part.get(name) for part in parts for name in ("text", "transcript"))
    text = " ".join(words for words in said if words)
    if item["role"] == "system":
        standing.check(f"{path}.content", "instructions", text)
    elif item["role"] == "assistant" and text:
        _check_history(f"{path}.content", text, standing)


def _check_part(path: str, part: Any, standing: Standing) -> None:
    need(path, part, "an object", dict)
    check_shape(path, part, _PART)
    if part["type"] not in _PARTS:
        message = f"{path}.type must be one of {', '.join(_PARTS)}."
        raise refusal("invalid_value", message, f"{path}.type")
    if part.get("image_url") is not None or part["type"] == "input_image":
        _check_picture(path, part, standing)


def _check_call(path: str, item: Mapping[str, Any], standing: Standing) -> None:
    """A call that the model is to believe that it has made."""
    _need(path, "type", "history", standing)
    if item["name"] in standing.rules.taken:
        message = f"{path}.name must be another one, as the server has such a tool."
        raise refusal("invalid_value", message, f"{path}.name")
    if arguments := item.get("arguments"):
        _check_history(f"{path}.arguments", arguments, standing)


def _check_history(path: str, text: str, standing: Standing) -> None:
    standing.check(path, "history", [{"role": "assistant", "text": text}])


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
