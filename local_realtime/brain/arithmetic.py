"""Sums as people say them: four operations, powers, roots and percentages.

Exact, or said to be about so much, or not said: no result is that of a rounded number.
"""

import operator
import re
from collections.abc import Callable
from fractions import Fraction
from math import isqrt, log2

from local_realtime.brain.numerals import with_digits

MAX_DIGITS = 60
"""Of what is asked and of what is answered: more is too big to be said."""

DECIMALS = 4
"""Of a result that has no end; of one that has, all are said, up to as many as digits."""

TOO_BIG = "too big for me to say exactly"
Operation = Callable[[Fraction, Fraction], Fraction]

NUMBER = r"-?\d+(?:\.\d+)?"
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
TOO_LONG = re.compile(rf"\d[\d.]{{{MAX_DIGITS},}}")
ROOT = re.compile(rf"\bsquare root of ({NUMBER})")


class TooBig(Exception):
    """The result has more digits than can be said."""


class Endless(Exception):
    """A power that is no fraction; its value, to `DECIMALS`, is said to be about so much."""


def calculate(text: str) -> tuple[str, str | None] | None:
    """The sum in *text* in words, and its result if it has one; None if there is no sum."""
    plain = NEGATIVE.sub("-", with_digits(text))
    plain = ASKED.sub(_signed, plain)
    if not ONLY_A_SUM.match(plain):
        plain = LABEL.sub(" to ", plain)
    for spoken, sign in SPOKEN:
        plain = re.sub(spoken, f" {sign} ", plain, flags=re.IGNORECASE)
    if TOO_LONG.search(plain) and (SUM.search(plain) or ROOT.search(plain)):
        # Nobody wants to hear all of it again.
        return "That", TOO_BIG
    if found := ROOT.search(plain):
        number = found[1]
        return f"The square root of {number}", _said(lambda: _root(Fraction(number)))
    found = SUM.search(plain)
    if not found:
        return None
    steps: list[tuple[str, str]] = STEP.findall(found[2])
    asked = [_tidy(found[1]), *(f"{WORDS[sign]} {_tidy(number)}" for sign, number in steps)]
    texts, signs = [found[1], *(number for _, number in steps)], [sign for sign, _ in steps]
    return " ".join(asked), _said(lambda: _shown(_evaluate([*map(Fraction, texts)], signs)))


def _signed(asked: re.Match[str]) -> str:
    kind = str(asked.lastgroup and next(name for name in SIGNS if asked[name]))
    one, other = asked["one"], asked["other"]
    if kind == "rest":
        one, other = other, one
    return f"{one} {SIGNS[kind]} {other}"


def _said(result: Callable[[], str | None]) -> str | None:
    try:
        return result()
    except TooBig:
        return TOO_BIG
    except (ZeroDivisionError, Endless):
        return None


def _tidy(number: str) -> str:
    """As it was said, without what adds nothing: "3.50" is 3.5."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _evaluate(numbers: list[Fraction], signs: list[str]) -> Fraction:
    for operations in BY_RANK:
        numbers, signs = _reduced(numbers, signs, operations)
    return numbers[0]


def _reduced(
    numbers: list[Fraction], signs: list[str], operations: dict[str, Operation]
) -> tuple[list[Fraction], list[str]]:
    """What is left once these operations are done, from left to right."""
    left, kept = [numbers[0]], []
    for sign, number in zip(signs, numbers[1:], strict=True):
        if sign in operations:
            left[-1] = operations[sign](left[-1], number)
        else:
            left.append(number)
            kept.append(sign)
    return left, kept


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """A power, if it is a fraction and not too big; of roots only square ones that come out."""
    if exponent.denominator == 2:
        root = _exact_root(base)
        if root is None:
            raise Endless
        base, exponent = root, exponent * 2
    if exponent.denominator != 1:
        raise Endless
    largest = max(abs(base.numerator), base.denominator)
    if largest > 1 and log2(largest) * abs(exponent) > 4 * MAX_DIGITS:
        raise TooBig
    return Fraction(base**exponent)


BY_RANK: tuple[dict[str, Operation], ...] = (
    {"^": _power, "%": lambda share, whole: share * whole / 100},
    {"*": operator.mul, "/": operator.truediv},
    {"+": operator.add, "-": operator.sub},
)


def _exact_root(number: Fraction) -> Fraction | None:
    if number < 0:
        return None
    root = Fraction(isqrt(number.numerator), isqrt(number.denominator))
    return root if root * root == number else None


def _root(number: Fraction) -> str | None:
    if number < 0:
        return None
    exact = _exact_root(number)
    if exact is not None:
        return _shown(exact)
    # Twice as many decimals as are said, so that they are rounded as the root itself would be.
    scale = 10 ** (4 * DECIMALS)
    return _about(Fraction(isqrt(number.numerator * scale**2 // number.denominator), scale))


def _shown(number: Fraction) -> str:
    """All its digits, or about so much if it has no end.

    Raises:
        TooBig: If they are too many.
    """
    if abs(number) >= 10**MAX_DIGITS:
        raise TooBig
    decimals = _decimals(number.denominator)
    if decimals is None:
        return _about(number)
    return _with_decimals(number, decimals)


def _decimals(denominator: int) -> int | None:
    """How many decimals a fraction ends after, if it does and they can be said."""
    return next((n for n in range(MAX_DIGITS) if 10**n % denominator == 0), None)


def _about(number: Fraction) -> str:
    """Rounded; of a number below 1 so many digits from its first."""
    decimals = DECIMALS
    while abs(number) * 10**decimals < 10 ** (DECIMALS - 1) and decimals < MAX_DIGITS:
        decimals += 1
    return f"about {_with_decimals(number, decimals)}"


def _with_decimals(number: Fraction, decimals: int) -> str:
    digits = str(round(abs(number) * 10**decimals)).rjust(decimals + 1, "0")
    whole, rest = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    shown = f"{whole}.{rest}" if rest else whole
    return f"-{shown}" if number < 0 and shown != "0" else shown
