"""Functions of the client: which one is meant, and with what arguments."""

import json
import re
from typing import Any

from local_realtime.brain.dialogue import Reply, Talk
from local_realtime.brain.numerals import with_digits
from local_realtime.session.responder import FunctionCall

COMMON = {"get", "fetch", "look", "lookup", "find", "do", "run", "make", "the", "a", "my", "up"}
"""Words of a function's name that do not tell it from another."""

MAX_CALLS = 8
EXPLICIT = re.compile(r"\b(?:call|use|run)\b", re.IGNORECASE)
TO_BE_SPOKEN = re.compile(r"^(?:please |can you )?(?:say|repeat|spell)\b", re.IGNORECASE)
ASKED = "What should I use for {}?"
ASKED_FOR = re.compile(r"What should I use for ([\w ]+)\?$")
BREAK = r"(?=[,.!?;]|$|\s(?:and|in|for|to|at|from|with|on|please|by)\b)"
PLACED = re.compile(
    rf"\b(?:in|for|to|at|from|about|with|of|named|called|by)\s+((?:the\s+)?\S.*?){BREAK}",
    re.IGNORECASE,
)
LINK = r"(?:\s+(?:is|as|to|of|named|called))?"
DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
WHEN = re.compile(
    rf"\b(today|tonight|tomorrow|yesterday|(?:next |on )?{DAYS})\b",
    re.IGNORECASE,
)
NEGATION = re.compile(r"\b(?:no|not|off|without|never|don't|disable)\b", re.IGNORECASE)
NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
EMPTY: dict[str, Any] = {"number": 0, "integer": 0, "boolean": False, "array": [], "object": {}}


DIFFERENCE = re.compile(r"(?:in|for|at|from|about)\b", re.IGNORECASE)
CLAUSE_END = re.compile(r",?\s+and\s+(?:then\s+)?|(?<=[.;!?])\s+", re.IGNORECASE)


def choose_functions(text: str, talk: Talk) -> tuple[FunctionCall, ...] | Reply | None:
    """The calls that *text* asks for, as `choose_function`; several if its clauses do and may."""
    may_be_several = talk.parallel_tool_calls and not isinstance(talk.tool_choice, dict)
    if may_be_several and not TO_BE_SPOKEN.match(text):
        calls: list[FunctionCall] = []
        for clause in CLAUSE_END.split(text):
            call = choose_function(clause, talk)
            if call is None and calls and DIFFERENCE.match(clause):
                # "The weather in Paris and in London": the second says only what differs.
                call = choose_function(f"{words_of(calls[-1].name)} {clause}", talk)
            if isinstance(call, FunctionCall) and call not in calls:
                calls.append(call)
        if len(calls) > 1:
            return tuple(calls[:MAX_CALLS])
    one = choose_function(text, talk)
    return (one,) if isinstance(one, FunctionCall) else one


def choose_function(text: str, talk: Talk) -> FunctionCall | Reply | None:
    """The call that *text* asks for, a question for what it lacks, or None if none is meant."""
    if talk.tool_choice == "none" or not talk.tools:
        return None
    text = _with_question(text, talk)
    tool = _forced(text, talk)
    is_forced = tool is not None
    tool = tool or _best(text, talk.tools)
    if tool is None:
        return None
    arguments, missing = fill(tool.get("parameters") or {}, text)
    if missing and not is_forced:
        return Reply(ASKED.format(words_of(missing[0])), "Which")
    return FunctionCall(tool["name"], json.dumps(arguments))


def _with_question(text: str, talk: Talk) -> str:
    """An answer to our own question is read together with what led to it."""
    asked = ASKED_FOR.search((talk.said_by("assistant") or [""])[-1])
    said = talk.said_by("user")
    if not asked or len(said) < 2:
        return text
    return f"{said[-2].rstrip('.?! ')}, {asked[1]} is {text}"


def _forced(text: str, talk: Talk) -> dict[str, Any] | None:
    if isinstance(talk.tool_choice, dict):
        name = talk.tool_choice["name"]
        return next((tool for tool in talk.tools if tool["name"] == name), None)
    if talk.tool_choice == "required":
        return _best(text, talk.tools) or talk.tools[0]
    return None


def _best(text: str, tools: tuple[dict[str, Any], ...]) -> dict[str, Any] | None:
    """The function with the most words of its name in *text*; all that matter must be there."""
    if TO_BE_SPOKEN.match(text):
        return None
    said = {_stem(word) for word in re.findall(r"\w+", text.lower())}
    best, most = None, 0
    for tool in tools:
        words = {_stem(word) for word in words_of(tool["name"]).split()}
        telling = words if EXPLICIT.search(text) and words <= said else words - COMMON
        if telling and telling <= said and len(telling) > most:
            best, most = tool, len(telling)
    return best


def words_of(name: str) -> str:
    """``getWeather_now`` as "get weather now"."""
    return " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)).lower()


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def fill(schema: dict[str, Any], text: str) -> tuple[dict[str, Any], list[str]]:
    """Arguments by *schema* from what was said, and the required ones that were not said."""
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict):
        return {}, []
    required = required if isinstance(required, list) else []
    arguments: dict[str, Any] = {}
    missing = []
    for name, kind in properties.items():
        rules = kind if isinstance(kind, dict) else {}
        value = _value(name, rules, text, arguments, is_required=name in required)
        if value is not None:
            arguments[name] = value
        elif name in required:
            arguments[name] = EMPTY.get(str(rules.get("type")), "")
            missing.append(name)
    return arguments, missing


def _value(
    name: str, rules: dict[str, Any], text: str, used: dict[str, Any], *, is_required: bool
) -> Any:
    if isinstance(rules.get("enum"), list):
        said = text.lower()
        return next((one for one in rules["enum"] if str(one).lower() in said), None)
    match rules.get("type", "string"):
        case "integer" | "number" as kind:
            return _number(name, kind, text, used)
        case "boolean":
            is_named = all(word in text.lower() for word in words_of(name).split())
            return not NEGATION.search(text) if is_named else None
        case "string":
            return _words(name, text, used, is_required=is_required)
        case _:
            return None


def _number(name: str, kind: str, text: str, used: dict[str, Any]) -> int | float | None:
    digits = with_digits(text)
    named = re.search(
        rf"\b{re.escape(words_of(name))}\b\D{{0,12}}?({NUMBER.pattern})", digits, re.IGNORECASE
    )
    found = [named[1]] if named else NUMBER.findall(digits)
    values = [float(one) if kind == "number" and "." in one else int(float(one)) for one in found]
    return next((value for value in values if value not in used.values()), None)


def _words(name: str, text: str, used: dict[str, Any], *, is_required: bool) -> str | None:
    said_as = rf"\b{re.escape(words_of(name))}\b{LINK}[\s:]+(\S.*?){BREAK}"
    if named := re.search(said_as, text, re.IGNORECASE):
        return named[1].strip(" \"'")
    if re.search(r"date|day|when", name, re.IGNORECASE):
        found = WHEN.search(text)
        return found[1].lower() if found else None
    if not is_required:
        # Whatever follows a preposition may be anything: only worth a guess where one is needed.
        return None
    places = (WHEN.sub("", place[1]).strip(" \"'") for place in PLACED.finditer(text))
    return next((place for place in places if place and place not in used.values()), None)


def tell_output(output: str) -> Reply:
    """A function's output as a sentence."""
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        value = output
    if isinstance(value, dict) and value.get("error"):
        return Reply(f"That did not work: {_shown(value['error'])}.", "Failed")
    shown = _shown(value)
    if not shown:
        return Reply("That is done.", "Done")
    sentence = shown[0].upper() + shown[1:]
    return Reply(sentence if sentence[-1] in ".!?" else f"{sentence}.", shown)


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
