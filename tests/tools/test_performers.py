"""What performs tools takes whatever a model writes, and breaks at nothing."""

import asyncio
import json
import threading
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from parley_tools import Caller, ToolError, tool
from tornado_app.protocol.realtime.functions import Function
from tornado_app.tools.arguments import BadArguments, Schema
from tornado_app.tools.http import HttpClient, HttpTool
from tornado_app.tools.other_loop import OtherLoop
from tornado_app.tools.python import find_tools
from tornado_app.tools.threads import CallThreads

CALLER = Caller("alice", "sess_1", "call_1", frozenset({"speak"}))
CALLED_BY = b'{"call_id":"call_1","session_id":"sess_1","user_id":"alice","name":"x","arguments":{'
ANYTHING = {"type": "object"}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
written = (
    st.text()
    | values.map(json.dumps)
    | st.dictionaries(st.text(), values, max_size=4).map(json.dumps)
    | st.integers(1, 9000).map(lambda depth: '{"a":' * depth + "1" + "}" * depth)
    | st.integers(1, 9000).map(lambda depth: '{"a":' + "[" * depth + "]" * depth + "}")
    | st.sampled_from(['{"a":"\\ud800"}', '{"a":1e999}', '{"a":"\\u0000"}', '{"\\udfff":1}'])
)


def http_tool(method, schema=ANYTHING):
    function = Function("x", "Of a test.", schema, 1.0)
    scopes, key = frozenset(), b"k" * 16
    url = "http://127.0.0.1:9/x?a=b"
    return HttpTool(function, scopes, method, url, {}, key, 1000, HttpClient(), lambda: 1.0)


TOOLS = {method: http_tool(method) for method in ("GET", "POST")}


@given(written, st.sampled_from(["GET", "POST"]))
@settings(max_examples=300, deadline=None)
def test_any_arguments_are_a_request_or_refused(text, method):
    """Nothing but `BadArguments` is raised, and a request goes where the operator said."""
    tool_, client = TOOLS[method], TOOLS[method].http.client
    try:
        request = tool_._request(tool_.schema.read(text), CALLER)
    except BadArguments:
        return
    assert ("127.0.0.1", 9, "/x") == (request.url.host, request.url.port, request.url.path)
    assert client is not None
    if method == "POST":
        assert request.content.startswith(CALLED_BY)  # its depth may be one at which json gives up


UNIQUE = {"type": "object", "properties": {"a": {"uniqueItems": True}}}


@example([[True], [1], [True]])
@given(st.lists(values | st.sampled_from([1, 1.0, True, 0, False, [1], [True]]), max_size=6))
def test_what_is_unique_is_what_the_library_takes_for_it(items):
    """Of two: of more it compares neighbours, and overlooks the third of [true], [1], [true]."""
    library = Draft202012Validator(UNIQUE)
    is_unique = all(library.is_valid({"a": list(pair)}) for pair in combinations(items, 2))

    assert is_unique == Schema(UNIQUE)._validator.is_valid({"a": items})


def test_items_that_are_the_same_go_back_to_the_model():
    with pytest.raises(BadArguments, match="a: it has items that are the same"):
        Schema(UNIQUE).read('{"a": [{"b": 1}, {"b": 1.0}]}')


def test_many_items_that_cannot_be_sorted():
    """Each with each would be minutes on the loop."""
    items = [{"number": number} for number in range(50_000)]

    assert items == Schema(UNIQUE).read(json.dumps({"a": items}))["a"]


@pytest.mark.parametrize("name", ["a", "tenant"])
def test_no_argument_writes_over_what_the_address_says(name):
    """A caller can talk a model into any argument."""
    tool_ = replace(TOOLS["GET"], url="http://127.0.0.1:9/x?a=b&tenant=1&tenant=2")

    with pytest.raises(BadArguments, match=name):
        tool_._request({name: "3"}, CALLER)
    with pytest.raises(BadArguments, match=name):
        tool_._request({"b": "3", name: None}, CALLER)


@pytest.mark.gen_test
async def test_arguments_that_make_too_long_an_address_are_the_models_fault():
    """And no fault of ours, with a trace in the log."""
    result = await TOOLS["GET"].call(json.dumps({"c": "\N{SNOWMAN}" * 8000}), CALLER)

    assert "invalid_arguments" == result.outcome


class Module:
    """As a module of an operator's."""

    @staticmethod
    @tool
    def takes(a: str = "", b: list[int] | None = None, c: dict[str, float] | None = None) -> str:
        """Of a test."""
        return a

    def __init__(self):
        self.takes = Module.takes


@given(written)
@settings(max_examples=200, deadline=None)
def test_any_arguments_are_a_call_of_a_function_or_refused(text):
    """It is given what its signature says, or it is not called."""

    async def call():
        loop = asyncio.get_running_loop()
        threads = CallThreads(2, loop.call_soon_threadsafe)
        other = OtherLoop(2, loop.call_soon_threadsafe)
        (found,) = find_tools(Module(), threads, other)
        result = await found.call(text, CALLER)
        assert result.outcome in {"done", "invalid_arguments"}, result

    asyncio.run(call())


def test_nothing_is_fetched_for_a_schema():
    """A reference to elsewhere is refused to the model."""
    schema = Schema(ANYTHING | {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}})

    with pytest.raises(BadArguments):
        schema.read('{"a":1}')


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ({"type": "number", "multipleOf": 0.01}, "9" * 400),
        ({"$ref": "#/type"}, "1"),
        ({"$id": "http://[bad", "$ref": "x"}, "1"),
    ],
    ids=["digits", "no schema", "no address"],
)
def test_what_cannot_be_checked_is_refused_to_the_model(wanted, given):
    """A number that is too large, or a reference of the operator's that leads to no schema."""
    schema = Schema(ANYTHING | {"properties": {"a": wanted}})

    with pytest.raises(BadArguments, match="cannot be checked"):
        schema.read(f'{{"a":{given}}}')


@pytest.mark.gen_test
async def test_a_call_that_is_cancelled_as_it_ends_is_not_left():
    """Its place is free, and nothing is counted."""
    loop = asyncio.get_running_loop()
    posts = []
    threads = CallThreads(1, lambda *post: (posts.append(post), woken.set()))
    woken = threading.Event()
    task = asyncio.ensure_future(threads.run("x", lambda: 1))
    await asyncio.sleep(0)
    await loop.run_in_executor(None, woken.wait)
    ((ended, *arguments),) = posts
    ended(*arguments)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert 0 == threads.left
    assert not threads._places.locked()


@pytest.mark.gen_test
async def test_what_is_raised_is_for_the_model_only_if_it_was_meant_for_it():
    """Whatever is raised, also what ends a program."""

    class Raising:
        def __init__(self, error):
            @tool
            def sync() -> str:
                """Of a test."""
                raise error

            @tool
            async def later() -> str:
                """Of a test."""
                raise error

            self.sync, self.later = sync, later

    loop = asyncio.get_running_loop()
    threads = CallThreads(2, loop.call_soon_threadsafe)
    other = OtherLoop(2, loop.call_soon_threadsafe)
    try:
        for error in (ValueError("canary"), SystemExit(3), StopIteration(), asyncio.CancelledError):
            for found in find_tools(Raising(error), threads, other):
                result = await found.call("{}", CALLER)
                assert "failed" == result.outcome
                assert '{"error": "The tool failed."}' == result.output
        for found in find_tools(Raising(ToolError("Closed.")), threads, other):
            assert '{"error": "Closed."}' == (await found.call("{}", CALLER)).output
    finally:
        await other.stop()


class One:
    """A module with one tool."""

    def __init__(self, performed):
        self.performed = performed


def performer(performed, threads, other):
    (found,) = find_tools(One(tool(performed)), threads, other)
    return found


@pytest.mark.gen_test
async def test_a_loop_that_turns_again_is_not_counted_for_ever():
    """Functions that blocked for a while, one a day, once made all others busy for good."""
    loop = asyncio.get_running_loop()
    other = OtherLoop(1, loop.call_soon_threadsafe)
    threads = CallThreads(1, loop.call_soon_threadsafe)
    begun, go_on = threading.Event(), threading.Event()

    async def blocks() -> str:
        """Of a test."""
        begun.set()
        go_on.wait()
        return ""

    async def works() -> str:
        """Of a test."""
        return "done"

    task = asyncio.ensure_future(performer(blocks, threads, other).call("", CALLER))
    await loop.run_in_executor(None, begun.wait)
    task.cancel()
    while not other.left:
        await asyncio.sleep(0.01)
    works_ = performer(works, threads, other)
    assert "busy" == (await works_.call("", CALLER)).outcome
    go_on.set()
    while other.left:
        await asyncio.sleep(0.01)

    assert "done" == (await works_.call("", CALLER)).output
    await other.stop()


@pytest.mark.gen_test
async def test_a_loop_that_a_tool_ended_is_replaced():
    """By a task that nobody awaits, which raises what ends a program."""
    loop = asyncio.get_running_loop()
    other = OtherLoop(1, loop.call_soon_threadsafe)
    threads = CallThreads(1, loop.call_soon_threadsafe)
    begun = []

    async def ends() -> str:
        """Of a test."""

        async def exits():
            raise SystemExit(9)

        begun.append(asyncio.ensure_future(exits()))
        await asyncio.Event().wait()

    async def works() -> str:
        """Of a test."""
        return "done"

    task = asyncio.ensure_future(performer(ends, threads, other).call("", CALLER))
    await asyncio.sleep(0)
    thread = other._thread
    await loop.run_in_executor(None, thread.join)
    await asyncio.sleep(0)
    task.cancel()

    assert "done" == (await performer(works, threads, other).call("", CALLER)).output
    assert isinstance(begun[0].exception(), SystemExit)
    await other.stop()


@pytest.mark.gen_test
async def test_an_error_whose_words_are_an_error_costs_one_call():
    """Even if they would end a program: this one is not the tool's to end."""

    class Worse(ToolError):
        def __str__(self):
            raise SystemExit(9)

    def raises() -> str:
        """Of a test."""
        raise Worse

    loop = asyncio.get_running_loop()
    threads = CallThreads(1, loop.call_soon_threadsafe)
    other = OtherLoop(1, loop.call_soon_threadsafe)
    result = await performer(raises, threads, other).call("", CALLER)

    assert "failed" == result.outcome
