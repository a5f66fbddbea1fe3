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
    parse_realtime,
)
from tornado_app.protocol.realtime.mending import mend, whole_characters


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
    ],
)
def test_what_can_be_read_is_read(text, value):
    """Field by field, also within a field."""
    assert value == mend(Outer, text)


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
