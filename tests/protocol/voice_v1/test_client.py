"""Tests of tornado_app/protocol/voice_v1/client.py."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.errors import ERROR_CODES, InvalidMessage, Refused
from tornado_app.protocol.asked import (
    AudioFile,
    ClientEvent,
    ClientMessageBase,
    Configure,
    ToolResult,
)
from tornado_app.protocol.told import ErrorReport
from tornado_app.protocol.voice_v1.client import parse_client, read_introduction, read_place
from tornado_app.protocol.voice_v1.client_messages import (
    MESSAGES,
    AudioData,
    ClearAudio,
    CommitAudio,
    GetStatus,
    Image,
    Interrupt,
    Ping,
    Playback,
    Pong,
    Text,
)
from tornado_app.protocol.voice_v1.server import encode


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"audio_data","audio":"AAA="}', AudioData("AAA=")),
        (
            '{"audio":"","session_id":"s","format":"wav","type":"audio_data"}',
            AudioFile("", "wav"),
        ),
        ('{"type":"commit_audio"}', CommitAudio()),
        ('{"type":"clear_audio"}', ClearAudio()),
        ('{"type":"ping"}', Ping()),
        ('{"type":"ping","id":null}', Ping()),
        ('{"type":"ping","id":7}', Ping(7)),
        ('{"type":"ping","id":"é"}', Ping("é")),
        ('{"type":"ping","id":"a\\n"}', Ping("a\n")),
        ('{"type":"pong","id":"a"}', Pong("a")),
        ('{"type":"get_status"}', GetStatus()),
        ('{"type":"text","text":"Hi"}', Text("Hi")),
        (
            '{"type":"image","image":"AAAA","format":"png","id":"a"}',
            Image("AAAA", "png", ref="a"),
        ),
        (
            '{"type":"image","image":"","format":"gif","text":"Hi"}',
            Image("", "gif", "Hi"),
        ),
        ('{"type":"interrupt"}', Interrupt()),
        ('{"type":"tool_result","call_id":"c","output":"h\\u00e9"}', ToolResult("c", "hé")),
        ('{"type":"tool_result","call_id":"c","output":[1, 2]}', ToolResult("c", "[1, 2]")),
        (
            '{"type":"tool_result","call_id":"c","output":null,"is_error":true,"id":"r"}',
            ToolResult("c", "null", is_error=True, ref="r"),
        ),
        ('{"type":"interrupt","item_id":"i","heard_ms":0}', Interrupt("i", 0)),
        ('{"type":"playback","item_id":"i","played_ms":3600000}', Playback("i", 3_600_000)),
        (' {"type" : "ping"} ', Ping()),
        ('{"type":"commit_audio","id":"é 1"}', CommitAudio(ref="é 1")),
        ('{"type":"clear_audio","id":null}', ClearAudio()),
        (
            '{"type":"configure","speed":1.5,"turn_detection":{"type":"none"},"id":"a"}',
            Configure({"turn_detection": {"type": "none"}, "speed": 1.5}, ref="a"),
        ),
        ('{"type":"configure","voice":null}', Configure({"voice": None})),
        ('{"type":"text","text":"Hi","id":"%s"}' % ("x" * 64), Text("Hi", ref="x" * 64)),
        ('{"type":"audio_data","audio":"AAA=","id":"a"}', AudioData("AAA=", ref="a")),
        (
            '{"type":"audio_data","audio":"","format":"ogg","id":"a"}',
            AudioFile("", "ogg", ref="a"),
        ),
    ],
)
def test_a_message_of_the_list_is_understood(text, message):
    """Each type, with its fields in any order and its optional ones left out or null."""
    assert message == parse_client(text)


@pytest.mark.parametrize(
    ("text", "code", "field", "said"),
    [
        ("", "invalid_json", None, "not valid JSON"),
        ("hello", "invalid_json", None, "not valid JSON"),
        ('{"type":"ping"', "invalid_json", None, "not valid JSON"),
        ('{"type":"ping"} {}', "invalid_json", None, "not valid JSON"),
        ('{"type":"ping","id":NaN}', "invalid_json", None, "not valid JSON"),
        ('{"type":"ping","id":"\\ud800"}', "invalid_json", None, "not valid JSON"),
        ('{"a":' * 200_000, "invalid_json", None, "not valid JSON"),
        (
            '{"type":"configure","id":"a","voice":"ash","speed":1e400}',
            "invalid_message",
            "speed",
            "speed has a number that is too large",
        ),
        (
            '{"type":"configure","turn_detection":{"threshold":['
            + "[" * 500
            + "-1e999"
            + "]" * 500
            + "]}}",
            "invalid_message",
            "turn_detection",
            "too large",
        ),
        (
            '{"type":"tool_result","call_id":"c","output":"\\ud800"}',
            "invalid_json",
            None,
            "not valid JSON",
        ),
        (
            '{"type":"playback","item_id":"i","played_ms":' + "9" * 5_000 + "}",
            "invalid_message",
            "played_ms",
            "an integer from 0 to 3600000",
        ),
        (
            '{"type":"interrupt","heard_ms":-' + "9" * 5_000 + "}",
            "invalid_message",
            "heard_ms",
            "an integer from 0 to 3600000",
        ),
        ("[]", "invalid_message", None, "a JSON object"),
        ("null", "invalid_message", None, "a JSON object"),
        ('"ping"', "invalid_message", None, "a JSON object"),
        ("{}", "invalid_message", "type", "type is missing; it may be audio_data, commit_audio"),
        ('{"type":1}', "invalid_message", "type", "type must be a string: one of audio_data"),
        ('{"type":null}', "invalid_message", "type", "type must be a string"),
        (
            '{"type":"authenticate","token":"t"}',
            "invalid_message",
            "type",
            "comes first, and only if the opening request had no token",
        ),
        ('{"type":"Ping"}', "unknown_type", "type", "it may be audio_data, commit_audio"),
        (
            '{"type":"configure","pitch":1}',
            "invalid_message",
            "pitch",
            "configure has no field pitch; it takes voice, instructions, turn_detection, ",
        ),
        ('{"type":"configure","id":"a"}', "invalid_message", None, "configure sets nothing; it"),
        ('{"type":"ping","x":1}', "invalid_message", "x", "ping has no field x; it takes id."),
        ('{"type":"get_status","x":1}', "invalid_message", "x", "it takes id."),
        ('{"type":"ping","id":1.5}', "invalid_message", "id", "at most 128 characters, or an int"),
        ('{"type":"ping","id":true}', "invalid_message", "id", "or an integer"),
        ('{"type":"audio_data"}', "invalid_message", "audio", "audio is missing in audio_data"),
        ('{"type":"audio_data","audio":1}', "invalid_message", "audio", "a base64 string"),
        ('{"type":"audio_data","audio":null}', "invalid_message", "audio", "a base64 string"),
        ('{"type":"text","text":""}', "invalid_message", "text", "1 to 32768 characters"),
        ('{"type":"image","format":"png"}', "invalid_message", "image", "image is missing"),
        ('{"type":"image","image":"AAAA"}', "invalid_message", "format", "format is missing"),
        (
            '{"type":"image","image":"AAAA","format":"png","text":""}',
            "invalid_message",
            "text",
            "1 to 32768 characters",
        ),
        (
            '{"type":"image","image":"AAAA","format":"png","detail":"low"}',
            "invalid_message",
            "detail",
            "image, format, text",
        ),
        ('{"type":"text","text":["a"]}', "invalid_message", "text", "1 to 32768 characters"),
        ('{"type":"playback","item_id":"i"}', "invalid_message", "played_ms", "is missing"),
        (
            '{"type":"playback","item_id":"i","played_ms":-1}',
            "invalid_message",
            "played_ms",
            "an integer from 0 to 3600000",
        ),
        (
            '{"type":"interrupt","item_id":"i","heard_ms":"1"}',
            "invalid_message",
            "heard_ms",
            "an integer from 0 to 3600000",
        ),
        (
            '{"type":"audio_data","audio":"","format":"webm"}',
            "unsupported_format",
            "format",
            "must be one of wav, ",
        ),
        ('{"type":"get_status","id":7}', "invalid_message", "id", "1 to 64 printable characters"),
        ('{"type":"get_status","id":""}', "invalid_message", "id", "1 to 64 printable characters"),
        ('{"type":"get_status","id":"\\n"}', "invalid_message", "id", "64 printable characters"),
        (
            '{"type":"text","text":"a","id":"%s"}' % ("x" * 65),
            "invalid_message",
            "id",
            "1 to 64 printable characters",
        ),
        (
            '{"type":"interrupt","item_id":""}',
            "invalid_message",
            "item_id",
            "a string of 1 to 128 characters",
        ),
    ],
)
def test_a_wrong_message_is_refused_with_the_field_and_what_it_may_be(text, code, field, said):
    """One sentence that a developer can act on."""
    with pytest.raises(InvalidMessage) as refused:
        parse_client(text)

    assert (code, field) == (refused.value.code, refused.value.field)
    assert said in refused.value.sentence


def test_a_long_field_name_is_not_said_back_whole():
    """The client's own words are cut, so that an error stays small."""
    with pytest.raises(InvalidMessage) as refused:
        parse_client(json.dumps({"type": "ping", "x" * 10_000: 1}))

    assert "x" * 61 + "..." == refused.value.field
    assert len(refused.value.sentence) < 200


@pytest.mark.parametrize(("length", "shown"), [(64, "x" * 64), (65, "x" * 61 + "...")])
def test_a_name_of_64_characters_is_said_back_whole(length, shown):
    """The longest that is."""
    with pytest.raises(InvalidMessage) as refused:
        parse_client(json.dumps({"type": "ping", "x" * length: 1}))

    assert shown == refused.value.field


def test_fields_that_stand_twice_are_refused_if_that_hides_one():
    """Two types: what is meant cannot be said."""
    with pytest.raises(InvalidMessage) as refused:
        parse_client('{"type":"ping","type":"pong"}')

    assert "invalid_message" == refused.value.code
    assert (
        "pong has a field twice, and once it is wrong; each may stand once."
        == refused.value.sentence
    )


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_names = st.sampled_from(
    ["audio", "session_id", "format", "id", "text", "item_id", "heard_ms", "played_ms"]
)
_nearly = st.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}),
    st.sampled_from([*MESSAGES, "later_type"]) | _json,
    st.dictionaries(_names | st.text(max_size=5), _json, max_size=4),
)


@given(st.text() | _json.map(json.dumps) | _nearly)
def test_any_text_is_a_message_or_an_invalid_message(text):
    """Nothing else is raised, and what is refused has a code, and a sentence that can be sent."""
    outcome = _parsed(text)

    if isinstance(outcome, InvalidMessage):
        assert outcome.code in ERROR_CODES
        assert encode(ErrorReport.of(outcome), 1, 1)
    else:
        assert isinstance(outcome, ClientMessageBase)


@given(st.text(st.sampled_from('"\\ud8DCe0é\n{}[]:,1'), max_size=12), st.booleans())
def test_any_output_is_a_result_or_no_json(output, is_quoted):
    """What JSON takes within a message is all that a result may be, and it is read as JSON."""
    output = f'"{output}"' if is_quoted else output
    outcome = _parsed(f'{{"type":"tool_result","call_id":"c","output":{output}}}')

    if isinstance(outcome, ToolResult):
        read = json.loads(output)
        assert read == (outcome.output if isinstance(read, str) else json.loads(outcome.output))


def _parsed(text):
    try:
        return parse_client(text)
    except InvalidMessage as refused:
        return refused


def test_half_a_surrogate_pair_is_said_back_as_text():
    """A field's name comes back in the error, which must be text."""
    twice = '{"type":"playback","item_id":5,"\\ud800":1,"type":"interrupt","item_id":"ok"}'
    with pytest.raises(InvalidMessage) as refused:
        parse_client(twice)

    refused.value.sentence.encode()
    (refused.value.field or "").encode()


@given(st.text() | st.binary() | _json.map(json.dumps) | _nearly)
def test_any_first_frame_is_refused_unless_it_says_who(frame):
    """What is no ``authenticate`` with a token lets nobody in, and is answered in words."""
    outcome = _introduced(frame)

    if isinstance(outcome, Refused):
        assert outcome.code in {"token_missing", "invalid_message", "invalid_json"}
        assert encode(ErrorReport.of(outcome), 1, 1)
    else:
        assert outcome.token


def _introduced(frame):
    try:
        return read_introduction(frame)
    except Refused as refused:
        return refused


def test_tokens_and_words_of_a_client_are_in_no_repr():
    """No trace of a fault shows them."""
    assert "canary" not in repr(parse_client('{"type":"refresh_token","token":"canary"}'))
    event = ClientEvent("response.create", {"a": "canary"}, "canary")
    assert "ClientEvent('response.create')" == repr(event)


def test_the_last_of_what_a_first_message_says_is_its_query():
    """In the shape of an address's query, so that it is read the same way."""
    said = read_introduction(
        '{"type":"authenticate","token":"t","parameters":{"voice":"ash"},"id":"a"}'
    )

    assert ("t", {"voice": ["ash"]}, "a") == (said.token, said.query, said.ref)


@pytest.mark.parametrize(
    ("text", "code", "ref"),
    [
        ('{"type":"authenticate","id":"a"}', "invalid_message", "a"),
        ('{"type":"text","id":"a"}', "token_missing", "a"),
        ('{"type":"ping","id":"a"}', "token_missing", "a"),
        ('{"type":"configure"}', "token_missing", None),
        ("{", "invalid_json", None),
        ("[]", "invalid_message", None),
        (b"[", "token_missing", None),
    ],
)
def test_a_first_message_is_refused_for_what_is_wrong_with_it(text, code, ref):
    """Whoever tries to say who it is learns how; whoever does not, that it has to."""
    refused = _introduced(text)

    assert isinstance(refused, Refused)
    assert (code, ref) == (refused.code, getattr(refused, "ref", None))


@pytest.mark.parametrize(
    ("text", "ref", "is_audio"),
    [
        ('{"type":"text","id":"a"}', "a", False),
        ('{"type":"configure","id":"a"}', "a", False),
        ('{"id":"a"}', "a", False),
        ('{"type":7,"id":"a"}', "a", False),
        ('{"type":"authenticate","token":"t","id":"a"}', "a", False),
        ('{"type":"audio_data","audio":7,"id":"a"}', "a", True),
        ('{"type":"audio_data","audio":"","format":"mp3","id":"a"}', "a", True),
        ('{"type":"audio_data","audio":"","id":"\\u0000"}', None, True),
        ('{"type":"audio_data"}', None, True),
        ('{"type":"text","text":"","id":"\\u0000"}', None, False),
        ('{"type":"text","text":"","id":["a"]}', None, False),
        ('{"type":"text","text":"","id":"%s"}' % ("x" * 64), "x" * 64, False),
        ('{"type":"text","text":"","id":"%s"}' % ("x" * 65), None, False),
        ("[]", None, False),
        ("{", None, False),
    ],
)
def test_a_wrong_message_is_known_by_its_id(text, ref, is_audio):
    """As far as that is good, and whether it was audio, which is counted."""
    with pytest.raises(InvalidMessage) as refused:
        parse_client(text)

    assert (ref, is_audio) == (refused.value.ref, refused.value.is_audio)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"type":"resume_from","last_seq":7}', 7),
        ('{"type":"ping"}', None),
        ('{"type":"nonsense"}', None),
        ("[]", None),
        ("no JSON", None),
        (b"\0\0", None),
    ],
)
def test_where_a_client_that_resumes_says_it_is(text, place):
    """In its first message, or it says nothing of it."""
    assert place == read_place(text)


@pytest.mark.parametrize("value", ['"7"', "-1", "null", "1.5"])
def test_a_wrong_place_is_refused(value):
    """As it is the one message that cannot be another."""
    with pytest.raises(InvalidMessage):
        read_place(f'{{"type":"resume_from","last_seq":{value}}}')


def test_a_place_is_said_first_or_not_at_all():
    """Later it is a message like any other, and refused by its name."""
    with pytest.raises(InvalidMessage) as caught:
        parse_client('{"type":"resume_from","last_seq":7,"id":"mine"}')

    assert ("invalid_message", "type", "mine") == (
        caught.value.code,
        caught.value.field,
        caught.value.ref,
    )


def filled(head: str, unit: str, tail: str) -> str:
    """A message as large as one may be."""
    return head + unit * ((262_144 - len(head) - len(tail)) // len(unit)) + tail


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        (filled('{"type":"nope","x":[', "{},", "{}]}"), "unknown_type", "type"),
        (filled('{"type":"text","x":[', "[],", "[]]}"), "invalid_message", "text"),
        (filled('{"type":"text","text":[', "1e5,", "1]}"), "invalid_message", "text"),
        (filled('{"type":"commit_audio","x":{', '"a":{},', '"a":0}}'), "invalid_message", "x"),
        (filled('{"type":"configure","tools":[', "{},", "{}]}"), "invalid_message", "tools"),
        (filled('{"id":"one","type":"configure","x":[', "{},", "{}]}"), "invalid_message", "x"),
        (filled('{"type":"interrupt","item_id":"', "a", '"}'), "invalid_message", "item_id"),
        (filled("[", "{},", "{}]"), "invalid_message", None),
        (filled('{"type":"nope","x":[', "{},", "{}"), "invalid_message", None),
    ],
)
def test_a_large_message_is_refused_without_making_what_is_in_it(text, code, field):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMessage) as refused:
            parse_client(text)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (code, field) == (refused.value.code, refused.value.field)
    assert peak_bytes < 6 * len(text)  # 87,000 empty objects have 64 bytes each


def test_a_setting_may_be_as_large_as_a_message_if_it_is_one_text():
    text = filled('{"type":"configure","instructions":"', "a, ", '"}')

    assert isinstance(parse_client(text), Configure)
