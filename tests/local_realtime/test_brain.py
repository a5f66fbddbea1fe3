"""What is answered, and that it is always the same."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_realtime.brain import think
from local_realtime.responder import FunctionCall
from local_realtime.talk import Line, Talk

NOON = datetime(2026, 11, 24, 15, 7, tzinfo=UTC)


def answer(*lines, **talk):
    """The answer to what the user says, the last line last."""
    said = tuple(line if isinstance(line, Line) else Line("user", line) for line in lines)
    return think(Talk(said, NOON, **talk))


ANSWERS = {
    "Hello.": "Hello! How can I help you?",
    "Hi, how are you?": "I am fine, thank you. How can I help you?",
    "Say hello world.": "hello world.",
    "Please repeat after me. The sky is blue.": "The sky is blue.",
    "Can you spell banana?": "B, A, N, A, N, A.",
    "Hello, spell the word cat": "C, A, T.",
    "Count to five.": "One, two, three, four, five.",
    "Count from three to seven": "Three, four, five, six, seven.",
    "Count down from 5": "Five, four, three, two, one.",
    "Count to a thousand": "That is a lot. I count at most 50 numbers.",
    "What time is it?": "It is 3:07 PM.",
    "What's the date today?": "Today is Tuesday, November 24.",
    "What is 12 times 7?": "12 times 7 is 84.",
    "5 divided by 0": "5 divided by 0 has no answer I can give.",
    "My name is anna.": "Nice to meet you, Anna.",
    "What is my name?": "You have not told me your name yet.",
    "Thank you!": "You are welcome.",
    "Goodbye.": "Goodbye!",
    "The sky is blue.": "I heard you say: The sky is blue.",
    "": "Sorry, I did not understand that.",
}


@pytest.mark.parametrize(("said", "answered"), ANSWERS.items(), ids=ANSWERS)
def test_answers(said, answered):
    """One of each skill."""
    assert answer(said) == answered


def test_it_remembers_within_the_conversation():
    """The last name counts, and the last answer can be had again."""
    assert answer("My name is Anna.", "Call me Bob", "What's my name?") == "Your name is Bob."
    assert answer("Hi", Line("assistant", "Hello!"), "Say that again.") == "Hello!"
    assert answer("Say that again.") == "I have not said anything yet."


def test_instructions_are_followed():
    """Opening, only answer, one word, and the words of one response."""
    opening = 'Greet the user with "Welcome to Parley."'

    assert answer(instructions=opening) == "Welcome to Parley."
    assert answer("What time is it?", instructions=opening).startswith("Welcome to Parley. It is")
    assert answer(Line("assistant", "x"), "Bye", instructions=opening) == "Goodbye!"
    assert answer("hi", instructions="Always answer: Nope.") == "Nope."
    assert answer("hi", Line("system", "Always answer: Nope.")) == "Nope."
    assert answer("3 plus 4", instructions="Answer in one word.") == "7."
    assert answer("blue sky", instructions="Answer in one word.") == "Understood."
    assert answer("hi", instructions="Say exactly: A B") == "A B"


def test_silence_is_noticed():
    """The note of an idle timeout stands before an utterance without words."""
    note = Line("system", "The user has been silent for a while.")

    assert answer("Hi", note, "") == "Are you still there?"


def test_the_output_of_a_function_is_told():
    """It is the last thing that happened."""
    assert answer("weather", Line("function", '{"sky": "clear"}')) == "Sky is clear."
    assert answer(Line("function", "{}"), "Goodbye.") == "Goodbye!"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_anything_is_answered(said, instructions):
    """In words, and the same words twice."""
    tools = ({"type": "function", "name": said or "x", "parameters": {}},)
    talk = {"instructions": instructions, "tools": tools}

    assert answer(said, **talk) == answer(said, **talk)
    assert isinstance(answer(said, **talk), str | FunctionCall)
