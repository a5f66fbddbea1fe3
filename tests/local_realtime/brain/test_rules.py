"""What is answered, and that it is always the same."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_realtime.brain.dialogue import Line, Talk
from local_realtime.brain.rules import REMARK, think
from local_realtime.session.responder import FunctionCall

TOOLS = [
    {"name": "get_weather", "parameters": {"properties": {"city": {}}, "required": ["city"]}},
    {"name": "end_call", "parameters": {}},
]
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
    "Uh, hello.": "Hello! How can I help you?",
    "Hello, I'm Anna.": "Nice to meet you, Anna.",
    "My name's Mary Jane Watson.": "Nice to meet you, Mary Jane Watson.",
    "I'm fine.": "I heard you say: I'm fine.",
    "I am American.": "I heard you say: I am American.",
    "Do you know what my name is?": "You have not told me your name yet.",
    "Could you please repeat what I say? The sky is blue.": "The sky is blue.",
    "Repeat the following: one, two.": "one, two.",
    'Say "good night".': "good night.",
    "Sorry, what did you say?": "I have not said anything yet.",
    "How is banana spelled?": "B, A, N, A, N, A.",
    "Spelled cat.": "C, A, T.",
    "Spell the word cat for me, please.": "C, A, T.",
    "Spell my name.": "You have not told me what to spell.",
    "Count backwards from three.": "Three, two, one.",
    "Count from three down to one.": "Three, two, one.",
    "Countdown from 3.": "Three, two, one.",
    "Count by twos to ten.": "Two, four, six, eight, ten.",
    "Start counting to two.": "One, two.",
    "Count to ten by fives": "Five, ten.",
    "Do you have the time?": "It is 3:07 PM.",
    "What year is it?": "It is 2026.",
    "What month is it?": "It is November.",
    "Add five and six.": "5 plus 6 is 11.",
    "Call 555-1234.": "I heard you say: Call 555-1234.",
    "Good night.": "Goodbye!",
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
    assert answer("I'm Anna.", "Spell my name, please.") == "A, N, N, A."
    assert answer("Who am I?", instructions="The user's name is Bob.") == "Your name is Bob."
    assert answer("I'm Al.", "Who am I?", instructions="The user is called Bob.").endswith("Al.")
    note = Line("system", "The caller's name is Bob.")
    assert "Your name is Bob." == answer(note, "Who am I?")
    assert "Your name is Al." == answer(note, "I'm Al.", "Who am I?")


def test_an_answer_that_broke_off_is_gone_on_with():
    """As far as it began so; a whole one is not."""
    broken = Line("assistant", "I heard you", is_whole=False)
    assert "say: so be it" == answer("so be it", broken)
    assert "I heard you say: so be it" == answer(
        "so be it", Line("assistant", "Well,", is_whole=False)
    )
    assert "I heard you say: so be it" == answer("so be it", Line("assistant", "I heard you"))
    assert "" == answer("so be it", Line("assistant", "I heard you say: so be it", is_whole=False))


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
    assert (
        answer("3 plus 4", instructions="End every answer with 'Over.'") == "3 plus 4 is 7. Over."
    )
    assert answer("hi", instructions="Only answer with the word 'Nope'.") == "Nope"


def test_silence_is_noticed():
    """The note of an idle timeout stands before an utterance without words."""
    note = Line("system", "The user has been silent for a while.")

    assert answer("Hi", note, "") == "Are you still there?"


def test_the_output_of_a_function_is_told():
    """It is the last thing that happened."""
    assert answer("weather", Line("function", '{"sky": "clear"}')) == "Sky is clear."
    assert answer(Line("function", "{}"), "Goodbye.") == "Goodbye!"
    assert answer("x", Line("function", "21"), Line("function", "12")) == "21. 12."


def test_a_word_before_a_call_if_it_is_wanted():
    """Only before a call."""
    remark, call = answer("What's the weather in Paris?", tools=TOOLS, comments=True)

    assert remark == REMARK
    assert call.name == "get_weather"
    assert answer("Hello.", tools=TOOLS, comments=True) == "Hello! How can I help you?"


def test_several_functions_are_called_at_once():
    """Unless the client wants one at a time."""
    paris, rome = (
        FunctionCall("get_weather", f'{{"city": "{city}"}}') for city in ("Paris", "Rome")
    )
    end = FunctionCall("end_call", "{}")

    assert answer("Get the weather in Paris and end the call.", tools=TOOLS) == (paris, end)
    assert answer("What is the weather in Paris and in Rome?", tools=TOOLS) == (paris, rome)
    assert answer("The weather in Paris, and have a nice day.", tools=TOOLS) == (paris,)
    assert answer("Say end the call and end the call.", tools=TOOLS).startswith("end the call")
    alone = answer("Weather in Paris. End the call.", tools=TOOLS, parallel_tool_calls=False)
    assert len(alone) == 1


@pytest.mark.parametrize(
    "piece", ["count from 1 ", "my name is A ", "call me ", "a ", "1-", "say ", "please ", "um, "]
)
@pytest.mark.timeout(20)
def test_no_text_takes_long(piece):
    """A line of two thousand letters is answered in a moment: no pattern runs away."""
    said, told = piece * (2000 // len(piece)), piece * (8000 // len(piece))

    assert answer(said, tools=TOOLS, instructions=told)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_anything_is_answered(said, instructions):
    """In words, and the same words twice."""
    tools = ({"type": "function", "name": said or "x", "parameters": {}},)
    talk = {"instructions": instructions, "tools": tools}

    assert answer(said, **talk) == answer(said, **talk)
    assert isinstance(answer(said, **talk), str | tuple)
