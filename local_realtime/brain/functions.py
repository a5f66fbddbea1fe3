"""Functions of the client: which one is meant, and with what arguments."""

import json
import re
from dataclasses import replace
from typing import Any

from local_realtime.brain.arguments import fill
from local_realtime.brain.dialogue import Reply, Talk
from local_realtime.brain.words import (
    AFFIXES,
    ASKS,
    CREATES,
    DELETES,
    GENERIC,
    READS,
    UNDOES,
    UPDATES,
    parts_of_name,
    stem,
    stems,
    telling_words,
    words_of,
)
from local_realtime.session.responder import FunctionCall

MAX_CALLS = 8
MAX_CLAUSES = 24
"""So many are looked at one by one; what is behind them counts as the last."""

EXPLICIT = re.compile(r"\b(?:call|use|run)\b", re.IGNORECASE)
TO_BE_SPOKEN = re.compile(r"^(?:please |can you )?(?:say|repeat|spell)\b", re.IGNORECASE)
ASKED = "What should I use for {}?"
ASKED_FOR = re.compile(r"What should I use for ([\w ]+)\?$")
DIFFERENCE = re.compile(r"(?:in|for|at|from|about)\b", re.IGNORECASE)
CLAUSE_END = re.compile(r",?\s+and\s+(?:then\s+)?|(?<=[.;!?])\s+", re.IGNORECASE)
STATEMENT = re.compile(
    r"^(?:i|i'm|i've|my|it|it's|he|she|we|they|that|this|there|the|a|an)\b(?!.*\?\s*$)(?!\s+(?:want|need|"
    r"would|wonder|'d)\b)",
    re.IGNORECASE | re.DOTALL,
)
"""What asks for nothing, as far as its first word tells."""

Tool = dict[str, Any]


def choose_functions(text: str, talk: Talk) -> tuple[FunctionCall, ...] | Reply | None:
    """The calls that *text* asks for, as `choose_function`; several if its clauses do and may."""
    may_be_several = talk.parallel_tool_calls and not isinstance(talk.tool_choice, dict)
    if may_be_several and talk.tool_choice != "none" and not TO_BE_SPOKEN.match(text):
        # What is required is one call, not one of every clause.
        willing = replace(talk, tool_choice="auto")
        calls: list[FunctionCall] = []
        for clause in CLAUSE_END.split(text, MAX_CLAUSES):
            call = choose_function(clause, willing)
            if call is None and calls and DIFFERENCE.match(clause):
                # "The weather in Paris and in London": the second says only what differs.
                call = choose_function(f"{words_of(calls[-1].name)} {clause}", willing)
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
    if isinstance(talk.tool_choice, dict):
        named = (tool for tool in talk.tools if tool["name"] == talk.tool_choice["name"])
        tool = next(named, None)
        return _called(tool, text, is_forced=True) if tool else None
    tool = _best(text, talk.tools)
    if talk.tool_choice == "required":
        tool = tool or _described(text, talk.tools) or talk.tools[0]
        return _called(tool, text, is_forced=True)
    return _called(tool, text, is_forced=False) if tool else None


def choose_described(text: str, talk: Talk) -> tuple[FunctionCall, ...] | Reply | None:
    """The call whose description fits a request that nothing else does."""
    is_wanted = talk.tool_choice != "none" and not STATEMENT.match(text)
    tool = _described(text, talk.tools) if is_wanted else None
    if tool is None:
        return None
    call = _called(tool, text, is_forced=False)
    return (call,) if isinstance(call, FunctionCall) else call


def _called(tool: Tool, text: str, *, is_forced: bool) -> FunctionCall | Reply:
    arguments, missing = fill(tool.get("parameters"), text, tool["name"])
    if missing and not is_forced:
        return Reply(ASKED.format(words_of(missing[0])), "Which")
    return FunctionCall(tool["name"], json.dumps(arguments, ensure_ascii=False))


def _with_question(text: str, talk: Talk) -> str:
    """An answer to our own question is read together with what led to it."""
    asked = ASKED_FOR.search((talk.said_by("assistant") or [""])[-1])
    said = talk.said_by("user")
    if not asked or len(said) < 2:
        return text
    return f"{said[-2].rstrip('.?! ')}, {asked[1]} is {text}"


def _best(text: str, tools: tuple[Tool, ...]) -> Tool | None:
    """The function with the most words of its name in *text*; all that matter must be there."""
    if TO_BE_SPOKEN.match(text):
        return None
    said = stems(text)
    best, most = None, (0, 0)
    for tool in tools:
        name: str = tool["name"]
        fits = max(_fit(part, text, said) for part in parts_of_name(name))
        rank = (fits, len(stems(words_of(name)) & said))
        if fits and rank > most:
            best, most = tool, rank
    return best


def _fit(name: str, text: str, said: set[str]) -> int:
    """How many words of a name are said; none if one that tells it from others is not."""
    words = [word for word in words_of(name).split() if len(word) > 1 and not word.isdigit()]
    whole = {stem(word) for word in words}
    if EXPLICIT.search(text) and whole <= said:
        return len(whole)
    deed = next((deed for deed in (CREATES, DELETES, UPDATES) if deed & set(words)), frozenset())
    if not _is_meant(deed, words, text, said):
        return 0
    optional = GENERIC | AFFIXES | deed
    telling = {stem(word) for word in words if word not in optional} or whole
    return len(telling) if telling and telling <= said else 0


def _is_meant(deed: frozenset[str], words: list[str], text: str, said: set[str]) -> bool:
    """Whether what is asked for is to be done, and not undone, changed or looked up."""
    if deed and _is_said(deed, said):
        return True
    if deed is CREATES:
        # "Remind me", "a table for two, please": the deed need not be named.
        others = DELETES | UPDATES | ASKS
        return not _is_said(others, said) and not STATEMENT.match(text)
    reads = words[:1] and words[0] in READS
    return not deed and not (reads and _is_said(UNDOES, said))


def _is_said(words: frozenset[str], said: set[str]) -> bool:
    return not said.isdisjoint(map(stem, words))


def _described(text: str, tools: tuple[Tool, ...]) -> Tool | None:
    """The function whose description has most of what is asked for, if any has anything."""
    if TO_BE_SPOKEN.match(text):
        return None
    wanted = telling_words(text)
    shared = [len(wanted & telling_words(str(tool.get("description") or ""))) for tool in tools]
    most = max(shared, default=0)
    return tools[shared.index(most)] if most else None
