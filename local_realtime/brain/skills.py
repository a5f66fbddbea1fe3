"""What the local model can do: each skill answers if it is meant, and says nothing otherwise."""

import re
from collections.abc import Callable
from typing import TypeAlias

from local_realtime.brain.arithmetic import calculate
from local_realtime.brain.dialogue import Reply, Talk
from local_realtime.brain.memory import name_of_user, recall, tell_name
from local_realtime.brain.numerals import in_words, with_digits

MAX_COUNT = 50
SKILLS_TOLD = (
    "I can repeat what you say, spell a word, count, tell the time, do sums, remember your name, "
    "and call your functions."
)

POLITE = re.compile(
    r"^(?:(?:hey|hello|hi|okay|ok|all ?right|so|well|and|now|then|please|sorry|excuse me|yes|yeah|"
    r"oh|ah|u+h+|u+m+|er|hm+|(?:can|could|would|will) you|i want you to|i'd like you to|just|"
    r"go ahead and)\b[\s,.!]*)+(?=\w)",
    re.IGNORECASE,
)
POLITE_END = re.compile(
    r"(?:[\s,]*\b(?:please|for me|if you (?:can|would|don't mind)|thank you|thanks)\b)+(?=\W*$)",
    re.IGNORECASE,
)
SAY_AGAIN = re.compile(
    r"^(?:say|repeat)(?: (?:that|it|yourself))?(?: again| once more| one more time)?\W*$|"
    r"^(?:what did you (?:just )?say|pardon(?: me)?|come again|what)\W*$",
    re.IGNORECASE,
)
SAY = re.compile(
    r"^(?:say|repeat)(?: after me| what i say| these words| the words?| the following"
    r"(?: words?| sentences?)?| (?:this|the) (?:sentence|phrase)| this(?= after| word))?"
    r"(?: after me)?\b[\s,.:?]+(\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
QUOTED = re.compile(r"[\"\u201c'\u2018](.+?)([.!?]?)[\"\u201d'\u2019]([.!?]?)", re.DOTALL)
SPELL = re.compile(
    r"^(?:how do (?:you|i) )?spell(?:ed)?(?: out)?(?: the)?(?: words?| names?)?\b[\s,:]+(\S.*)$|"
    r"^how (?:is|are) (?:the words? )?(\S.*) spelled\W*$",
    re.IGNORECASE,
)
MY = re.compile(r"^my name\W*$", re.IGNORECASE)
COUNT_DOWN = re.compile(
    r"\bcount\w*\b.*\b(?:down|backwards?)\b.*?\bfrom (\d+)(?:.*?\bto (\d+))?|"
    r"\bcount\w*\b.*?\bfrom (\d+)\b.*\b(?:down|backwards?)\b(?:.*?\bto (\d+))?",
    re.IGNORECASE,
)
COUNT_UP = re.compile(
    r"\bcount\w*\b(?:.*?\bfrom (\d+)|\s+(\d+)(?= to))?.*?\bto (\d+)", re.IGNORECASE
)
COUNT_BY = re.compile(r"\b(?:by|in) (two|three|five|ten)s\b", re.IGNORECASE)
STEPS = {"two": 2, "three": 3, "five": 5, "ten": 10}
TIME = re.compile(
    r"\bwhat(?:'s| is)? (?:the )?time\b|\btell me the time\b|\bwhat time\b|"
    r"\b(?:have you got|do you have) the time\b",
    re.IGNORECASE,
)
DATE = re.compile(
    r"\b(?:what(?:'s| is)?|tell me|which) (?:the |today's )?(?:date|day)\b", re.IGNORECASE
)
YEAR = re.compile(r"\b(?:what|which) year\b", re.IGNORECASE)
MONTH = re.compile(r"\b(?:what|which) month\b", re.IGNORECASE)
GREETING = re.compile(
    r"^(?:\w{1,3}[,.]? )?(?:hello|hi|hey|good (?:morning|afternoon|evening)|greetings)\b",
    re.IGNORECASE,
)
MOOD = re.compile(r"\bhow (?:are you|do you do|is it going)\b|\bhow's it going\b", re.IGNORECASE)
THANKS = re.compile(r"\bthank(?:s| you)\b", re.IGNORECASE)
GOODBYE = re.compile(r"\b(?:good ?bye|bye|see you|good ?night)\b", re.IGNORECASE)
HELP = re.compile(r"\b(?:what can you do|who are you|what are you)\b|^help\b", re.IGNORECASE)

Skill: TypeAlias = Callable[[str, Talk], Reply | None]


def apply_skills(text: str, talk: Talk) -> Reply | None:
    """The answer to *text*, the user's last words, if any skill has one."""
    request = POLITE_END.sub("", POLITE.sub("", text.strip()))
    answers = (skill(request, talk) for skill in SKILLS)
    return next((answer for answer in answers if answer), None) or _social(text)


def _say(request: str, talk: Talk) -> Reply | None:
    if SAY_AGAIN.match(request):
        before = talk.said_by("assistant")
        return Reply(before[-1] if before else "I have not said anything yet.")
    found = SAY.match(request)
    if not found:
        return None
    words = QUOTED.sub(r"\1\2\3", found[1]) if QUOTED.fullmatch(found[1]) else found[1]
    return Reply(words, words)


def _spell(request: str, talk: Talk) -> Reply | None:
    found = SPELL.match(request)
    if not found:
        return None
    wanted = found[1] or found[2]
    if MY.match(wanted):
        wanted = name_of_user(talk) or ""
    words = re.findall(r"[^\W_]+", wanted)
    if not words:
        return Reply("You have not told me what to spell.", "What")
    spelled = ". ".join(", ".join(word.upper()) for word in words)
    return Reply(f"{spelled}.", spelled)


def _count(request: str, _talk: Talk) -> Reply | None:
    digits = with_digits(re.sub("countdown", "count down", request, flags=re.IGNORECASE))
    by = COUNT_BY.search(request)
    step = STEPS[by[1].lower()] if by else 1
    if found := COUNT_DOWN.search(digits):
        first, last = int(found[1] or found[3]), int(found[2] or found[4] or 1)
    elif found := COUNT_UP.search(digits):
        first, last = int(found[1] or found[2] or step), int(found[3])
    else:
        return None
    if abs(first - last) // step >= MAX_COUNT:
        return Reply(f"That is a lot. I count at most {MAX_COUNT} numbers.", "No")
    end, way = (last + 1, step) if first <= last else (last - 1, -step)
    counted = [in_words(number) for number in range(first, end, way)]
    return Reply(f"{', '.join(counted).capitalize()}.", counted[-1])


def _time(request: str, talk: Talk) -> Reply | None:
    if DATE.search(request):
        return Reply(f"Today is {talk.now:%A}, {talk.now:%B} {talk.now.day}.", f"{talk.now:%A}")
    if YEAR.search(request):
        return Reply(f"It is {talk.now.year}.", str(talk.now.year))
    if MONTH.search(request):
        return Reply(f"It is {talk.now:%B}.", f"{talk.now:%B}")
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
    return Reply(f"{question} is {result}.", result.removeprefix("about "))


SKILLS: tuple[Skill, ...] = (_say, _spell, _count, recall, tell_name, _time, _sum)


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
    if GREETING.match(text.strip()):
        return Reply("Hello! How can I help you?", "Hello")
    return None
