"""What operators are told who limit money: tornado_app/usage/unpriced.py."""

from datetime import date

import pytest

from tests.calls.house import house_settings
from tornado_app.usage.prices import read_prices
from tornado_app.usage.unpriced import unpriced

ANSWERS = """
[[answers]]
model = "gpt-*"
from = 2026-01-01
text_input = 4
audio_input = 32
cached_text_input = 0.4
cached_audio_input = 0.4
text_output = 24
audio_output = 64
"""
TURNS = """
[[transcriptions]]
model = "*"
from = 2026-01-01
"""
NAME = "quotas.money_per_user_per_day (PARLEY_QUOTAS_MONEY_PER_USER_PER_DAY)"


def told(text: str, day: date = date(2026, 12, 1), **changes: object) -> list[str]:
    settings = house_settings(**{"quotas_money_per_user_per_day": 1, **changes})
    return [str(each) for each in unpriced(settings, read_prices(text.encode()), day)]


def test_who_says_what_all_models_cost_is_told_nothing():
    assert [] == told(ANSWERS + TURNS)


def test_who_shows_cost_needs_prices():
    how = {"quotas_money_per_user_per_day": 0, "usage_show_cost": True}
    assert [] == told("", **how)
    (sentence,) = told("", usage_prices_file="", **how)
    assert "usage.show_cost" in sentence


def test_who_limits_no_money_needs_no_prices():
    assert [] == told("", quotas_money_per_user_per_day=0)


@pytest.mark.parametrize(
    ("text", "changes", "word"),
    [
        (TURNS, {}, "there is none in"),
        (TURNS + ANSWERS.replace("audio_output", "minute"), {}, "no audio_output in"),
        (ANSWERS + TURNS, {"session_models": ["other"]}, "prices of other"),
        (ANSWERS + TURNS, {"day": date(2025, 1, 1)}, "there is none in"),
        (ANSWERS, {}, "gpt-transcribe among [[transcriptions]]"),
    ],
)
def test_a_model_without_a_price_would_cost_nothing(text, changes, word):
    sentence = told(text, **changes)[0]
    assert sentence.startswith(NAME)
    assert word in sentence
    assert sentence.endswith("usage.prices_file")
