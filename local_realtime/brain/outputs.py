"""What a function of the client has returned, in words."""

import json
from typing import Any

from local_realtime.brain.dialogue import Reply
from local_realtime.brain.words import words_of


def tell_output(output: str) -> Reply:
    """A function's output as a sentence."""
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        value = output
    if isinstance(value, dict) and value.get("error"):
        return Reply(_ended(f"That did not work: {_shown(value['error'])}"), "Failed")
    shown = _shown(value)
    if not shown:
        return Reply("That is done.", "Done")
    return Reply(_ended(shown[0].upper() + shown[1:]), shown)


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?" else f"{sentence}."


def _shown(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{words_of(key)} is {_shown(inner)}" for key, inner in value.items())
        case list():
            return ", ".join(_shown(inner) for inner in value)
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case _:
            return str(value).strip()
