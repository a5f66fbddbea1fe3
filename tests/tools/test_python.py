"""Tools in Python: what their signatures say, and what a module may have beside them."""

import asyncio
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Optional

import pytest

from parley_tools import Caller, ToolError, tool
from tornado_app.protocol.realtime.functions import function_output
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.tools.other_loop import OtherLoop
from tornado_app.tools.python import find_tools
from tornado_app.tools.result import sendable
from tornado_app.tools.summary import find_summary
from tornado_app.tools.threads import CallThreads

CALLER = Caller("alice", "sess_1", "call_1", frozenset({"speak"}))
ANOTHER = '{"caller":{"user_id":"bob","session_id":"sess_1","call_id":"call_1","scopes":["admin"]}}'


def found_in(*values):
    """The tools of a module that has these."""
    post = asyncio.get_running_loop().call_soon_threadsafe
    module = SimpleNamespace(**{f"name_{number}": value for number, value in enumerate(values)})
    return list(find_tools(module, CallThreads(2, post), OtherLoop(2, post)))


def who_of(hint):
    """A tool that says who calls, by a parameter of this type that may be left out."""

    def who(caller=None):
        """Of a test."""
        return caller.user_id

    who.__annotations__["caller"] = hint
    return tool(who)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "hint",
    [
        Optional[Caller],  # noqa: UP045  as operators may write it
        Caller | None,
        Annotated[Caller, "who"],
        Annotated[Caller, "who"] | None,
    ],
)
async def test_the_model_cannot_say_who_calls(hint):
    """Also where a function can be called without: what the model may say its user makes it say."""
    (found,) = found_in(who_of(hint))

    assert {} == found.function.parameters["properties"]
    assert "alice" == (await found.call("{}", CALLER)).output
    assert "invalid_arguments" == (await found.call(ANOTHER, CALLER)).outcome


@dataclass
class Booking:
    """A parameter that says who calls."""

    caller: Caller


@pytest.mark.gen_test
@pytest.mark.parametrize("hint", [Booking, list[Caller], dict[str, Booking]])
async def test_nor_can_it_within_something_else(hint):
    """There nobody could fill it in."""
    (wrong,) = found_in(who_of(hint))

    assert "who: a Caller must be a parameter itself, and no part of another" == str(wrong)


@pytest.mark.gen_test
async def test_one_parameter_is_the_caller():
    """The other one would be nobody."""

    @tool
    def two(one: Caller, other: Caller) -> str:
        """Of a test."""
        return one.user_id + other.user_id

    (wrong,) = found_in(two)
    assert "two: only one parameter may be a Caller" == str(wrong)


@pytest.mark.gen_test
async def test_a_name_that_python_alone_can_hold_is_said():
    """Nothing but a sentence comes of it."""

    @tool
    def odd(*, __x: int) -> str:
        """Of a test."""
        return ""

    (wrong,) = found_in(odd)
    assert str(wrong).startswith("odd: ")


@dataclass
class Order:
    """A parameter that looks at what it holds."""

    number: str

    def __post_init__(self):
        raise KeyError(self.number)


@pytest.mark.gen_test
async def test_what_a_parameter_raises_costs_the_call():
    """It is as what the function raises: its words may hold anything."""

    @tool
    def find(order: Order) -> str:
        """Of a test."""
        return order.number

    (found,) = found_in(find)
    result = await found.call('{"order":{"number":"canary"}}', CALLER)

    assert ('{"error": "The tool failed."}', "KeyError") == (result.output, result.detail)


@pytest.mark.gen_test
async def test_an_error_without_words_has_a_sentence():
    """A model that reads nothing takes it for a result."""

    @tool
    def find() -> str:
        """Of a test."""
        raise ToolError

    (found,) = found_in(find)
    assert '{"error": "The tool failed."}' == (await found.call("{}", CALLER)).output


class Text(str):
    """As readers of HTML have them."""

    __slots__ = ()

    def __str__(self):
        return "another"


class Number(float):
    """As numpy has them."""


class Count(int):
    """The same."""


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("value", "output"),
    [
        (Text("Tea"), "Tea"),
        ({"tea": Text("Tea")}, '{"tea":"Tea"}'),
        ([Number(1.5), Count(2)], "[1.5,2]"),
    ],
)
async def test_text_is_text_whatever_its_class(value, output):
    """The model is told it."""

    @tool
    def find() -> object:
        """Of a test."""
        return value

    (found,) = found_in(find)
    item = function_output("c", sendable((await found.call("{}", CALLER)).output))

    assert output == json.loads(encode_order(CreateItem(item)))["item"]["output"]


class Unset:
    """As frameworks have one for what is not set up yet."""

    def __getattr__(self, name):
        raise RuntimeError("not set up")

    def __call__(self):
        """It may be called, once it is there."""


@pytest.mark.gen_test
async def test_what_stands_beside_tools_need_not_be_there_yet():
    """It is looked at and left alone."""
    unset = Unset()
    (found,) = found_in(unset, who_of(Caller))

    assert "who" == found.name
    assert find_summary(SimpleNamespace(unset=unset), print) is None
