"""Sums as people say them: four operations, powers, roots and percentages."""

import operator
import re
from collections.abc import Callable
from math import isqrt

from local_realtime.brain.numerals import with_digits

MAX_DIGITS = 15
DECIMALS = 4
Operation = Callable[[float, float], float]

NUMBER = r"-?\d{1,15}(?:\.\d{1,15})?"
SPOKEN = (
    (r"\bdivided by\b|\bover\b|\N{DIVISION SIGN}", "/"),
    (r"\bmultiplied by\b|\btimes\b|\N{MULTIPLICATION SIGN}|(?<=\d) ?[x*] ?(?=-?\d)", "*"),
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b|\bless\b", "-"),
    (r"\bto the power of\b|\braised to\b", "^"),
    (r"(?:%|\bper ?cent) of\b", "%"),
    (r"\bsquared\b", "^ 2"),
    (r"\bcubed\b", "^ 3"),
)
ASKED = re.compile(
    rf"\b(?:(?P<sum>sum of|add)|(?P<product>product of|multiply)|(?P<difference>difference between|"
    rf"difference of)|(?P<quotient>quotient of|divide)|(?P<rest>subtract|take away))\s+"
    rf"(?P<one>{NUMBER})(?:\s+(?:and|by|to|with|from))?\s+(?P<other>{NUMBER})",
    re.IGNORECASE,
)
"""Operations that are named before the numbers."""

SIGNS = {"sum": "+", "product": "*", "difference": "-", "quotient": "/", "rest": "-"}
LABEL = re.compile(r"(?<=\d)[-/](?=\d)")
"""A telephone number, a date, a train: no sum, unless nothing else is said."""

ONLY_A_SUM = re.compile(
    r"^(?:what(?:'s| is)|how much is|calculate|compute)?[\s\d.*/+^%()-]+[=?.\s]*$", re.IGNORECASE
)
WORDS = {
    "/": "divided by",
    "*": "times",
    "+": "plus",
    "-": "minus",
    "^": "to the power of",
    "%": "percent of",
}
SUM = re.compile(rf"({NUMBER})((?:\s*[-+*/^%]\s*{NUMBER})+)")
STEP = re.compile(rf"\s*([-+*/^%])\s*({NUMBER})")
NEGATIVE = re.compile(r"(?<!\d)(?<!\d )\b(?:minus|negative) (?=\d)", re.IGNORECASE)
ROOT = re.compile(rf"\bsquare root of ({NUMBER})")
BY_RANK: tuple[dict[str, Operation], ...] = (
    {"^": operator.pow, "%": lambda share, whole: share * whole / 100},
    {"*": operator.mul, "/": operator.truediv},
    {"+": operator.add, "-": operator.sub},
)


def calculate(text: str) -> tuple[str, str | None] | None:
    """The sum in *text* in words, and its result if it has one; None if there is no sum."""
    plain = NEGATIVE.sub("-", with_digits(text))
    plain = ASKED.sub(_signed, plain)
    if not ONLY_A_SUM.match(plain):
        plain = LABEL.sub(" to ", plain)
    for spoken, sign in SPOKEN:
        plain = re.sub(spoken, f" {sign} ", plain, flags=re.IGNORECASE)
    if found := ROOT.search(plain):
        return f"The square root of {found[1]}", _root(float(found[1]))
    found = SUM.search(plain)
    if not found:
        return None
    numbers, signs = [float(found[1])], []
    for sign, number in STEP.findall(found[2]):
        signs.append(sign)
        numbers.append(float(number))
    steps = zip(signs, numbers[1:], strict=True)
    asked = [_shown(numbers[0]), *(f"{WORDS[sign]} {_shown(number)}" for sign, number in steps)]
    return " ".join(asked), _evaluate(numbers, signs)


def _signed(asked: re.Match[str]) -> str:
    kind = str(asked.lastgroup and next(name for name in SIGNS if asked[name]))
    one, other = asked["one"], asked["other"]
    if kind == "rest":
        one, other = other, one
    return f"{one} {SIGNS[kind]} {other}"


def _root(number: float) -> str | None:
    if number < 0:
        return None
    whole = isqrt(int(number))
    return _shown(whole if whole * whole == number else number**0.5)


def _evaluate(numbers: list[float], signs: list[str]) -> str | None:
    try:
        for operations in BY_RANK:
            numbers, signs = _reduced(numbers, signs, operations)
    except (ZeroDivisionError, OverflowError):
        return None
    result = numbers[0]
    if isinstance(result, complex) or abs(result) >= 10**MAX_DIGITS:
        return None
    return _shown(result)


def _reduced(
    numbers: list[float], signs: list[str], operations: dict[str, Operation]
) -> tuple[list[float], list[str]]:
    """What is left once these operations are done, from left to right."""
    left, kept = [numbers[0]], []
    for sign, number in zip(signs, numbers[1:], strict=True):
        if sign in operations:
            left[-1] = operations[sign](left[-1], number)
        else:
            left.append(number)
            kept.append(sign)
    return left, kept


def _shown(number: float) -> str:
    rounded = round(number, DECIMALS)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
