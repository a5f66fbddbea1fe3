"""Tests of tornado_app/usage/prices.py."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.session.token_types import TOKEN_TYPES
from tornado_app.usage.prices import Prices, read_prices

DAY = date(2026, 12, 1)
AMOUNTS = st.decimals(0, 1000, places=4)
ONE = b'[[answers]]\nmodel = "a"\nfrom = 2026-01-01\n'
TABLE = b"""
[[answers]]
model = "big*"
from = 2026-01-01
text_input = 4
cached_text_input = 0.40
text_output = 24.00

[[answers]]
model = "big*"
from = 2026-06-01
text_input = 3
cached_text_input = 0.30
text_output = 20

[[answers]]
model = "big-mini"
from = 2026-01-01
text_input = 0.60
text_output = 2.40

[[transcriptions]]
model = "words"
from = 2026-01-01
minute = 0.006
"""


@pytest.mark.parametrize(
    ("model", "day", "tokens", "cost"),
    [
        ("big-2", DAY, {"text_input": 1_000_000}, "3"),
        ("big-2", date(2026, 5, 31), {"text_input": 1_000_000}, "4"),
        ("big-2", date(2026, 6, 1), {"text_input": 1_000_000}, "3"),
        ("big-2", date(2025, 12, 31), {"text_input": 1}, None),
        ("big-mini", DAY, {"text_input": 1, "text_output": 1}, "0.000003"),
        ("big-mini", DAY, {"cached_text_input": 1}, None),
        ("big-mini", DAY, {"cached_text_input": 0}, "0"),
        ("big-2", DAY, {"cached_text_input": 7, "unnamed": 2}, "0.0000421"),
        ("other", DAY, {"text_input": 1}, None),
        ("big-2", DAY, {}, "0"),
    ],
)
def test_an_answer_costs_what_holds_on_its_day(model, day, tokens, cost):
    """Of the name that fits best; what has no price is not free, but unknown."""
    found = read_prices(TABLE).of_answer(model, tokens, day)

    assert (None if cost is None else Decimal(cost)) == found


@pytest.mark.parametrize(
    ("tokens", "seconds", "cost"),
    [({}, 60.0, "0.006"), ({}, 0.1, "0.00001"), ({}, 0.0, "0"), ({"audio_input": 5}, 0.0, None)],
)
def test_what_is_written_down_costs_by_the_minute_or_by_token(tokens, seconds, cost):
    """As its own model counts."""
    found = read_prices(TABLE).of_transcription("words", tokens, seconds, DAY)

    assert (None if cost is None else Decimal(cost)) == found


@given(
    st.fixed_dictionaries({kind: AMOUNTS for kind in TOKEN_TYPES if kind != "unnamed"}),
    st.dictionaries(st.sampled_from(TOKEN_TYPES), st.integers(0, 10**9)),
)
def test_it_is_exact(amounts, tokens):
    """As fractions say it, to the last digit."""
    lines = [f"{kind} = {amount:f}" for kind, amount in amounts.items()]
    text = "\n".join(["[[answers]]", 'model = "*"', "from = 2026-01-01", *lines])
    expected = sum(
        Fraction(amounts["text_output" if kind == "unnamed" else kind]) * count / 1_000_000
        for kind, count in tokens.items()
    )

    found = read_prices(text.encode()).of_answer("any", tokens, DAY)

    assert Fraction(found) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "it is not UTF-8"),
        (b"[[answers]]\nfrom = 2026-01-01", "answers, table 1, model: is missing; it must be text"),
        (ONE + b"text_inptu = 1", "answers, table 1, text_inptu: is not known here; there may be"),
        (ONE + b"text_input = -1", "answers, table 1, text_input: must be a number of 0 or more"),
        (ONE + b"text_input = inf", "answers, table 1, text_input: must be a number of 0 or more"),
        (ONE + b"minute = true", "answers, table 1, minute: must be a number of 0 or more"),
        (
            b'[[answers]]\nmodel = "a"\nfrom = "soon"',
            "answers, table 1, from: must be a day such as 2026-12-01",
        ),
        (b'currency = "USD\\n"', "currency: must be three capital letters, such as USD"),
        (b'currency = "dollars"', "currency: must be three capital letters, such as USD"),
        (b"answers = 1", "answers: must be tables, written as [[answers]]"),
        (b"answer = 1", "answer: is not known here; there may be currency, answers"),
        (b"=", "it is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    """Before anything costs nothing."""
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        read_prices(text)


def test_everything_that_is_wrong_is_said_at_once():
    """Each thing where it stands."""
    wrong = b"minute = -1\ntext_input = -1\n[[transcriptions]]\nmodel = 7\nfrom = 2026-01-01"

    with pytest.raises(ValueError, match="must be") as raised:
        read_prices(ONE + wrong)

    assert (
        "answers, table 1, text_input: must be a number of 0 or more",
        "answers, table 1, minute: must be a number of 0 or more",
        "transcriptions, table 1, model: must be text of 1 to 200 characters",
    ) == raised.value.args


def test_the_list_that_comes_along_is_right():
    """It names what a gateway asks for by default."""
    prices = read_prices(Path("conf/prices.toml").read_bytes())

    every = {kind: 1_000_000 for kind in TOKEN_TYPES if kind != "unnamed"}
    assert Decimal("130.30") == prices.of_answer("gpt-realtime-2.1", every, DAY)
    assert Prices().of_answer("gpt-realtime-2.1", every, DAY) is None
