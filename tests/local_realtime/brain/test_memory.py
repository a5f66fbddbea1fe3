"""What was said before, and is asked for again."""

from datetime import UTC, datetime

import pytest

from local_realtime.brain.dialogue import Line, Talk
from local_realtime.brain.rules import CANNOT_SEE, think
from local_realtime.session.items import UNSEEN

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
REMEMBERED = {
    "What did I say my name was?": (["My name is Bob."], "Your name is Bob."),
    "What is my name and favorite color?": (
        ["My name is Alice and my favourite color is teal."],
        "Your name is Alice, and your favorite color is teal.",
    ),
    "What's my dog's name?": (["My dog's name is Rex!", "Hello."], "Your dog's name is Rex."),
    "Do you remember my phone number?": (
        ["My phone number is 1.", "My phone number is 2."],
        "Your phone number is 2.",
    ),
    "What did I just say?": (["I have a cat."], "You said: I have a cat."),
    "What was my first question?": (["Why?", "And why not?"], "You said: Why?"),
    "What did I ask?": ([], "You have not said anything before."),
    "What is my favorite food?": ([], "I heard you say: What is my favorite food?"),
}


@pytest.mark.parametrize(("asked", "story"), REMEMBERED.items(), ids=REMEMBERED)
def test_what_was_said_is_remembered(asked, story):
    """The last that was said of it counts; nothing is made up."""
    said, answered = story
    lines = [Line("user", text) for text in said] + [
        Line("assistant", "Fine."),
        Line("user", asked),
    ]

    assert think(Talk(tuple(lines), NOON)) == answered


SEEN = {
    "alone": ([UNSEEN], CANNOT_SEE),
    "with a question": ([f"What is in this picture? {UNSEEN}"], CANNOT_SEE),
    "asked for afterwards": ([UNSEEN, "What do you see?"], CANNOT_SEE),
    "beside something else": ([f"What is 2 plus 2? {UNSEEN}"], f"{CANNOT_SEE} 2 plus 2 is 4."),
    "before something else": ([UNSEEN, "What is 2 plus 2?"], "2 plus 2 is 4."),
}


@pytest.mark.parametrize(("said", "answered"), SEEN.values(), ids=SEEN)
def test_a_picture_is_not_looked_at(said, answered):
    """Which is said plainly, and what else is asked for is answered."""
    assert think(Talk(tuple(Line("user", text) for text in said), NOON)) == answered
