"""The operator's function that sums a conversation up: whatever it does, a call goes on."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from parley_tools import Caller, Said, summary
from tests.tools.test_operators_file import found
from tornado_app.session.events import SummedUp
from tornado_app.session.ledger.entries import (
    ModelSaid,
    Noted,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)
from tornado_app.tools.summary import find_summary

CALLER = Caller("alice", "sess_1", "", frozenset({"speak"}))
ENTRIES = (
    Summed("s", "They have met."),
    UserSaid("u", "What is in stock?"),
    ToolCalled("c", "call_1", "get_stock", "{}"),
    ToolAnswered("o", "call_1", "tea"),
    ModelSaid("a", "There is tea."),
    UserSaid("v", "", is_spoken=True, is_written=False),
    Noted("n", "(silence)"),
)


async def sum_up(function):
    """What becomes of it, on a gateway's loop."""
    found_one = find_summary(
        SimpleNamespace(function=function), asyncio.get_running_loop().call_soon_threadsafe
    )
    try:
        return await asyncio.wait_for(found_one.sum_up(ENTRIES, CALLER), 20)
    finally:
        await found_one.loop.stop()


def run(function):
    return asyncio.run(sum_up(function))


def test_it_is_told_what_was_said_and_who_calls():
    """In the order of the conversation, off the loop."""
    given = {}

    @summary(timeout_s=5)
    def function(said: list[Said], caller: Caller) -> str:
        given.update(said=said, caller=caller, thread=threading.current_thread())
        return "They spoke of tea."

    assert SummedUp("They spoke of tea.") == run(function)
    assert CALLER == given["caller"]
    assert threading.main_thread() is not given["thread"]
    kinds = ["summary", "user", "call", "output", "assistant", "user", "note"]
    assert kinds == [each.kind for each in given["said"]]
    assert ("get_stock", "{}") == (given["said"][2].name, given["said"][2].text)
    assert "not written down" in given["said"][5].text


def test_it_may_be_one_that_can_be_called_without_a_caller():
    """It is told who calls."""

    @summary
    def function(said: list[Said], caller: Caller | None = None) -> str:
        return caller.user_id

    assert SummedUp(CALLER.user_id) == run(function)


def test_it_may_be_a_coroutine():
    """On a loop that is not the gateway's."""

    @summary
    async def function(said: list[Said]) -> str:
        await asyncio.sleep(0)
        return f"{len(said)} pieces."

    assert SummedUp("7 pieces.") == run(function)


class Text(str):
    """As libraries have their own."""

    __slots__ = ()


def test_its_text_is_text_whatever_its_class():
    """The next model is told it as any other."""

    @summary
    def function(said: list[Said]) -> str:
        return Text("They spoke of tea.")

    assert str is type(run(function).text)


def raises(_said):
    raise ValueError("canary")


def ends(_said):
    raise SystemExit


async def raises_later(_said):
    raise KeyError("canary")


@pytest.mark.parametrize(
    ("function", "detail"),
    [
        (raises, "ValueError"),
        (ends, "SystemExit"),
        (raises_later, "KeyError"),
        (lambda _: {"no": "text"}, "no text"),
    ],
    ids=["raises", "ends", "raises_later", "no_text"],
)
def test_what_it_raises_is_a_word_for_the_log(function, detail):
    """Never what it says, which may be a user's."""
    assert SummedUp("", detail) == run(summary(function))


def test_half_of_a_character_is_no_fault():
    """As of what tools return."""
    assert SummedUp("caf\ufffd") == run(summary(lambda _: "caf\udce9"))


MODULE = """
from parley_tools import Caller, Said, summary, tool
{marks}
"""
ONE = '@summary(timeout_s=3)\ndef one(said: list[Said], caller: Caller) -> str:\n    return ""\n'


def problems(folder, name, marks):
    (folder / f"{name}.py").write_text(MODULE.format(marks=marks))
    read = found(folder, f'[python]\nmodule = "{name}"\n')
    return read.toolbox, read.problems


def test_a_module_may_have_one_and_no_tool(tmp_path):
    """It says how long it may take."""
    toolbox, wrong = problems(tmp_path, "summary_alone", ONE)

    assert ([], 3.0, ()) == (wrong, toolbox.summary_timeout_s, toolbox.functions(()))


@pytest.mark.parametrize(
    ("name", "marks", "says"),
    [
        ("summary_none", "", "no function that is marked"),
        ("summary_two", ONE + ONE.replace("one", "two"), "only one function"),
        ("summary_bare", '@summary\ndef bare() -> str:\n    return ""\n', "takes what was said"),
        (
            "summary_more",
            '@summary\ndef more(said: list[Said], lines: int) -> str:\n    return ""\n',
            "takes what was said",
        ),
        (
            "summary_odd",
            '@summary\ndef odd(said: "Nobody") -> str:\n    return ""\n',
            "its types cannot be read",
        ),
    ],
)
def test_what_cannot_be_one_is_said_to_the_operator(tmp_path, name, marks, says):
    """Before there is a call."""
    toolbox, wrong = problems(tmp_path, name, marks)

    assert 0.0 == toolbox.summary_timeout_s
    [sentence] = wrong
    assert says in sentence
