"""Tests of tornado_app/protocol/realtime/mending.py."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDelta,
    Malformed,
    ResponseFinished,
    UserSpeechStarted,
    parse_realtime,
)
from tornado_app.protocol.realtime.mending import known_numbers, mend, whole_characters
from tornado_app.protocol.realtime.overhearing import Overheard, Place, overhear


class Inner(Struct, frozen=True):
    name: str = ""
    size: float | None = None


class Outer(Struct, frozen=True):
    needed: str
    inner: Inner = Inner()
    perhaps: Inner | None = None
    many: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"needed":"n"}', Outer("n")),
        ('{"needed":"n","inner":{"name":1,"size":2}}', Outer("n", Inner("", 2))),
        ('{"needed":"n","perhaps":{"name":"x","size":[]}}', Outer("n", perhaps=Inner("x"))),
        ('{"needed":"n","inner":7,"perhaps":7}', Outer("n")),
        ('{"needed":"n","many":{"name":"x"}}', Outer("n")),
        ('{"needed":"n","inner":7,"many":[{"name":"x"}]}', Outer("n", many=(Inner("x"),))),
        (
            '{"needed":"n","many":[{"name":"x"},7,{"name":null,"size":"2"},null,{"name":"y"}]}',
            Outer("n", many=(Inner("x"), Inner("", 2), Inner("y"))),
        ),
    ],
)
def test_what_can_be_read_is_read(text, value):
    """Field by field, also within a field."""
    assert value == mend(Outer, text)


@pytest.mark.parametrize("size", ['"nan"', '"inf"', '"-Infinity"', '"1e999"', "1e999", "NaN"])
def test_what_is_no_finite_number_is_none(size):
    """Text is taken for the number that it spells, and there is none that spells these."""
    said = f'{{"type":"input_audio_buffer.speech_started","item_id":"i","audio_start_ms":{size}}}'

    assert UserSpeechStarted("i", 0.0) == parse_realtime(said)


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ('"{}"', "{}"),
        ('{"day":"\\u00e4"}', '{"day":"\\u00e4"}'),
        ("[1]", "[1]"),
        ("7", "7"),
        ("null", ""),
    ],
)
def test_a_call_is_not_performed_with_other_arguments_than_it_was_given(given, arguments):
    """A server that gives the object itself, and not its text, is understood all the same."""
    call = f'{{"type":"function_call","call_id":"c","name":"f","arguments":{given}}}'

    alone = parse_realtime(f'{{"type":"response.output_item.done","item":{call}}}')
    at_the_end = parse_realtime(
        f'{{"type":"response.done","response":{{"output":[{{"call_id":null}},{call}]}}}}'
    )

    assert arguments == alone.item.arguments == at_the_end.response.output[1].arguments


def test_a_code_may_be_the_number_of_http():
    """It is told as its text, and the rest of the error with it."""
    heard = parse_realtime('{"type":"error","error":{"code":429,"message":"Slow down."}}')

    assert ("429", "Slow down.") == (heard.error.code, heard.error.message)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"needed":null}', '{"needed":5}'])
def test_what_lacks_what_it_needs_is_refused(text):
    """There is nothing to make of it."""
    with pytest.raises(msgspec.DecodeError):
        mend(Outer, text)


@given(st.text(st.sampled_from('a\\"u\ud83d\ude00\udfff/8'), max_size=12))
def test_half_a_character_becomes_the_sign_for_it(text):
    """As UTF-16 is read where it is broken; all else, escaped or not, stays."""
    expected = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    assert expected == json.loads(whole_characters(json.dumps(text)))


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            r'{"type":"response.output_audio_transcript.delta","delta":"a\ud83d"}',
            AnswerTranscriptDelta,
        ),
        (r'{"type":"response.done","response":{"id":"r","output":["\ude00"]}}', ResponseFinished),
        (r'{"type":"response.done","response":{"id":"r","usage":{"\ud83d":1}}}', ResponseFinished),
        (r'{"type":"response.done","response":"\ud83d', Malformed),
    ],
)
def test_an_event_with_half_a_character_is_heard(text, kind, as_bytes):
    """Wherever it is: in a field that is read, or in one that is passed over."""
    assert kind is type(parse_realtime(text.encode() if as_bytes else text))


values = st.recursive(
    st.none() | st.floats() | st.text() | st.sampled_from(["NaN", '"-Infinity', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(values)
def test_what_python_writes_for_a_number_that_is_none_is_null(value):
    """And nothing that stands in a text."""
    text = json.dumps(value)
    as_others_read_it = json.loads(text, parse_constant=lambda _: None)

    assert as_others_read_it == json.loads(known_numbers(text) or text)


@pytest.mark.parametrize("text", ['"' + '\\"' * 500_000 + " NaN", "NaN" + '"\\' * 500_000, "NaN\\"])
def test_a_text_without_an_end_takes_no_longer(text):
    """Looked for from each of its marks anew, it would take hours."""
    assert isinstance(known_numbers(text), str | None)


@pytest.mark.parametrize("bare", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("read", [bytes, str], ids=["bytes", "text"])
def test_an_event_with_a_number_that_is_none_is_heard(bare, read):
    """It may be the end of an answer; here with half of a character as well."""
    text = f'{{"type":"response.done","response":{{"id":"r\\ud83d","usage":{{"x":{bare}}}}}}}'
    given = text.encode() if read is bytes else text

    event = parse_realtime(given)
    assert ("r\ufffd", {"x": None}) == (event.response.id, event.response.usage)
    assert overhear(given) == Overheard(event, text.replace(bare, "null"))


def test_an_event_that_is_only_passed_on_can_be_read_by_its_client():
    overheard = overhear('{"type":"new.thing","item_id":"a","logprobs":[{"logprob":-Infinity}]}')

    assert Place("new.thing", item_id="a") == overheard.said
    assert {"logprob": None} == json.loads(overheard.text)["logprobs"][0]
