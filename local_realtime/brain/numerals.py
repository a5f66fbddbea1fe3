"""Numbers as people say them, in English."""

import re
from fractions import Fraction

UNITS = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = {
    scale: 1000**power
    for power, scale in enumerate(
        ("thousand", "million", "billion", "trillion", "quadrillion", "quintillion"), 1
    )
}
VALUES = {
    **{word: value for value, word in enumerate(UNITS)},
    **{word: 10 * value for value, word in enumerate(TENS, 2)},
}
WORD = rf"(?:{'|'.join([*VALUES, 'hundred', *SCALES])})"
RUN = re.compile(rf"\b{WORD}(?:(?:[\s-]+|\s+and\s+){WORD})*\b", re.IGNORECASE)
GROUPS = re.compile(r"(?<=\d),(?=\d{3}\b)")
AN_AMOUNT = re.compile(rf"\ban? (?=(?:hundred|{'|'.join(SCALES)})\b)", re.IGNORECASE)
SCALED = re.compile(rf"\b(\d+(?:\.\d+)?) ?({'|'.join(SCALES)})\b", re.IGNORECASE)
"""Digits and a word: "2.5 million"."""

POINT = re.compile(r"(?<=\d) point (\d+(?: \d)*)", re.IGNORECASE)


def with_digits(text: str) -> str:
    """*text* with its numbers as digits: "twenty-one and 1,000" is "21 and 1000"."""
    plain = SCALED.sub(_scaled, GROUPS.sub("", AN_AMOUNT.sub("one ", text)))
    digits = RUN.sub(lambda run: _digits(run[0]), plain)
    return POINT.sub(lambda decimals: "." + decimals[1].replace(" ", ""), digits)


def _scaled(amount: re.Match[str]) -> str:
    number = Fraction(amount[1]) * SCALES[amount[2].lower()]
    return str(number) if number.denominator == 1 else amount[0]


def _digits(run: str) -> str:
    numbers: list[int] = []
    total, current = 0, None
    for word in re.findall(r"[a-z]+", run.lower()):
        if word == "and":
            continue
        if word == "hundred":
            current = (current or 1) * 100
        elif word in SCALES:
            total, current = _times(SCALES[word], total, current), None
        elif current is None:
            current = VALUES[word]
        elif _may_follow(current, VALUES[word]):
            current += VALUES[word]
        else:
            # "one two three" is three numbers, not six.
            numbers.append(total + current)
            total, current = 0, VALUES[word]
    return " ".join(str(number) for number in [*numbers, total + (current or 0)])


def _times(scale: int, total: int, current: int | None) -> int:
    """Two million three thousand are added up, one thousand million are multiplied."""
    if total < scale:
        return scale * ((total + (current or 0)) or 1)
    return total + scale * (current if current is not None else 1)


def _may_follow(current: int, value: int) -> bool:
    if current % 100 == 0:
        return current > 0 and value < 100
    return current % 10 == 0 and current % 100 >= 20 and 0 < value < 10


def in_words(number: int) -> str:
    """0 to 99 as a word; others as digits."""
    if 0 <= number < len(UNITS):
        return UNITS[number]
    if not 0 <= number < 100:
        return str(number)
    tens, unit = divmod(number, 10)
    return TENS[tens - 2] + (f"-{UNITS[unit]}" if unit else "")
