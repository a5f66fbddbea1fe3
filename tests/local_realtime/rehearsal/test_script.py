"""Reading a script: what it may be, and every mistake with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_realtime.rehearsal.script import (
    CloseNow,
    Expect,
    ExpectClose,
    Ignore,
    InvalidScript,
    Pause,
    ResetNow,
    Send,
    SendText,
    parse_script,
)

STEPS = {
    '{"expect": {"type": "a"}}': Expect(1, {"type": "a"}, None, 10_000),
    '{"expect": {"type": "a"}, "as": "b_1", "within_ms": 5}': Expect(1, {"type": "a"}, "b_1", 5),
    '{"ignore": ["a", "b"]}': Ignore(1, frozenset({"a", "b"})),
    '{"send": {"type": "a", "b": 1}, "as": "c"}': Send(1, {"type": "a", "b": 1}, "c"),
    '{"send_text": "no json"}': SendText(1, "no json"),
    '{"pause_ms": 0}': Pause(1, 0),
    '{"close": 4000, "reason": "why"}': CloseNow(1, 4000, "why"),
    '{"reset": true}': ResetNow(1),
    '{"expect_close": "*"}': ExpectClose(1, None, 10_000),
    '{"expect_close": 1000, "within_ms": 5}': ExpectClose(1, 1000, 5),
}


@pytest.mark.parametrize(("line", "step"), STEPS.items(), ids=STEPS)
def test_a_line_is_a_step(line, step):
    """With its number, and defaults for what is left out."""
    assert parse_script("s", line).sections == ((step,),)


def test_comments_and_empty_lines_count_as_lines():
    """Numbers are those of an editor."""
    (section,) = parse_script("s", '# first\n\n  # third\n{"pause_ms": 1}\n').sections

    assert section == (Pause(4, 1),)


def test_sections_are_for_connections_in_order():
    """The last is for all that come later; names begin anew in each."""
    text = '{"connection": 1}\n{"pause_ms": 1}\n{"connection": 2}\n{"reset": true}\n'
    script = parse_script("s", text)

    assert [script.for_connection(number) for number in (1, 2, 3)] == [
        (Pause(2, 1),),
        (ResetNow(4),),
        (ResetNow(4),),
    ]


MISTAKES = {
    "nonsense": "is not JSON: Expecting value",
    "[" * 100_000: "is not JSON: ",
    "[1]": "is no JSON object",
    "{}": "a step has exactly one of connection, expect, ignore, send, send_text, pause_ms,",
    '{"send": {"type": "a"}, "close": 1000}': "a step has exactly one of",
    '{"expect": {"type": "a"}, "for_ms": 5}': "expect knows no 'for_ms', only as, within_ms",
    '{"reset": true, "code": 1}': "reset knows no 'code', only nothing else",
    '{"expect": "a"}': "expect must be an object with what the event must have",
    '{"expect": {}}': "expect must be an object",
    '{"expect": {"type": "a"}, "within_ms": 0}': "within_ms must be an integer from 1 to 600000",
    '{"send": {"kind": "a"}}': "send must be an event: an object with a type",
    '{"send": {"type": "a"}, "as": "A"}': "as must be a name of small letters, digits and _",
    '{"send": {"type": "a"}, "as": "last"}': "last is a name that scripts have already",
    '{"send_text": 1}': "send_text must be a text",
    '{"ignore": "a"}': "ignore must be a list of event types; [] ends it",
    '{"pause_ms": 1.5}': "pause_ms must be an integer from 0 to 600000",
    '{"pause_ms": true}': "pause_ms must be an integer",
    '{"close": 999}': "close must be an integer from 1000 to 4999",
    '{"close": 1000, "reason": "' + "é" * 62 + '"}': "reason must be a text of at most 123 bytes",
    '{"reset": false}': "reset must be true",
    '{"expect_close": "1000"}': "expect_close must be an integer from 1000 to 4999",
    '{"connection": 2}': 'expected {"connection": 1} and nothing else',
    '{"send": {"type": "a", "b": ["${c.d}"]}}': "${c.d} stands for nothing; there are connection,",
    '{"expect": {"type": "${new}"}}': "${new} stands for nothing",
}


@pytest.mark.parametrize(("line", "sentence"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_a_mistake_is_a_sentence_with_its_line(line, sentence):
    """One line of text for each."""
    with pytest.raises(InvalidScript) as invalid:
        parse_script("s.jsonl", f"# a comment\n{line}")
    (problem,) = invalid.value.problems

    assert problem.startswith(f"s.jsonl, line 2: {sentence}")
    assert problem.endswith(".")
    assert "\n" not in problem


def test_all_mistakes_are_told_at_once():
    """In their order; what is right is read on."""
    with pytest.raises(InvalidScript) as invalid:
        parse_script("s", '{"reset": true}\n{"pause_ms": 1}\nx\n{"close": 1}\n')

    assert [problem.split(":")[0] for problem in invalid.value.problems] == [
        "s, line 2",
        "s, line 3",
        "s, line 4",
    ]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", '{"connection": 1}\n', '{"reset": true}\n{"connection": 2}\n']
)
def test_a_script_has_a_step_for_every_connection(text):
    """A file of comments is a mistake, too."""
    with pytest.raises(InvalidScript, match="there is no step for a connection"):
        parse_script("s", text)


def test_a_name_is_known_in_its_own_section_only():
    """What one connection received is nothing to another."""
    text = (
        '{"expect": {"type": "a"}, "as": "b"}\n{"connection": 2}\n{"send": {"type": "${b.type}"}}'
    )
    with pytest.raises(InvalidScript, match=r"line 3: \$\{b.type\} stands for nothing"):
        parse_script("s", text)


def outcome(text):
    try:
        return parse_script("s", text)
    except InvalidScript as invalid:
        return invalid.problems


@given(st.text() | st.from_regex(r'\{"(send|expect|close|reset)": (1|\{"type": "\$\{\w*\}"\})\}'))
def test_any_text_is_a_script_or_a_list_of_mistakes(text):
    """Nothing else happens."""
    assert outcome(text)
