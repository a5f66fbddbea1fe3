"""Tests of tornado_app/commands/talk/turns.py."""

import io

import pytest

from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.turns import Typed, typed_lines


def lines_of(said):
    """Standard input as a program has it (terminal/streams.py)."""
    stream = io.TextIOWrapper(io.BytesIO(said), "utf-8", "surrogateescape")
    return typed_lines(lambda: None, lambda: None, stream)


@pytest.mark.gen_test
async def test_each_line_is_a_turn():
    """Empty ones are none."""
    turns = [turn async for turn in lines_of("Hello.\n\n  Grüße! \n".encode())]

    assert [Typed("Hello."), Typed("Grüße!")] == turns


@pytest.mark.gen_test
async def test_bytes_that_are_no_text_end_the_talk():
    """With a sentence, behind the turns before them: Latin-1 in a pipe is sent to nobody."""
    lines = lines_of("Hello.\nGrüße!\n".encode("latin-1"))

    assert Typed("Hello.") == await anext(lines)
    with pytest.raises(Failed, match=r"^A line of standard input is not UTF-8\.$"):
        await anext(lines)
