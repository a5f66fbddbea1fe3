"""Arguments from one sentence, by any JSON Schema."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_realtime.brain.arguments import fill

TEXT, WHOLE, NUMBER, FLAG = ({"type": k} for k in ("string", "integer", "number", "boolean"))
NULL = {"type": "null"}


def schema(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


CITY = {"$ref": "#/$defs/City"}
FLIGHT = {
    "$defs": {"City": {"allOf": [{"type": "string"}]}},
    **schema(
        ("origin", "destination", "seats", "cabin"),
        origin=CITY,
        destination=CITY,
        seats={"anyOf": [WHOLE, NULL]},
        cabin={"type": ["string", "null"], "enum": ["economy", "business", None]},
    ),
}
WHEN = schema(("date",), date=TEXT, time={"type": "string", "format": "time"})
EVENT = schema(("event",), event=schema(("title", "when"), title=TEXT, when=WHEN))
TABLE = schema(("people", "time"), people=WHOLE, time=TEXT, date=TEXT, outdoor=FLAG)
FILLED = {
    "references and nulls": (
        *("book_flight", FLIGHT, "Book a flight from New York to Rome."),
        {"origin": "New York", "destination": "Rome", "seats": None, "cabin": None},
    ),
    "alternatives": (
        *("book_flight", FLIGHT, "Book a flight from Rome to Oslo in business for 3 seats"),
        {"origin": "Rome", "destination": "Oslo", "seats": 3, "cabin": "business"},
    ),
    "objects within objects": (
        *("create_event", EVENT, "Create an event called Team lunch on Friday at noon"),
        {"event": {"title": "Team lunch", "when": {"date": "friday", "time": "noon"}}},
    ),
    "numbers and hours": (
        *("book_table", TABLE, "Book a table at 7 pm tomorrow for four, outdoor please"),
        {"people": 4, "time": "7 pm", "date": "tomorrow", "outdoor": True},
    ),
    "a unit of time": (
        *("set_timer", schema(("duration_seconds",), duration_seconds=WHOLE)),
        "Set a timer for 1 hour and 30 minutes",
        {"duration_seconds": 5400},
    ),
    "a list": (
        *("add_to_shopping_list", schema(("items",), items={"type": "array", "items": TEXT})),
        "Add eggs, milk and bread to the shopping list",
        {"items": ["eggs", "milk", "bread"]},
    ),
    "several of an enum": (
        *(
            "order",
            schema(("sauces",), sauces={"type": "array", "items": {"enum": ["hot", "mild"]}}),
        ),
        "Order hot sauce",
        {"sauces": ["hot"]},
    ),
    "numbers of an enum": (
        *("set_level", schema(("level",), level={"type": "integer", "enum": [1, 2, 3]})),
        "Set the level to two",
        {"level": 2},
    ),
    "an enum by whole words": (
        *("convert", schema((), unit={"enum": ["c", "f"]}), "Convert this, of course", {}),
    ),
    "words that are to be sent": (
        *("send_message", schema(("recipient", "message"), recipient=TEXT, message=TEXT)),
        "Send a message to Bob saying I am late.",
        {"recipient": "Bob", "message": "I am late"},
    ),
    "words in quotation marks": (
        *("translate", schema(("text", "target_language"), text=TEXT, target_language=TEXT)),
        'Translate "good night, moon" to French',
        {"text": "good night, moon", "target_language": "French"},
    ),
    "words that are left": (
        *("search_web", schema(("query",), query=TEXT), "Search the web for flights to Rome"),
        {"query": "flights to Rome"},
    ),
    "an address": (
        *("invite", schema(("email",), email=TEXT), "Invite anna.b@example.com, please."),
        {"email": "anna.b@example.com"},
    ),
    "what goes with a preposition": (
        *("find_hotels", schema(("stars",), stars=WHOLE, location=TEXT, topic=TEXT)),
        "Find hotels with four stars in Rome in three days",
        {"stars": 4, "location": "Rome"},
    ),
    "a list of people": (
        *("schedule_meeting", schema(("guests",), guests={"type": "array", "items": TEXT})),
        "Schedule a meeting with Bob and Alice on Monday",
        {"guests": ["Bob", "Alice"]},
    ),
    "what a meeting is about": (
        *("schedule_meeting", schema(("topic", "time"), topic=TEXT, time=TEXT)),
        "Schedule a meeting with Bob at 3 pm about the budget",
        {"topic": "the budget", "time": "3 pm"},
    ),
    "a number that is a name": (
        *("check_order", schema(("order_number",), order_number=TEXT)),
        "Check order LH-404, please",
        {"order_number": "LH-404"},
    ),
    "a long number": (
        *("track_order", schema(("order_id",), order_id=WHOLE), "Track order 12345678901234567891"),
        {"order_id": 12345678901234567891},
    ),
    "a constant": (*("ping", schema(("kind",), kind={"const": "icmp"}), "ping"), {"kind": "icmp"}),
    "a default": (
        *("wait", schema(("turns",), turns={"type": "integer", "default": 3}), "wait"),
        {"turns": 3},
    ),
}


@pytest.mark.parametrize(("function", "wanted", "text", "filled"), FILLED.values(), ids=FILLED)
def test_arguments_are_what_was_said(function, wanted, text, filled):
    """By the names, kinds and formats of the parameters, whatever stands first."""
    assert fill(wanted, text, function) == (filled, [])


@pytest.mark.parametrize(
    ("text", "kind"), [("level 2.5", WHOLE), ("level 200", {**NUMBER, "maximum": 100}), ("", TEXT)]
)
def test_what_does_not_fit_is_missing(text, kind):
    """Nothing is rounded or cut to make it fit."""
    assert fill(schema(("level",), level=kind), text, "set_level")[1] == ["level"]


def test_references_in_circles_end():
    """However many there are."""
    inner = {f"p{number}": {"$ref": "#"} for number in range(60)}
    endless = schema(inner, **inner)

    assert fill(endless, "p1 is tea", "drink")[0]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("string"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "enum", "anyOf", "allOf", "$ref", "required", "a b"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY, st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_schema_and_any_words_do_no_harm(wanted, text):
    """The schema is the client's, and the arguments are JSON."""
    arguments, _ = fill(wanted, text, "do_it")

    assert isinstance(json.loads(json.dumps(arguments)), dict)
