"""What the user has said before, when it is asked for again."""

import re

from local_realtime.brain.dialogue import Reply, Talk

NAME = r"([^\W\d_][\w'-]*(?:\s+(?-i:[A-Z])[\w'-]*){0,2})"
MY_NAME = re.compile(
    r"\b(?:my name is|my name's|(?:you can |please )?call me|(?:i am|i'm|they) call(?:ed)?(?: me)?|"
    r"^the name(?: is|'s))\s+"
    rf"(?!back\b|later\b|when\b|what\b|an?\b|the\b){NAME}|"
    # "I am Anna." and nothing else: "I am Sorry" has no capital, and peoples are no names.
    r"(?:^|[,.!]\s*)(?:i am|i'm)\s+(?=(?-i:[A-Z]))(?!\w+(?:ish|ese|ican|ench)\b)"
    rf"{NAME}(?=\W*$)",
    re.IGNORECASE,
)
ASKS_NAME = re.compile(
    r"\b(?:what(?:'s| is| was| did i (?:say|tell you)) my name|who am i|"
    r"(?:know|remember|tell me|say) (?:what )?my name|what my name is|"
    r"(?:know who i am|remember me))\b",
    re.IGNORECASE,
)
TOLD_NAME = re.compile(
    rf"\b(?:the )?(?:user|caller|customer)(?:'s name is| is (?:called|named))\s+{NAME}",
    re.IGNORECASE,
)
THING = r"((?:favou?rite |last |first |middle |phone |home )?[a-z']+(?: (?:of )?[a-z']+){0,2}?)"
TOLD = re.compile(
    rf"\bmy {THING} (?:is|are|was|'s) ([^,.!?;]+?)(?=[,.!?;]|$| and my\b)", re.IGNORECASE
)
ASKED = re.compile(
    rf"\b(?:what|who|which|when|where|how old|tell me|do you (?:know|remember)|remember)\b"
    rf".{{0,40}}?\bmy {THING}(?:\s+(?:is|are|was|were|and\b.*))?\W*$",
    re.IGNORECASE,
)
AND_MY = re.compile(rf"\band (?:my )?{THING}\W*$", re.IGNORECASE)
LAST_WORDS = re.compile(
    r"\bwhat (?:did|have) i (?:just )?(?:say|said|ask|asked|tell|told)(?: you)?"
    r"(?: (?:before|last|just now|earlier|a moment ago))?\W*$|"
    r"\bwhat was my (?:last|previous) (?:question|message|sentence)\b",
    re.IGNORECASE,
)
FIRST_WORDS = re.compile(
    r"\bwhat (?:did i (?:say|ask)(?: you)? first|was my first (?:question|message|sentence))\b",
    re.IGNORECASE,
)


def recall(request: str, talk: Talk) -> Reply | None:
    """An answer from earlier turns, if that is what is asked for."""
    before = [text.strip() for text in talk.said_by("user")[:-1] if text.strip()]
    for pattern, index in ((FIRST_WORDS, 0), (LAST_WORDS, -1)):
        if pattern.search(request):
            if not before:
                return Reply("You have not said anything before.", "Nothing")
            return Reply(f"You said: {before[index]}", before[index])
    asked = ASKED.search(request)
    if not asked:
        return None
    things = [asked[1], *(more[1] for more in [AND_MY.search(request)] if more)]
    if list(map(_key, things)) == ["name"]:
        return None
    known = facts(before)
    if name := name_of_user(talk):
        known["name"] = name
    told = [(thing, known[_key(thing)]) for thing in things if _key(thing) in known]
    if not told:
        return None
    parts = [f"your {thing.lower()} is {value}" for thing, value in told]
    sentence = ", and ".join(parts)
    return Reply(f"{sentence[0].upper()}{sentence[1:]}.", told[0][1])


def facts(texts: list[str]) -> dict[str, str]:
    """What the user has called his own, by name; the last that was said of it counts."""
    return {_key(found[1]): found[2].strip() for text in texts for found in TOLD.finditer(text)}


def _key(thing: str) -> str:
    return thing.lower().replace("favour", "favor")


def name_of_user(talk: Talk) -> str | None:
    """The last name the user gave, or else the one in the instructions, or in a note."""
    given = [_given(found) for text in talk.said_by("user") for found in MY_NAME.finditer(text)]
    notes = "\n".join([talk.instructions, *talk.said_by("system")])
    told = [found[1] for found in TOLD_NAME.finditer(notes)]
    names = given or told
    return names[-1][0].upper() + names[-1][1:] if names else None


def _given(found: re.Match[str]) -> str:
    return next(name for name in found.groups() if name)


def tell_name(request: str, talk: Talk) -> Reply | None:
    name = name_of_user(talk)
    if ASKS_NAME.search(request):
        if name is None:
            return Reply("You have not told me your name yet.", "Unknown")
        return Reply(f"Your name is {name}.", name)
    if MY_NAME.search(request) and name:
        return Reply(f"Nice to meet you, {name}.", name)
    return None
