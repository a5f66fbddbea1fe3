"""What the local model answers: by rules, so that it can be shown and tested."""

import re
from dataclasses import replace
from itertools import takewhile

from local_realtime.brain.dialogue import Line, Remark, Reply, Talk, Thought
from local_realtime.brain.directives import Directives, read_instructions
from local_realtime.brain.functions import choose_described, choose_functions
from local_realtime.brain.outputs import tell_output
from local_realtime.brain.skills import apply_skills
from local_realtime.session.items import UNSEEN
from local_realtime.session.responder import FunctionCall

MAX_LINE_LETTERS = 2000
MAX_INSTRUCTIONS_LETTERS = 8000
"""What is longer is not read to its end; nor is an answer longer than a line."""

HELLO = "Hello! How can I help you?"
REMARK = Remark("One moment, I will see to that.")
CANNOT_SEE = "I cannot look at pictures: I only hear and read words."
ABOUT_IMAGE = re.compile(
    r"\b(?:pictures?|images?|photos?|screenshots?|drawings?|see|look|show[ns]?|describe|colou?rs?)\b|"
    r"\b(?:what|who|where)(?:'s| is| are) (?:this|that|these|those|in it|on it)\b",
    re.IGNORECASE,
)
STILL_THERE = "Are you still there?"
NOT_UNDERSTOOD = "Sorry, I did not understand that."


def think(talk: Talk) -> str | tuple[Thought, ...]:
    """The answer to the last line of *talk*; the same talk always has the same answer."""
    talk = _shortened(talk)
    thought = _think(_without_beginning(talk))
    if isinstance(thought, str):
        return _rest(thought[:MAX_LINE_LETTERS], _beginning(talk))
    return (REMARK, *thought) if talk.comments else thought


def _beginning(talk: Talk) -> str:
    """What was said already of the answer that is asked for, before it broke off."""
    said: list[str] = []
    for line in reversed(talk.lines):
        if line.speaker in {"user", "function", "call"} or line.is_whole:
            break
        said.append(line.text)
    return " ".join(reversed(said)).strip()


def _without_beginning(talk: Talk) -> Talk:
    lines = list(talk.lines)
    while lines and lines[-1].speaker == "assistant" and not lines[-1].is_whole:
        lines.pop()
    return replace(talk, lines=tuple(lines))


def _rest(answer: str, beginning: str) -> str:
    """Of *answer* what comes behind *beginning*, if it does begin so."""
    return answer[len(beginning) :].lstrip() if answer.startswith(beginning) else answer


def _shortened(talk: Talk) -> Talk:
    lines = tuple(replace(line, text=line.text[:MAX_LINE_LETTERS]) for line in talk.lines)
    return replace(talk, lines=lines, instructions=talk.instructions[:MAX_INSTRUCTIONS_LETTERS])


def _think(talk: Talk) -> str | tuple[FunctionCall, ...]:
    directives = read_instructions("\n".join([talk.instructions, *talk.said_by("system")]))
    if directives.exactly:
        return directives.exactly
    if directives.always:
        return _opened(directives.always, directives, talk)
    answer = _answer(talk)
    if isinstance(answer, tuple):
        return answer
    if directives.one_word:
        return answer.short.rstrip(".").capitalize() + "."
    told = f"{answer.text} {directives.closing}" if directives.closing else answer.text
    return _opened(told, directives, talk)


def _opened(text: str, directives: Directives, talk: Talk) -> str:
    if not directives.opening or talk.said_by("assistant"):
        return text
    return directives.opening if text == HELLO else f"{directives.opening} {text}"


def _answer(talk: Talk) -> Reply | tuple[FunctionCall, ...]:
    spoken = [line for line in talk.lines if line.speaker in {"user", "function"}]
    last = spoken[-1] if spoken else Line("user", "hello")
    if last.speaker == "function":
        outputs = list(takewhile(lambda line: line.speaker == "function", reversed(spoken)))
        told = [tell_output(line.text) for line in reversed(outputs)]
        return Reply(" ".join(reply.text for reply in told), told[-1].short)
    text = last.text.replace(UNSEEN, "").strip()
    wanted = choose_functions(text, talk)
    if wanted:
        return wanted
    if any(UNSEEN in said for said in talk.said_by("user")) and (
        text != last.text.strip() or ABOUT_IMAGE.search(text)
    ):
        return _without_sight(text, talk)
    if not text:
        silent = any("silent" in note for note in talk.said_by("system"))
        return Reply(STILL_THERE if silent else NOT_UNDERSTOOD, "Sorry")
    return (
        apply_skills(text, talk)
        or choose_described(text, talk)
        or Reply(f"I heard you say: {text}")
    )


def _without_sight(text: str, talk: Talk) -> Reply:
    """Nobody here sees an image; what else is asked for is answered all the same."""
    known = None if ABOUT_IMAGE.search(text) else apply_skills(text, talk)
    return Reply(f"{CANNOT_SEE} {known.text}", known.short) if known else Reply(CANNOT_SEE, "Blind")
