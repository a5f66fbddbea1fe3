"""What a model is told of an MCP server: its answers, its tools, and what is wrong with them."""

import json
from types import SimpleNamespace as Of

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.tools.mcp.address import ListedTool
from tornado_app.tools.mcp.entry import told_name
from tornado_app.tools.mcp.results import result_of
from tornado_app.tools.mcp.servers import function_of
from tornado_app.tools.reading import NAME


def text(words):
    return Of(type="text", text=words)


def answer(*content, structured=None, is_error=False):
    return Of(content=content, structured_content=structured, is_error=is_error)


ANSWERS = {
    "nothing": (answer(), ""),
    "a text": (answer(text("sunny")), "sunny"),
    "texts": (answer(text("sunny"), text("and warm")), "sunny\nand warm"),
    "JSON alone": (answer(structured={"a": 1}), '{"a":1}'),
    "the same twice": (answer(text('{ "a": 1 }'), structured={"a": 1}), '{"a":1}'),
    "the same, wrapped": (answer(text("sun"), structured={"result": "sun"}), '{"result":"sun"}'),
    "the same list": (answer(text("[1, 2]"), structured={"result": [1, 2]}), '{"result":[1,2]}'),
    "words beside JSON": (answer(text("Two found."), structured={"a": 2}), 'Two found.\n{"a":2}'),
    "null": (answer(text("x"), structured=None), "x"),
    "an image": (
        answer(text("See:"), Of(type="image", mime_type="image/png", data="AAAA")),
        "See:\n(There is an image here, image/png, which is not shown.)",
    ),
    "a recording": (
        answer(Of(type="audio", mime_type="audio/wav", data="AAAA")),
        "(There is a recording here, audio/wav, which is not shown.)",
    ),
    "a link": (
        answer(Of(type="resource_link", name="Map", uri="https://example.com/map")),
        "(There is a link here: Map, https://example.com/map)",
    ),
    "a text file": (
        answer(Of(type="resource", resource=Of(uri="file:///a", text="words"))),
        "words",
    ),
    "another file": (
        answer(Of(type="resource", resource=Of(uri="file:///a", blob="AAAA"))),
        "(There is a file here, file:///a, which is not shown.)",
    ),
    "another kind": (answer(Of(type="scent")), "(There is something here that is not shown.)"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_in_words(name):
    given_, told = ANSWERS[name]

    result = result_of(given_, 1000)

    assert (told, "done") == (result.output, result.outcome)


def test_an_error_is_one_that_the_model_can_read():
    """With the server's own words, if it has any."""
    refused = result_of(answer(text("The shop is closed."), is_error=True), 1000)
    silent = result_of(answer(is_error=True), 1000)

    assert {"error": "The shop is closed."} == json.loads(refused.output)
    assert ("failed", "is_error") == (refused.outcome, refused.detail)
    assert {"error": "The tool failed."} == json.loads(silent.output)


@given(st.text(max_size=60), st.integers(1, 100), st.booleans())
def test_no_result_is_longer_than_it_may_be(words, result_bytes, is_error):
    """In bytes of UTF-8, which is what the bound counts; the sentence about it is ours."""
    result = result_of(answer(text(words), is_error=is_error), result_bytes)

    is_told = result.outcome == "too_large"
    assert is_told or len(result.output.encode()) <= result_bytes


def test_halves_of_characters_are_no_text():
    """JSON can say what UTF-8 cannot."""
    for broken in (answer(text("\ud800")), answer(structured={"a": "\ud800"})):
        assert "failed" == result_of(broken, 1000).outcome


@given(st.text(max_size=8), st.text(min_size=1, max_size=40))
def test_every_name_of_a_server_can_be_told(prefix, listed):
    assert NAME.fullmatch(told_name(prefix, listed))


def test_names_keep_what_the_api_takes():
    assert "crm_orders_find-all_2" == told_name("crm_", "orders.find-all/2")


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        (ListedTool("x", "d" * 5000, {"type": "object"}), "its description is longer"),
        (ListedTool("x", "\ud800", {"type": "object"}), "cannot be told as JSON"),
        (ListedTool("x", "d", {"type": "array"}), "its parameters must be a JSON Schema"),
        (ListedTool("x", "d", {}), "its parameters must be a JSON Schema"),
        (ListedTool("x", "d", {"type": "object", "$ref": "http://a/b"}), "its parameters must be"),
        (ListedTool("x", "d", {"type": "object", "description": "d" * 70_000}), "are longer than"),
        (ListedTool("x", "d", {"type": "array", "description": "d" * 70_000}), "are longer than"),
    ],
)
def test_tools_that_are_not_taken(listed, sentence):
    """In words for the operator."""
    with pytest.raises(ValueError, match=sentence):
        function_of("x", listed, 1.0)


def test_a_tool_without_parameters_has_none():
    """The API wants to be told so."""
    function = function_of("x", ListedTool("x", "d", {"type": "object"}), 1.0)

    assert {"type": "object", "properties": {}} == function.parameters
