"""Sums as people say them."""

import pytest

from local_realtime.brain.arithmetic import TOO_BIG, calculate

RESULTS = {
    "what is 12 times 7": "84",
    "twelve plus thirty minus two": "40",
    "2 plus 3 times 4": "14",
    "100 divided by 8": "12.5",
    "10% of 50": "5",
    "two to the power of ten": "1024",
    "square root of sixteen": "4",
    "square root of 2": "about 1.4142",
    "square root of 0.25": "0.5",
    "7 x 8": "56",
    "nine squared": "81",
    "minus 5 plus 3": "-2",
    "three point five times two": "7",
    "what is 12-7?": "5",
    "calculate 12/4": "3",
    "the sum of three and four": "7",
    "multiply 6 by 7": "42",
    "subtract 3 from 10": "7",
    "what is the difference between ten and four": "6",
    "divide 10 by 4": "2.5",
    "6 \N{DIVISION SIGN} 4": "1.5",
    "10 divided by 3": "about 3.3333",
    "1 divided by 30000": "about 0.00003333",
    "-2 divided by 3": "about -0.6667",
    "0.1 plus 0.2": "0.3",
    "12345678901234567890 plus 1": "12345678901234567891",
    "two to the power of 100": "1267650600228229401496703205376",
    "999999999999999999 times 999999999999999999": "999999999999999998000000000000000001",
    "1.000000000000000000001 plus 1": "2.000000000000000000001",
    "2 to the power of -2": "0.25",
    "9 ^ 0.5": "3",
    "one quadrillion plus one": "1000000000000001",
    "2.5 million plus 5 thousand": "2505000",
    "1,000,000 minus one": "999999",
    "9 to the power of 9999": TOO_BIG,
    "10 to the power of 59 times 10": TOO_BIG,
    f"{'9' * 61} plus 1": TOO_BIG,
    "0 to the power of 99999999999999999999": "0",
}
IMPOSSIBLE = ["5 divided by 0", "square root of -1", "0 to the power of -1", "-8 ^ 0.5"]


@pytest.mark.parametrize(("question", "result"), RESULTS.items(), ids=RESULTS)
def test_results(question, result):
    """Powers before products before sums; exact, or about so much, or too big to be said."""
    assert calculate(question)[1] == result


@pytest.mark.parametrize("question", IMPOSSIBLE)
def test_what_cannot_be_had_is_said(question):
    """A sum without a result is still a sum."""
    assert calculate(question)[1] is None


@pytest.mark.parametrize(
    "text", ["hello", "I have 3 cats", "3 4", "plus", "call 555-1234", "on 11/24"]
)
def test_other_words_are_no_sum(text):
    """Even if there are numbers in them."""
    assert calculate(text) is None
