"""The values of a script: patterns that received events must match, and ``${...}`` to fill in."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from local_realtime.ids import new_id

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
PCM_HZ = 24_000
TONE_HZ = 440
TONE_AMPLITUDE = 8000
MAX_SOUND_MS = 60_000
SHOWN_LETTERS = 200


class Unfilled(Exception):
    """A placeholder that stands for nothing; the message is a sentence without its full stop."""


def mismatch(pattern: Any, value: Any, path: str = "") -> str | None:
    """Where *value* is not what *pattern* asks for, in words; None if it matches.

    Of an object only the keys of the pattern are looked at; lists have the same length; ``*`` in a
    text stands for any text, and alone for anything at all.
    """
    where = path or "the event"
    if pattern == "*":
        return None
    if isinstance(pattern, dict) and isinstance(value, dict):
        for key, inner in pattern.items():
            inside = f"{path}.{key}" if path else key
            if key not in value:
                return f"{inside}: expected {shown(inner)}, and it is not there"
            if wrong := mismatch(inner, value[key], inside):
                return wrong
        return None
    if isinstance(pattern, list) and isinstance(value, list):
        if len(pattern) != len(value):
            return f"{where}: expected {len(pattern)} entries, got {len(value)}"
        pairs = enumerate(zip(pattern, value, strict=True))
        wrongs = (mismatch(inner, found, f"{path}[{index}]") for index, (inner, found) in pairs)
        return next((wrong for wrong in wrongs if wrong), None)
    if isinstance(pattern, str) and isinstance(value, str):
        words = ".*".join(map(re.escape, pattern.split("*")))
        is_match = re.fullmatch(words, value, re.DOTALL) is not None
    else:
        # True == 1, but it is another value in JSON.
        is_match = pattern == value and isinstance(pattern, bool) == isinstance(value, bool)
    return None if is_match else f"{where}: expected {shown(pattern)}, got {shown(value)}"


def shown(value: Any) -> str:
    """As JSON, and not too long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}..."


def placeholders(value: Any) -> Iterator[str]:
    """What stands between the braces, anywhere in *value*."""
    match value:
        case str():
            yield from PLACEHOLDER.findall(value)
        case dict():
            yield from placeholders(list(value.values()))
        case list():
            for inner in value:
                yield from placeholders(inner)


def fill(value: Any, names: Mapping[str, Any]) -> Any:
    """*value* with its placeholders replaced.

    A text that is one placeholder becomes its value, of whatever type; within a longer text it
    becomes text.

    Raises:
        Unfilled: If a placeholder leads nowhere.
    """
    match value:
        case str() if whole := PLACEHOLDER.fullmatch(value):
            return _look_up(whole[1], names)
        case str():
            return PLACEHOLDER.sub(lambda found: _as_text(_look_up(found[1], names)), value)
        case dict():
            return {key: fill(inner, names) for key, inner in value.items()}
        case list():
            return [fill(inner, names) for inner in value]
    return value


def generated(name: str) -> str | None:
    """``new.item`` is a new id, ``silence.500`` and ``tone.500`` are sound; None if it is neither.

    Sound is base64 of 24 kHz PCM16, so many milliseconds of it.
    """
    kind, _, argument = name.partition(".")
    if kind == "new" and re.fullmatch("[a-z]{1,16}", argument):
        return new_id(argument)
    is_number = re.fullmatch("[0-9]{1,5}", argument) is not None
    if kind not in {"silence", "tone"} or not is_number or int(argument) > MAX_SOUND_MS:
        return None
    seconds = np.arange(int(argument) * PCM_HZ // 1000) / PCM_HZ
    amplitude = TONE_AMPLITUDE if kind == "tone" else 0
    samples = amplitude * np.sin(2 * np.pi * TONE_HZ * seconds)
    return base64.b64encode(samples.astype("<i2").tobytes()).decode()


def _look_up(name: str, names: Mapping[str, Any]) -> Any:
    made = generated(name)
    if made is not None:
        return made
    root, *path = name.split(".")
    value = names.get(root)
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise Unfilled(f"${{{name}}}: there is no {key!r} in {shown(value)}")
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
