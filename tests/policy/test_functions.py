"""What a token may say of tools, and what it is told if it may not."""

import pytest

from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS, size_of
from tornado_app.policy.functions import ALL_TOOLS_MAX, TOOLS_MAX, check_tools
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.functions import Function

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


@pytest.mark.parametrize("value", ["any", 7, None, {"type": "function", "name": "x"}])
def test_the_choice_is_one_of_three_words(value):
    """No single function."""
    with pytest.raises(Refused) as refused:
        rules().check("token", "tool_choice", value)
    assert "tool_choice must be one of auto, none, required." == refused.value.sentence
    assert "none" == rules().check("token", "tool_choice", "none")


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
