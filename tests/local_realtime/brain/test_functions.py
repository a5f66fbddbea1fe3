"""Which function is meant, and with what."""

import json
from datetime import UTC, datetime

import pytest

from local_realtime.brain.dialogue import Line, Reply, Talk
from local_realtime.brain.functions import (
    choose_described,
    choose_function,
    choose_functions,
)
from local_realtime.brain.outputs import tell_output
from local_realtime.brain.words import words_of
from local_realtime.session.responder import FunctionCall


def tool(name, required=(), **properties):
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "name": name, "description": None, "parameters": parameters}


WEATHER = tool(
    "get_weather",
    ["city"],
    city={"type": "string"},
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
    days={"type": "integer"},
    day={"type": "string"},
)
TIMER = tool("setTimer", ["minutes"], minutes={"type": "number"}, label={"type": "string"})
LIGHT = tool("switch_light", ["light", "room"], light={"type": "boolean"}, room={"type": "string"})
HANG_UP = {"type": "function", "name": "end_call", "description": None, "parameters": {}}
COLOUR = tool("set_colour", ["colour"], colour={"type": "string", "enum": ["red", "blue"]})
TOOLS = (WEATHER, TIMER, LIGHT, HANG_UP, COLOUR)


def chosen(text, *before, tools=TOOLS, tool_choice="auto"):
    lines = (*before, Line("user", text))
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return choose_function(text, Talk(lines, now, tools=tools, tool_choice=tool_choice))


CALLS = {
    "What's the weather in Paris?": ("get_weather", {"city": "Paris"}),
    "What is the weather in New York tomorrow in fahrenheit for three days": (
        "get_weather",
        {"city": "New York", "unit": "fahrenheit", "days": 3, "day": "tomorrow"},
    ),
    "Set a timer for twenty minutes.": ("setTimer", {"minutes": 20}),
    "Set a timer for 2.5 minutes, label is tea.": ("setTimer", {"minutes": 2.5, "label": "tea"}),
    "Call the function get weather with city Berlin": ("get_weather", {"city": "Berlin"}),
    "Please end the call.": ("end_call", {}),
    "Set the colour to blue.": ("set_colour", {"colour": "blue"}),
    "Set the color to blue.": ("set_colour", {"colour": "blue"}),
    "Switch off the light in the kitchen.": (
        "switch_light",
        {"light": False, "room": "the kitchen"},
    ),
}


@pytest.mark.parametrize(("text", "call"), CALLS.items(), ids=CALLS)
def test_a_function_is_called_with_what_was_said(text, call):
    """By the words of its name, and by the names and types of its parameters."""
    found = chosen(text)

    assert isinstance(found, FunctionCall)
    assert (found.name, json.loads(found.arguments)) == call


@pytest.mark.parametrize("text", ["Hello.", "Say the weather is nice.", "Spell timer", "The call"])
def test_other_words_call_nothing(text):
    """Nor do words that are to be spoken."""
    assert chosen(text) is None


def test_what_is_missing_is_asked_for():
    """The answer to the question is read together with the request."""
    question = chosen("Tell me the weather.")
    before = (Line("user", "Tell me the weather."), Line("assistant", question.text))

    assert question.text == "What should I use for city?"
    assert json.loads(chosen("Rome.", *before).arguments) == {"city": "Rome"}


def test_tool_choice_is_obeyed():
    """None, required, and one by name; then what is missing is empty."""
    by_name = {"type": "function", "name": "setTimer"}

    assert chosen("weather in Rome", tool_choice="none") is None
    assert chosen("weather in Rome", tools=()) is None
    assert chosen("hm", tool_choice="required") == FunctionCall("get_weather", '{"city": ""}')
    assert chosen("hm", tool_choice=by_name) == FunctionCall("setTimer", '{"minutes": 0}')


NAMED = {
    "weather-get_weather": "What's the weather in Paris?",
    "WeatherPlugin-GetWeather": "What's the weather in Paris?",
    "mcp__open_meteo__get_weather": "What's the weather in Paris?",
    "get_weather__openmeteo": "What's the weather in Paris?",
    "functions.get_weather_tool": "What's the weather in Paris?",
    "get_weather_v2": "What's the weather in Paris?",
    "lights-toggle": "Toggle the lights.",
    "create_reminder": "Remind me.",
    "github__create_issue": "Create an issue.",
    "delete_alarm": "Cancel the alarm.",
}


@pytest.mark.parametrize(("name", "text"), NAMED.items(), ids=NAMED)
def test_a_name_may_have_a_prefix_or_a_suffix(name, text):
    """As libraries put them together; a word that is generic need not be said."""
    assert chosen(text, tools=(tool(name),)).name == name


UNMEANT = {
    "github__create_issue": "Do you know GitHub?",
    "set_alarm": "When is my alarm?",
    "create_note": "Delete the note.",
    "delete_note": "Read the note.",
    "get_note": "Delete the note.",
    "end-call": "The call.",
}


@pytest.mark.parametrize(("name", "text"), UNMEANT.items(), ids=UNMEANT)
def test_the_opposite_is_not_done(name, text):
    """Nor what only shares the name of a server, or half of a name."""
    assert chosen(text, tools=(tool(name),)) is None


def test_of_two_that_fit_the_server_that_is_named_is_meant():
    """By the words of its prefix."""
    tools = (tool("music__play_item"), tool("video__play_item"))

    assert chosen("Play the video item.", tools=tools).name == "video__play_item"


def test_a_description_is_asked_last():
    """Only if no name fits, and for no statement."""
    described = {**tool("track"), "description": "Look up the status of a parcel of the user."}
    talk = Talk((), datetime(2026, 11, 24, tzinfo=UTC), tools=(WEATHER, described))

    assert choose_described("Where is my parcel?", talk) == (FunctionCall("track", "{}"),)
    assert choose_described("I like the status.", talk) is None
    assert choose_described("How are you?", talk) is None


def test_one_call_is_required_and_not_one_of_every_sentence():
    """What more is asked for is called as well."""
    talk = Talk((), datetime(2026, 11, 24, tzinfo=UTC), tools=TOOLS, tool_choice="required")

    assert len(choose_functions("Hello. How are you?", talk)) == 1
    assert len(choose_functions("Weather in Rome and in Paris.", talk)) == 2


@pytest.mark.parametrize(
    "parameters", [{}, {"properties": 3}, {"properties": {"a": 1}}, {"required": 1}]
)
def test_a_strange_schema_does_no_harm(parameters):
    """It is the client's, and may be anything."""
    strange = {"type": "function", "name": "jump", "parameters": parameters}

    assert chosen("jump", tools=(strange,)) == FunctionCall("jump", "{}")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ('{"temperature": 21, "sky": "clear"}', "Temperature is 21, sky is clear."),
        ("It is sunny.", "It is sunny."),
        ('{"error": "no such city"}', "That did not work: no such city."),
        ('{"error": "The tool failed."}', "That did not work: The tool failed."),
        ("", "That is done."),
        ("[1, 2]", "1, 2."),
        ("true", "Yes."),
        ("null", "That is done."),
    ],
)
def test_an_output_becomes_a_sentence(output, sentence):
    """JSON or not."""
    assert isinstance(tell_output(output), Reply)
    assert tell_output(output).text == sentence


def test_names_are_read_as_words():
    """Snake, camel, and letters in a row."""
    assert [words_of(n) for n in ("get_weather", "setTimer", "getHTTPStatus2")] == [
        "get weather",
        "set timer",
        "get http status 2",
    ]
