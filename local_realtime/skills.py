"""What the local model can do: each skill answers if it is meant, and says nothing otherwise."""

import re
from collections.abc import Callable
from typing import TypeAlias

from local_realtime.arithmetic import calculate
from local_realtime.numerals import in_words, with_digits
from local_realtime.talk import Reply, Talk

MAX_COUNT = 50
SKILLS_TOLD = (
    "I can repeat what you say, spell a word, count, tell the time, do sums, remember your name, "
    "and call your functions."
)

POLITE = re.compile(
    r"^(?:(?:hey|hello|hi|okay|ok|so|well|and|now|please|(?:can|could|would|will) you|"
    r"i want you to|just)\b[\s,.!]*)+(?=\w)",
    re.IGNORECASE,
)
SAY_AGAIN = re.compile(
    r"^(?:say|repeat) (?:that|it)(?: again)?\W*$|^what did you say\W*$", re.IGNORECASE
)
SAY = re.compile(r"^(?:say|repeat(?: after me)?)\b[\s,.:]+(\S.*)$", re.IGNORECASE | re.DOTALL)
SPELL = re.compile(
    r"^(?:how do (?:you|i) )?spell(?: out)?(?: the)?(?: words?| names?)?\b[\s,:]+(\w.*)$",
    re.IGNORECASE,
)
COUNT_DOWN = re.compile(r"\bcount\b.*\bdown\b.*?\bfrom (\d+)(?:.*?\bto (\d+))?", re.IGNORECASE)
COUNT_UP = re.compile(r"\bcount\b(?:.*?\bfrom (\d+))?.*?\bto (\d+)", re.IGNORECASE)
TIME = re.compile(
    r"\bwhat(?:'s| is)? (?:the )?time\b|\btell me the time\b|\bwhat time\b", re.IGNORECASE
)
DATE = re.compile(r"\b(?:what(?:'s| is)?|tell me) (?:the |today's )?(?:date|day)\b", re.IGNORECASE)
MY_NAME = re.compile(
    r"\b(?:my name is|my name's|(?:you can |please )?call me|i am called)\s+"
    r"(?!back\b|later\b|when\b|what\b|an?\b|the\b)([^\W\d_][\w'-]*(?:\s+[A-Z][\w'-]*)?)",
    re.IGNORECASE,
)
ASKS_NAME = re.compile(
    r"\b(?:what(?:'s| is) my name|who am i|(?:know|remember) my name)\b", re.IGNORECASE
)
GREETING = re.compile(r"^(?:hello|hi|hey|good (?:morning|afternoon|evening))\b", re.IGNORECASE)
MOOD = re.compile(r"\bhow are you\b|\bhow do you do\b", re.IGNORECASE)
THANKS = re.compile(r"\bthank(?:s| you)\b", re.IGNORECASE)
GOODBYE = re.compile(r"\b(?:good ?bye|bye|see you)\b", re.IGNORECASE)
HELP = re.compile(r"\b(?:what can you do|who are you|what are you)\b|^help\b", re.IGNORECASE)

Skill: TypeAlias = Callable[[str, Talk], Reply | None]


def apply_skills(text: str, talk: Talk) -> Reply | None:
    """The answer to *text*, the user's last words, if any skill has one."""
    request = POLITE.sub("", text.strip())
    answers = (skill(request, talk) for skill in SKILLS)
    return next((answer for answer in answers if answer), None) or _social(text)


def _say(request: str, talk: Talk) -> Reply | None:
    if SAY_AGAIN.match(request):
        before = talk.said_by("assistant")
        return Reply(before[-1] if before else "I have not said anything yet.")
    found = SAY.match(request)
    return Reply(found[1], found[1]) if found else None


def _spell(request: str, _talk: Talk) -> Reply | None:
    found = SPELL.match(request)
    if not found:
        return None
    words = re.findall(r"[^\W_]+", found[1])
    spelled = ". ".join(", ".join(word.upper()) for word in words)
    return Reply(f"{spelled}.", spelled)


def _count(request: str, _talk: Talk) -> Reply | None:
    digits = with_digits(request)
    if found := COUNT_DOWN.search(digits):
        first, last = int(found[1]), int(found[2] or 1)
    elif found := COUNT_UP.search(digits):
        first, last = int(found[1] or 1), int(found[2])
    else:
        return None
    if abs(first - last) >= MAX_COUNT:
        return Reply(f"That is a lot. I count at most {MAX_COUNT} numbers.", "No")
    step = 1 if first <= last else -1
    counted = ", ".join(in_words(number) for number in range(first, last + step, step))
    return Reply(f"{counted.capitalize()}.", in_words(last))


def _time(request: str, talk: Talk) -> Reply | None:
    if DATE.search(request):
        return Reply(f"Today is {talk.now:%A}, {talk.now:%B} {talk.now.day}.", f"{talk.now:%A}")
    if not TIME.search(request):
        return None
    shown = f"{talk.now.hour % 12 or 12}:{talk.now:%M %p}"
    return Reply(f"It is {shown}.", shown.split(maxsplit=1)[0])


def _sum(request: str, _talk: Talk) -> Reply | None:
    found = calculate(request)
    if found is None:
        return None
    question, result = found
    if result is None:
        return Reply(f"{question} has no answer I can give.", "Impossible")
    return Reply(f"{question} is {result}.", result)


def name_of_user(talk: Talk) -> str | None:
    """The last name the user gave."""
    given = [found[1] for text in talk.said_by("user") for found in MY_NAME.finditer(text)]
    return given[-1][0].upper() + given[-1][1:] if given else None


def _name(request: str, talk: Talk) -> Reply | None:
    name = name_of_user(talk)
    if ASKS_NAME.search(request):
        if name is None:
            return Reply("You have not told me your name yet.", "Unknown")
        return Reply(f"Your name is {name}.", name)
    if MY_NAME.search(request) and name:
        return Reply(f"Nice to meet you, {name}.", name)
    return None


SKILLS: tuple[Skill, ...] = (_say, _spell, _count, _name, _time, _sum)


def _social(text: str) -> Reply | None:
    """The answer to what is only polite."""
    if MOOD.search(text):
        return Reply("I am fine, thank you. How can I help you?", "Fine")
    if HELP.search(text):
        return Reply(f"I am the model on this computer. {SKILLS_TOLD}", "Local")
    if THANKS.search(text):
        return Reply("You are welcome.", "Welcome")
    if GOODBYE.search(text):
        return Reply("Goodbye!", "Goodbye")
    if GREETING.match(text):
        return Reply("Hello! How can I help you?", "Hello")
    return None
