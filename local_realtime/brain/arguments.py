"""Arguments of a function from one sentence, by its JSON Schema."""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from local_realtime.brain.numerals import with_digits
from local_realtime.brain.phrases import (
    LIST_END,
    ONLY_DIGITS,
    identifier,
    list_of,
    moment_of,
    place_of,
    quoted,
    rest_of,
    said_by_name,
    suited_place,
    without_moments,
    written,
)
from local_realtime.brain.schema import MISSING, Shape, read_schema
from local_realtime.brain.words import stem, stems, words_of

NEGATION = re.compile(r"\b(?:no|not|off|without|never|don't|disable)\b", re.IGNORECASE)
SWITCHED = re.compile(r"\b(?:on|off|enable|disable)\b", re.IGNORECASE)
ASIDE = {"is", "has", "should", "with", "include", "includes", "enable", "enabled", "on", "state"}
"""Words of a flag's name that nobody says."""

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
AMOUNT = re.compile(rf"(\d+(?:\.\d+)?)[ -]?({'|'.join(SECONDS)})s?\b", re.IGNORECASE)
FREE = {
    *("message", "text", "content", "body", "note", "query", "question", "prompt", "title"),
    *("subject", "task", "description", "reminder", "search", "topic", "term", "keyword", "song"),
    *("expression", "sentence", "phrase", "comment", "summary", "what", "item", "product"),
}
"""Names of what may be any words."""

Step: TypeAlias = Callable[[str, Shape, "Sentence"], Any]


class Sentence:
    """What was said, and what of it has been taken.  One use, one thread."""

    def __init__(self, text: str, function: str) -> None:
        self.text = text
        self.digits = with_digits(text)
        self.function = function
        self.used: list[Any] = []

    def is_free(self, value: Any) -> bool:
        return not any(value == one and type(value) is type(one) for one in self.used)


def fill(schema: Any, text: str, function: str = "") -> tuple[dict[str, Any], list[str]]:
    """Arguments by *schema* from what was said, and the required ones that were not said.

    *function* is its name, whose words stand before what it is to be done with.
    """
    sentence = Sentence(text, function)
    return _fill_object(read_schema(schema), sentence)


def _fill_object(shape: Shape, sentence: Sentence) -> tuple[dict[str, Any], list[str]]:
    """What is said most plainly is taken first, whatever stands first in the schema."""
    found: dict[str, Any] = {}
    missing: list[str] = []
    _take(STEPS, shape.properties, found, sentence)
    for name, inner in shape.properties.items():
        if inner.kind == "object" and not inner.choices:
            arguments, lacking = _fill_object(inner, sentence)
            if name in shape.required or (arguments and not lacking):
                found[name] = arguments
                missing += lacking
    needed = {name: shape.properties[name] for name in shape.properties if name in shape.required}
    _take(GUESSES, needed, found, sentence)
    for name, inner in needed.items():
        if name not in found:
            found[name] = inner.empty()
            if not inner.is_nullable and inner.default is MISSING:
                missing.append(name)
    return {name: found[name] for name in shape.properties if name in found}, missing


def _take(
    steps: tuple[Step, ...], wanted: dict[str, Shape], found: dict[str, Any], sentence: Sentence
) -> None:
    for step in steps:
        for name, shape in wanted.items():
            value = step(name, shape, sentence) if name not in found else None
            if value is not None:
                found[name] = value
                sentence.used.append(value)


def _chosen(_name: str, shape: Shape, sentence: Sentence) -> Any:
    """A value of an enum that was said, the longest that was."""
    if shape.kind == "array":
        return None
    return next(iter(_all_chosen(shape.choices, sentence)), None)


def _all_chosen(choices: tuple[Any, ...], sentence: Sentence) -> list[Any]:
    if len(choices) == 1:
        return [choices[0]]
    said = stems(sentence.digits) | stems(sentence.text)
    fits = [choice for choice in choices if _is_said(choice, said)]
    return sorted(fits, key=lambda choice: -len(str(choice)))


def _is_said(choice: Any, said: set[str]) -> bool:
    if isinstance(choice, bool | None):
        return False
    words = {stem(word) for word in re.findall(r"[^\W_]+", str(choice).lower())}
    return bool(words) and words <= said


def _flag(name: str, shape: Shape, sentence: Sentence) -> bool | None:
    if shape.kind != "boolean":
        return None
    words = {stem(word) for word in words_of(name).split() if word not in ASIDE}
    is_named = words <= stems(sentence.text) if words else SWITCHED.search(sentence.text)
    return not NEGATION.search(sentence.text) if is_named else None


def _lasting(name: str, shape: Shape, sentence: Sentence) -> int | float | None:
    """An amount of time, in the unit that the parameter is named or described by."""
    if shape.kind not in {"integer", "number"}:
        return None
    told = words_of(name).split() + words_of(shape.description).split()
    units = [unit for unit in SECONDS if unit in told or f"{unit}s" in told]
    amounts = AMOUNT.findall(sentence.digits)
    if not units or not amounts:
        return None
    total = sum(float(amount) * SECONDS[unit.lower()] for amount, unit in amounts)
    return _number(str(total / SECONDS[units[0]]), shape)


def _named_number(name: str, shape: Shape, sentence: Sentence) -> int | float | None:
    """The number beside the parameter's name: "level 3", "three days"."""
    if shape.kind not in {"integer", "number"}:
        return None
    for word in reversed(words_of(name).split()):
        beside = (
            rf"\b{re.escape(word)}s?\b\D{{0,12}}?{ONLY_DIGITS}|{ONLY_DIGITS} {re.escape(word)}s?\b"
        )
        found = re.search(beside, sentence.digits, re.IGNORECASE)
        if found and (value := _number(found[1] or found[2], shape)) is not None:
            return value
    return None


def _any_number(_name: str, shape: Shape, sentence: Sentence) -> int | float | None:
    if shape.kind not in {"integer", "number"}:
        return None
    # The hour of a day is what it is only if there is no other number.
    numbers = re.findall(ONLY_DIGITS, without_moments(sentence.digits))
    numbers += re.findall(ONLY_DIGITS, sentence.digits)
    values = (_number(digits, shape) for digits in numbers)
    fits = (value for value in values if value is not None and sentence.is_free(value))
    return next(fits, None)


def _number(digits: str, shape: Shape) -> int | float | None:
    """Exact, within the bounds; None if it is none of the kind."""
    is_whole = "." not in digits or not digits.partition(".")[2].strip("0")
    if not is_whole and (shape.kind == "integer" or len(digits) > 15):
        return None
    value = int(digits.partition(".")[0]) if is_whole else float(digits)
    return value if shape.low <= value <= shape.high else None


def _written(name: str, shape: Shape, sentence: Sentence) -> str | None:
    """An address, a number to call, a moment: what is known by how it looks."""
    if shape.kind != "string" or shape.choices:
        return None
    words = {*words_of(name).split(), *words_of(shape.format).split()}
    return written(words, sentence.text) or moment_of(words, sentence.text)


def _by_name(name: str, shape: Shape, sentence: Sentence) -> str | None:
    if shape.kind != "string" or shape.choices:
        return None
    return said_by_name(words_of(name), sentence.text, sentence.function)


def _listed(name: str, shape: Shape, sentence: Sentence) -> list[Any] | None:
    if shape.kind != "array":
        return None
    items = shape.items or Shape()
    if items.choices:
        return _all_chosen(items.choices, sentence) or None
    if items.kind in {"integer", "number"}:
        values = (_number(digits, items) for digits in re.findall(ONLY_DIGITS, sentence.digits))
        return [value for value in values if value is not None] or None
    if items.kind != "string":
        return None
    said = said_by_name(words_of(name), sentence.text, sentence.function, ends=LIST_END)
    return list_of(said or "") or None


def _guessed_list(_name: str, shape: Shape, sentence: Sentence) -> list[Any] | None:
    if shape.kind != "array" or (shape.items or Shape()).kind != "string":
        return None
    if (shape.items or Shape()).choices:
        return None
    return list_of(rest_of(sentence.text, sentence.function)) or None


def _quoted(name: str, shape: Shape, sentence: Sentence) -> str | None:
    if not _is_free_text(name, shape):
        return None
    return quoted(sentence.text)


def _suited(name: str, shape: Shape, sentence: Sentence) -> str | None:
    """What follows a preposition that goes with such a name: "in" with a city."""
    if shape.kind != "string" or shape.choices:
        return None
    return suited_place(words_of(name), sentence.text, sentence.is_free)


def _identified(name: str, shape: Shape, sentence: Sentence) -> str | None:
    is_id = not {"id", "number", "code"}.isdisjoint(words_of(name).split())
    is_text = shape.kind == "string" and not shape.choices
    return identifier(sentence.text) if is_id and is_text else None


def _placed(name: str, shape: Shape, sentence: Sentence) -> str | None:
    if shape.kind != "string" or shape.choices or _is_free_text(name, shape):
        return None
    return place_of(sentence.text, sentence.is_free)


def _rest(name: str, shape: Shape, sentence: Sentence) -> str | None:
    """All that is left of the sentence; of what may not be any words, only a name."""
    if shape.kind != "string" or shape.choices:
        return None
    used = [one for one in sentence.used if isinstance(one, str)]
    rest = rest_of(sentence.text, sentence.function, used)
    if rest and not _is_free_text(name, shape) and not re.fullmatch(r"(?:[A-Z][\w'-]*\s?)+", rest):
        return None
    return rest or None


def _is_free_text(name: str, shape: Shape) -> bool:
    is_string = shape.kind == "string" and not shape.choices
    return is_string and not FREE.isdisjoint(words_of(name).split())


STEPS: tuple[Step, ...] = (
    *(_chosen, _flag, _written, _lasting, _named_number, _by_name, _listed, _quoted, _suited),
)
GUESSES: tuple[Step, ...] = (_any_number, _identified, _placed, _rest, _guessed_list)
"""Only worth it where a value is needed: what follows a preposition may be anything."""
