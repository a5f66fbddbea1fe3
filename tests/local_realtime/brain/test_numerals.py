"""Numbers as people say them."""

import pytest

from local_realtime.brain.numerals import in_words, with_digits


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("nothing here", "nothing here"),
        ("twenty-one cats", "21 cats"),
        ("a hundred and five", "105"),
        ("two thousand three hundred", "2300"),
        ("one two three", "1 2 3"),
        ("1,234,567", "1234567"),
        ("three point one four", "3.14"),
        ("Nineteen", "19"),
        ("someone and anyone", "someone and anyone"),
        ("a million", "1000000"),
        ("two million three hundred thousand and five", "2300005"),
        ("one thousand million", "1000000000"),
        ("a trillion", "1000000000000"),
        ("5 million", "5000000"),
        ("1.25 thousand", "1250"),
        ("hundred and a thousandfold", "100 and a thousandfold"),
    ],
)
def test_words_become_digits(said, digits):
    """Only whole words that are numbers."""
    assert with_digits(said) == digits


def test_words_and_digits_are_inverse():
    """For all that have a word."""
    assert [with_digits(in_words(n)) for n in range(100)] == [str(n) for n in range(100)]
    assert in_words(-3) == "-3"
    assert in_words(100) == "100"
