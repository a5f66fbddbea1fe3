"""What a token may say of tools, and what it is told if it may not."""

import pytest

from tests.session.story import model_session
from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS, size_of
from tornado_app.policy.functions import (
    ALL_TOOLS_MAX,
    TOOLS_BYTES,
    TOOLS_MAX,
    check_names,
    check_tools,
)
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.settling import CallRules, choice_refusal, settle
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import OneFunction

COLOUR = {
    "name": "set_colour",
    "description": "Paint the page.",
    "parameters": {"type": "object", "properties": {"colour": {"type": "string"}}},
}
OPEN = Policy({("tools", "token"): ALL, ("tool_choice", "token"): ALL}, {})


def rules(policy=OPEN, taken=()):
    return CallRules(policy, frozenset(), taken=frozenset(taken))


def test_tools_are_taken_as_they_are():
    """Also in the API's own spelling, and without what may be left out."""
    whole, bare = check_tools("tools", [COLOUR, {"type": "function", "name": "beep"}])

    assert Function("set_colour", "Paint the page.", COLOUR["parameters"]) == whole
    assert Function("beep", "", {"type": "object", "properties": {}}) == bare
    assert "canary" not in repr(Function("x", "canary", {"canary": True}))


TOOLS = "a list of at most 32 objects of name, description and parameters"
TOOL = "an object of name, description and parameters"


@pytest.mark.parametrize(
    ("value", "where", "may_be"),
    [
        ({}, "tools", TOOLS),
        ("x", "tools", TOOLS),
        ([COLOUR] * (TOOLS_MAX + 1), "tools", TOOLS),
        ([COLOUR, COLOUR], "tools", "a list in which no name stands twice"),
        ([7], "tools[0]", TOOL),
        ([COLOUR, {"description": "x"}], "tools[1]", TOOL),
        ([COLOUR | {"strict": True}], "tools[0]", TOOL),
        ([COLOUR | {"type": "mcp"}], "tools[0].type", "function"),
        ([COLOUR | {"name": 7}], "tools[0].name", "1 to 64 letters, digits, _ and -"),
        ([COLOUR | {"name": "a b"}], "tools[0].name", "1 to 64 letters, digits, _ and -"),
        ([COLOUR | {"name": "x" * 65}], "tools[0].name", "1 to 64 letters, digits, _ and -"),
        (
            [COLOUR | {"description": "x" * 4097}],
            "tools[0].description",
            "a text of at most 4096 characters",
        ),
        (
            [COLOUR | {"description": "\ud800"}],
            "tools[0].description",
            "a text of at most 4096 characters",
        ),
        (
            [COLOUR | {"parameters": []}],
            "tools[0].parameters",
            'a JSON Schema with "type": "object"',
        ),
        (
            [COLOUR | {"parameters": {"type": "object", "title": "\ud800"}}],
            "tools[0].parameters",
            "a JSON Schema of texts and numbers",
        ),
        (
            [{"name": f"n{n}", "description": "x" * 4096} for n in range(17)],
            "tools",
            "at most 65536 bytes in all",
        ),
        # So much is not looked into.
        ([COLOUR, "x" * 140_000], "tools", "at most 65536 bytes in all"),
    ],
)
def test_tools_that_are_not_taken(value, where, may_be):
    """The place is named, and what may stand there; nothing of what did."""
    with pytest.raises(Wrong) as wrong:
        check_tools("tools", value)

    assert (where, may_be) == (wrong.value.name, wrong.value.may_be)


@pytest.mark.parametrize(
    "value",
    [
        "any",
        7,
        None,
        [],
        {},
        {"type": "function"},
        {"name": "x"},
        {"type": "mcp", "name": "x"},
        {"type": "function", "name": "a b"},
        {"type": "function", "name": 7},
        {"type": "function", "name": "x", "strict": True},
    ],
)
def test_the_choice_is_one_of_three_words_or_a_function(value):
    """In the API's own shape."""
    with pytest.raises(Refused) as refused:
        rules().check("token", "tool_choice", value)
    words = "one of auto, none, required, or an object of type function and name"
    assert f"tool_choice must be {words}." == refused.value.sentence
    assert "none" == rules().check("token", "tool_choice", "none")
    one = {"type": "function", "name": "x"}
    assert OneFunction("x") == rules().check("token", "tool_choice", one)


def test_words_of_a_policy_hold_no_function():
    """Not even one that is called like a word of it."""
    narrow = Policy({("tool_choice", "token"): Grant(values=("auto", "none"))}, {})
    with pytest.raises(Refused, match=r"must be one of auto, none\.$"):
        rules(narrow).check("token", "tool_choice", {"type": "function", "name": "none"})
    assert "none" == rules(narrow).check("token", "tool_choice", "none")


WORDS = "tool_choice must be one of auto, none, required"


@pytest.mark.parametrize(
    ("names", "had", "said"),
    [
        (["beep"], {"get_weather"}, None),
        ([], {"boop"}, None),
        (["boop", "beep"], set(), None),
        (["beep", "bop"], {"get_weather"}, f"{WORDS}, or a function of beep, bop."),
        ([], {"get_weather"}, f"{WORDS}."),
        ([], None, None),
    ],
)
def test_a_token_chooses_among_the_tools_of_the_call(names, had, said):
    """The server's, too; but only those of the client are named.  None: nobody knows here."""
    choice = {"type": "function", "name": names[0] if names and said is None else "boop"}
    token = {"tools": [{"name": name} for name in names], "tool_choice": choice}
    settled = CallRules(OPEN, frozenset(), had=None if had is None else frozenset(had))
    if said is None:
        wanted = settle(model_session(), settled, token, {})
        assert OneFunction(choice["name"]) == wanted.tool_choice
        return
    with pytest.raises(Refused) as refused:
        settle(model_session(), settled, token, {})
    assert (said, "tool_choice") == (refused.value.sentence, refused.value.field)


BEEP = Function("beep", "", {})


@pytest.mark.parametrize(
    ("asked", "tools", "choice", "is_taken"),
    [
        ({"tool_choice"}, (BEEP,), OneFunction("beep"), True),
        ({"tools", "tool_choice"}, (BEEP,), OneFunction("beep"), True),
        ({"tool_choice"}, (BEEP,), OneFunction("get_weather"), False),
        ({"tools", "tool_choice"}, (BEEP,), OneFunction("get_weather"), False),
        ({"tools"}, (BEEP,), OneFunction("get_weather"), True),
        ({"tools"}, (), OneFunction("beep"), False),
        ({"voice"}, (), OneFunction("beep"), True),
        ({"tools"}, (), "required", True),
    ],
)
def test_a_client_chooses_among_its_own_tools(asked, tools, choice, is_taken):
    """And does not find out which the server has; one that the token has chosen stays."""
    wanted = model_session(tools=tools, tool_choice=choice)
    had = CallRules(OPEN, frozenset(), had=frozenset({"get_weather"}))
    refused = choice_refusal(wanted, had, dict.fromkeys(asked))

    assert is_taken == (refused is None)
    if refused is not None:
        assert "get_weather" not in refused.sentence
        assert ("invalid_message", "tool_choice") == (refused.code, refused.field)


def test_no_tool_has_the_name_of_a_servers():
    """Who performs a call goes by its name."""
    with pytest.raises(Refused) as refused:
        rules(taken={"set_colour"}).check("token", "tools", [COLOUR])

    sentence = "tools[0].name must be another one, as the server has such a tool."
    assert (sentence, "tools[0].name") == (refused.value.sentence, refused.value.field)


def test_there_are_not_more_tools_than_the_api_takes():
    """Those of the server count as well."""
    taken = [f"t{number}" for number in range(ALL_TOOLS_MAX)]
    assert rules(taken=taken[1:]).check("token", "tools", [COLOUR])
    assert () == rules(taken=taken).check("token", "tools", [])

    with pytest.raises(Refused, match="tools must be at most 0 tools"):
        rules(taken=taken).check("token", "tools", [COLOUR])


def test_a_policy_may_bound_their_length():
    """In bytes, as the model is told of them."""
    size = size_of(FIELDS["tools"].check("tools", [COLOUR]))
    wide, narrow = (
        rules(Policy({("tools", "token"): Grant(characters=characters)}, {}))
        for characters in (size, size - 1)
    )

    assert wide.check("token", "tools", [COLOUR])
    with pytest.raises(Refused, match=f"tools must be at most {size - 1} characters"):
        narrow.check("token", "tools", [COLOUR])
    assert 0 == size_of(())


def named(count: int, text: str = "") -> list[Function]:
    return [Function(f"f{number}", text, {}) for number in range(count)]


@pytest.mark.parametrize(
    ("functions", "where"),
    [
        (named(ALL_TOOLS_MAX), None),
        (named(ALL_TOOLS_MAX + 1), "tools"),
        ([*named(2), Function("f1", "", {})], "tools"),
        ([*named(2), Function("a b", "", {})], "tools[2].name"),
        ([Function("x" * 64, "", {})], None),
        ([Function("x" * 65, "", {})], "tools[0].name"),
        (named(1, "x" * TOOLS_BYTES), "tools"),
    ],
)
def test_functions_whose_schemas_are_for_the_model(functions, where):
    """Only their names and their size are looked at."""
    if where is None:
        check_names("tools", functions)
        return
    with pytest.raises(Wrong) as caught:
        check_names("tools", functions)
    assert where == caught.value.name
