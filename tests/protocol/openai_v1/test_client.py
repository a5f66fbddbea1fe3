"""What a frame of a client of the API is taken for."""

import contextlib
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.openai_v1.client import (
    parse_client,
    plain_audio,
    read_introduction,
    read_place,
)
from tornado_app.protocol.realtime.api_errors import ApiRefusal

APPEND = "input_audio_buffer.append"


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"input_audio_buffer.append","audio":"QUJD"}',
        '{"type": "input_audio_buffer.append", "audio": "QUJD"}',
        '{"audio":"QUJD","type":"input_audio_buffer.append"}',
        ' {\n "audio" : "QUJD" ,\t"type":"input_audio_buffer.append" } \n',
    ],
)
def test_an_append_that_is_written_plainly_is_not_parsed(text):
    assert "QUJD" == plain_audio(text)
    assert asked.Audio("QUJD") == parse_client(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"input_audio_buffer.append","audio":"QUJD","event_id":"e"}',
        '{"type":"input_audio_buffer.append","event_id":"e","audio":"QUJD"}',
        '{"type":"input_audio_buffer.append","audio":"QU\\u004aD"}',
        '{"type":"input_audio_buffer.append","audio":"QUJD","audio":"QUJE"}',
        '{"type":"input_audio_buffer.append","audio":"QUJD","type":"session.update"}',
        '{"audio":"QUJD","type":"input_audio_buffer.append","type":"session.update"}',
        '{"audio":"QUJD","type":"session.update"}',
        '{"type":"input_audio_buffer.append","audio":"QUJD"}{}',
        '{"type":"input_audio_buffer.append","audio":"QUJD',
        '{"type":"input_audio_buffer.append","audio":null}',
        '{"t\\u0079pe":"input_audio_buffer.append","audio":"QUJD"}',
        '{"type":"session.update","session":{"audio":"QUJD"}}',
    ],
)
def test_any_doubt_leads_to_the_parser(text):
    assert plain_audio(text) is None


@pytest.mark.parametrize("fields", [{}, {"type": 3}])
def test_what_is_refused_is_known_by_its_event_id(fields):
    """In the error the client finds which of its events it was."""
    with pytest.raises(InvalidMessage) as refused:
        parse_client(json.dumps({**fields, "event_id": "mine"}))

    assert "mine" == refused.value.ref


@given(
    st.permutations([("type", APPEND), ("audio", "QUJD"), ("event_id", "e"), ("x", 1)]),
    st.integers(1, 4),
    st.sampled_from(["", " ", "\n\t "]),
)
def test_the_searches_find_what_the_parser_finds(pairs, count, space):
    body = f",{space}".join(
        f"{json.dumps(k)}{space}:{space}{json.dumps(v)}" for k, v in pairs[:count]
    )
    text = f"{space}{{{space}{body}{space}}}{space}"
    audio = plain_audio(text)

    assert audio is None or {"type": APPEND, "audio": audio} == json.loads(text)


def test_what_is_not_ambiguous_stays_as_the_client_has_written_it():
    text = '{ "type" : "input_audio_buffer.commit", "event_id":"mine" }'

    event = parse_client(text)

    assert isinstance(event, asked.ClientEvent)
    assert ("input_audio_buffer.commit", text, "mine") == (event.kind, event.text, event.ref)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"response.create","type":"session.update","session":{}}',
        '{"type":"session.update","session":{"voice":"a","voice":"b"}}',
    ],
)
def test_of_a_name_that_stands_twice_the_model_is_told_one(text):
    event = parse_client(text)

    assert isinstance(event, asked.ClientEvent)
    assert event.fields == json.loads(event.text)
    assert "session.update" == event.kind
    assert event.text.count('"type"') == 1
    assert event.text.count('"voice"') <= 1


@pytest.mark.parametrize(
    ("text", "word", "field"),
    [
        ("nonsense", "invalid_json", None),
        ("[" * 19_000, "invalid_json", None),
        ('{"type":NaN}', "invalid_json", None),
        ("[]", "invalid_event", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type":1}', "invalid_type", "type"),
        ('{"type":"response.create","event_id":1}', "invalid_type", "event_id"),
        (f'{{"type":"x","event_id":"{"x" * 513}"}}', "string_above_max_length", "event_id"),
    ],
)
def test_what_is_no_event_is_refused(text, word, field):
    with pytest.raises(ApiRefusal) as refused:
        parse_client(text)

    assert (word, field) == (refused.value.word, refused.value.field)


def test_nobody_says_first_who_it_is_or_where_it_was():
    """The API has no such messages: who has no key is not let in, and every call is a new one."""
    with pytest.raises(InvalidMessage) as refused:
        read_introduction('{"type":"authenticate","token":"t"}')

    assert "token_missing" == refused.value.code
    assert read_place('{"type":"resume_from","last_seq":7}') is None


@given(st.text())
def test_any_text_is_an_event_or_refused(text):
    with contextlib.suppress(InvalidMessage):
        assert isinstance(parse_client(text), asked.Audio | asked.ClientEvent)


@pytest.mark.parametrize("value", ["{}", "1", '{"a":{}}', '""'])
def test_an_event_with_too_many_values_is_refused_without_making_them(value):
    text = f'{{"type":"session.update","session":[{",".join([value] * 200_000)}]}}'
    tracemalloc.start()
    try:
        with pytest.raises(ApiRefusal) as refused:
            parse_client(text)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "10000 values" in refused.value.sentence
    assert peak_bytes < 3 * len(text)


@pytest.mark.parametrize("levels", [127, 200, 900])
def test_an_event_that_is_nested_too_deeply_is_refused(levels):
    """What the interpreter's stack lets be read in one place it may not let be written in another:
    the call ended as by a fault of ours.
    """
    inner = "[" * levels + "]" * levels
    with pytest.raises(ApiRefusal) as refused:
        parse_client(f'{{"type":"response.create","response":{{"metadata":{inner}}}}}')

    assert "128 lists and objects" in refused.value.sentence


def test_an_event_may_be_nested_as_deeply_as_any_schema_is():
    inner = "[" * 126 + "]" * 126
    event = parse_client(f'{{"type":"session.update","session":{{"tools":{inner}}}}}')
    assert isinstance(event, asked.ClientEvent)
