"""What a streamed chat completion says, however it is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_realtime.brain.chat.endpoint import ChatFailed
from local_realtime.brain.chat.stream import MAX_EVENT_BYTES, Aloud, AnswerReader, EventReader
from local_realtime.session.responder import FunctionCall
from tests.fakes.chat import call, event, finish, text

DECLARED = frozenset({"one", "two"})


def read(events):
    """The text of an answer, and its reader."""
    reader, answer = EventReader(), AnswerReader()
    raw = b"".join(one if isinstance(one, bytes) else one.encode() for one in events)
    found = "".join(answer.feed(data) for data in reader.feed(raw))
    found += "".join(answer.feed(data) for data in reader.finish())
    return found + answer.finish(), answer


@pytest.mark.parametrize(
    ("body", "events"),
    [
        ("data: a\n\ndata: b\n\n", ["a", "b"]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data:a\ndata: b\n\n", ["a\nb"]),
        (": busy\n\nevent: x\nid: 3\ndata: a\n\n\n\n", ["a"]),
        ("data: a", ["a"]),
        ("", []),
    ],
    ids=["lf", "crlf", "cr", "two lines", "others", "unended", "nothing"],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_events_are_found(body, events, size):
    """By the rules of the standard, in pieces of any size."""
    reader, raw, found = EventReader(), body.encode(), []
    for start in range(0, len(raw), size):
        found += reader.feed(raw[start : start + size])

    assert events == [*found, *reader.finish()]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_are_events_or_an_error(pieces):
    """Nothing else comes of what an endpoint may send."""
    reader, answer = EventReader(), AnswerReader()
    try:
        for piece in pieces:
            for data in reader.feed(piece):
                answer.feed(data)
    except ChatFailed:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "function",
                    "index",
                    "id",
                    "name",
                    "error",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=5))
def test_any_json_is_an_answer_or_an_error(values):
    """Of whatever shape it is."""
    answer = AnswerReader()
    try:
        for value in values:
            assert isinstance(answer.feed(json.dumps(value)), str)
        answer.calls(DECLARED)
    except ChatFailed:
        return


def test_text_comes_piece_by_piece():
    """With the reason of its end; what follows the end is nothing."""
    said, answer = read([event(role="assistant", content=None), *text("Hel", "lo."), event(x=1)])

    assert ("Hello.", "stop", True) == (said, answer.finish_reason, answer.is_over)
    assert [] == answer.calls(DECLARED)


def test_calls_are_put_together_from_many_pieces():
    """Two at once, their letters mixed."""
    first, second = '{"city": "Par\\u00eds"}', '{"n": 2}'
    pieces = [call(0, id="a", name="one", arguments=""), call(1, id="b", name="two")]
    for index in range(max(len(first), len(second))):
        pieces += [call(0, arguments=first[index : index + 1])]
        pieces += [call(1, arguments=second[index : index + 1])]
    _, answer = read([*pieces, finish("tool_calls")])

    assert [FunctionCall("one", first), FunctionCall("two", second)] == answer.calls(DECLARED)


@pytest.mark.parametrize("index", [None, 0], ids=["no index", "all the same index"])
def test_calls_without_a_usable_index_are_told_apart_by_their_ids(index):
    """As some servers send them: whole, one an event."""
    _, answer = read(
        [
            call(index, id="a", name="one", arguments="{}"),
            call(index, id="b", name="two", arguments='{"n": '),
            call(index, id="b", arguments="1}"),
        ]
    )

    assert [FunctionCall("one", "{}"), FunctionCall("two", '{"n": 1}')] == answer.calls(DECLARED)


def test_arguments_may_be_missing_or_an_object():
    """No arguments are an empty object."""
    _, answer = read([call(0, name="one"), call(1, name="two", arguments={"n": 1})])

    assert [FunctionCall("one", "{}"), FunctionCall("two", '{"n": 1}')] == answer.calls(DECLARED)


@pytest.mark.parametrize(
    ("call_", "why"),
    [
        (call(0, name="three", arguments="{}"), "was not declared"),
        (call(0, name="one", arguments='{"city": '), "no JSON for arguments"),
        (call(0, name="one", arguments="[1]"), "no JSON for arguments"),
    ],
    ids=["undeclared", "half", "no object"],
)
def test_calls_that_nobody_could_answer_are_an_error(call_, why):
    """A client shall not act on half a call, nor on one of a function it does not have."""
    _, answer = read([call_])

    with pytest.raises(ChatFailed, match=why):
        answer.calls(DECLARED)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("data: <html>\n\n", "chat_bad_answer"),
        ("data: 3\n\n", "chat_bad_answer"),
        ("data: {}\n\n", "chat_bad_answer"),
        ('data: {"choices": [{"delta": {"content": 3}}]}\n\n', "chat_bad_answer"),
        ('data: {"error": {"message": "key sk-1 at http://x"}}\n\n', "chat_error"),
        (f"data: {'[' * 100_000}\n\n", "chat_bad_answer"),
        (f"data: {'a' * (MAX_EVENT_BYTES + 1)}", "chat_bad_answer"),
        ("data: \udcff\n\n", "chat_bad_answer"),
    ],
    ids=["html", "number", "no choices", "no text", "error", "deep", "long", "bytes"],
)
def test_rubbish_is_an_error(body, code):
    """With a sentence of ours, without words of theirs."""
    raw = body.encode(errors="surrogateescape")
    with pytest.raises(ChatFailed) as failed:
        read([raw])

    assert code == failed.value.code
    assert "sk-1" not in str(failed.value)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 1000])
@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("<think>Paris? No < Rome.</think>\n\nIt is Rome.", "\n\nIt is Rome."),
        ("\n<think></think>Yes.", "Yes."),
        ("<think>and no end", ""),
        ("<thin", "<thin"),
        ("<thinker> is a tag.", "<thinker> is a tag."),
        ("Write <think> like this.", "Write <think> like this."),
    ],
    ids=["thought", "none", "endless", "half a tag", "another tag", "in the answer"],
)
def test_what_a_model_thinks_is_left_out(said, answer, size):
    """Only before the answer, and however the text is cut."""
    aloud = Aloud()
    found = [aloud.feed(said[start : start + size]) for start in range(0, len(said), size)]

    assert "".join(found) + aloud.finish() == answer
