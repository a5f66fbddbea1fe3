"""Which instructions are followed."""

import pytest

from local_realtime.brain.directives import Directives, read_instructions

NOTHING = Directives(always=None, exactly=None, opening=None, one_word=False)


@pytest.mark.parametrize(
    ("instructions", "field", "value"),
    [
        ("Always answer: Nope.", "always", "Nope."),
        ('Be kind. Always reply with "I see".', "always", "I see"),
        ('Say exactly: "Good day"', "exactly", "Good day"),
        ("Say: one two", "exactly", "one two"),
        ('Greet the user with "Welcome".', "opening", "Welcome"),
        ("Start with: Hello, this is Parley.\nBe nice.", "opening", "Hello, this is Parley."),
        ("Greeting: Good evening!", "opening", "Good evening!"),
        ("Answer in one word.", "one_word", True),
    ],
)
def test_one_directive(instructions, field, value):
    """And nothing else in the same words."""
    found = read_instructions(instructions)

    assert getattr(found, field) == value
    others = {"always", "exactly", "opening", "one_word"} - {field}
    assert all(getattr(found, other) == getattr(NOTHING, other) for other in others)


@pytest.mark.parametrize(
    "instructions",
    [
        "",
        "You are a friendly assistant in a phone call. Answer in one to three short sentences.",
        "Always answer in English.",
        "Never say anything rude.",
    ],
)
def test_other_instructions_change_nothing(instructions):
    """The gateway's own among them."""
    assert read_instructions(instructions) == NOTHING
