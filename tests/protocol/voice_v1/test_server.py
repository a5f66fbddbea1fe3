"""Tests of tornado_app/protocol/voice_v1/server.py."""

import json
import typing
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tornado_app.errors import ERROR_CODES, RETRYABLE, Refused
from tornado_app.protocol import told
from tornado_app.protocol.figures import AudioFigures, LimitUse
from tornado_app.protocol.told import (
    Audio,
    AudioCleared,
    AudioReceived,
    Configured,
    ErrorReport,
    PongReply,
    Relayed,
    ResponseDone,
    ServerMessage,
    Status,
    ToolCall,
    Transcript,
    UpstreamFigures,
    Wait,
)
from tornado_app.protocol.voice_v1.server import TYPES, encode

ENVELOPE = {"type", "data", "error", "timestamp", "seq"}


def decoded(message: ServerMessage, seq: int = 1, timestamp_ms: int = 2) -> dict:
    return json.loads(encode(message, seq, timestamp_ms))


def test_every_message_has_a_type():
    """Nothing that may be said is without a name, and no name stands twice.

    What is said to clients that ask the model themselves is never said to these.
    """
    assert set(typing.get_args(ServerMessage)) - set(typing.get_args(Relayed)) == set(TYPES)
    assert len(TYPES) == len(set(TYPES.values()))


_numbers = st.floats(allow_nan=False, allow_infinity=False)
# JSON has neither of the others, and no message of ours has one.
st.register_type_strategy(float, _numbers)
_messages = {
    Audio: st.builds(
        Audio,
        offset_ms=_numbers,
        duration_ms=_numbers,
        audio=st.none() | st.binary().map(lambda pcm: b64encode(pcm).decode()),
        wait=st.none() | st.builds(Wait, _numbers, _numbers),
    ),
    AudioReceived: st.builds(AudioReceived, duration_ms=_numbers, level_dbfs=_numbers),
    Configured: st.builds(
        Configured, turn_detection_fields=st.dictionaries(st.text(), st.booleans() | st.text())
    ),
    ResponseDone: st.builds(
        ResponseDone, usage=st.none() | st.dictionaries(st.text(), st.integers() | st.text())
    ),
    Status: st.builds(
        Status,
        upstream=st.builds(UpstreamFigures, latency_ms=st.none() | _numbers),
        audio=st.builds(AudioFigures, _numbers, _numbers, _numbers, st.integers(0), _numbers),
        limits=st.dictionaries(st.text(), st.builds(LimitUse, _numbers, _numbers)),
    ),
    ToolCall: st.builds(
        ToolCall, arguments=st.dictionaries(st.text(), st.none() | st.booleans() | st.text())
    ),
}
"""Those whose numbers or shape their types do not tell."""


@pytest.mark.parametrize("kind", TYPES, ids=TYPES.values())
@settings(deadline=None)  # the first of a type has it looked at
@given(data=st.data())
def test_encoding_and_reading_again_gives_the_same(kind, data):
    """For each type and any content: the envelope of the protocol, around all of the data."""
    message = data.draw(_messages.get(kind, st.from_type(kind)))
    seq, timestamp_ms = data.draw(st.integers(1, 2**53)), data.draw(st.integers(0, 2**53))

    text = encode(message, seq, timestamp_ms)
    heard = json.loads(text)

    assert set(heard) == ENVELOPE
    assert (TYPES[kind], timestamp_ms, seq) == (heard["type"], heard["timestamp"], heard["seq"])
    assert isinstance(heard["data"], dict)
    if kind not in {AudioReceived, ErrorReport}:
        assert "" == heard["error"]
        assert message == msgspec.convert(heard["data"], kind)


@given(
    st.integers(0, 2**31),
    st.floats(0, 1e7),
    st.floats(-120, 120),
    st.integers(0, 2**53),
)
def test_an_acknowledgement_is_valid_json(size, duration_ms, level_dbfs, timestamp_ms):
    """The hot path writes its numbers itself, to a hundredth of a ms and a tenth of a dB."""
    heard = decoded(AudioReceived(size, duration_ms, level_dbfs, 7), 3, timestamp_ms)

    assert {"size", "timestamp", "duration_ms", "level_dbfs", "chunk"} == set(heard["data"])
    assert (size, timestamp_ms) == (heard["data"]["size"], heard["data"]["timestamp"])
    assert duration_ms == pytest.approx(heard["data"]["duration_ms"], abs=0.0051)
    assert level_dbfs == pytest.approx(heard["data"]["level_dbfs"], abs=0.0501)
    assert (3, timestamp_ms, "") == (heard["seq"], heard["timestamp"], heard["error"])


def test_silence_is_acknowledged_with_the_floor():
    """-120.0 dBFS and 0 bytes are numbers like others."""
    data = decoded(AudioReceived(0, 0.0, -120.0, 1))["data"]

    floor = {"size": 0, "timestamp": 2, "duration_ms": 0.0, "level_dbfs": -120.0, "chunk": 1}
    assert floor == data


@given(st.text(max_size=64) | st.integers())
def test_an_acknowledgement_bears_the_name_of_its_chunk(ref):
    """Whatever a client may have called it."""
    assert ref == decoded(AudioReceived(960, 20.0, -30.0, 2, ref=ref))["data"]["ref"]


def test_what_is_not_set_is_left_out():
    """A client needs no null checks but for usage, which says by null that it is not known."""
    assert {} == decoded(PongReply())["data"]
    assert {} == decoded(AudioCleared())["data"]
    assert "delta" not in decoded(Transcript("user", "i", "t", final=True))["data"]
    assert decoded(ResponseDone("r", "failed", None))["data"]["usage"] is None

    spoken = decoded(Audio("i", "r", 0.0, 20.0, size=960))["data"]
    assert {"item_id", "response_id", "offset_ms", "duration_ms", "size"} == set(spoken)


@given(st.sampled_from(ERROR_CODES), st.text(min_size=1), st.none() | st.text(), st.integers(0))
def test_an_error_carries_its_sentence_outside_of_data(code, sentence, field, retry_after_ms):
    """Whatever is in the sentence, quotes and control characters included."""
    heard = decoded(ErrorReport.of(Refused(code, sentence, field, retry_after_ms)))

    expected = {"code": code, "retryable": code in RETRYABLE, "retry_after_ms": retry_after_ms}
    expected |= {} if field is None else {"field": field}
    assert expected == heard["data"]
    assert sentence == heard["error"]


def test_an_error_says_what_of_the_client_it_is_about():
    """By the client's own name for it, or by the number of its audio."""
    refused = Refused("invalid_audio", "No.", chunk=3, detail="canary")
    data = decoded(ErrorReport.of(refused, "mine"))["data"]

    assert {"code": "invalid_audio", "retryable": False, "ref": "mine", "chunk": 3} == data


def test_the_words_of_a_model_are_in_no_repr():
    """No trace of a fault shows them."""
    assert "canary" not in repr(told.RelayedEvent('{"type":"canary"}'))


def test_the_protocol_knows_no_other_error_codes():
    """The list of docs/protocol.md, section 4."""
    listed = """invalid_json invalid_message unknown_type invalid_audio unsupported_format
        message_too_large audio_buffer_empty rate_limited audio_backlog connection_limit
        quota_exceeded token_missing token_invalid token_expired token_revoked permission_denied
        origin_denied upstream_unavailable upstream_rejected upstream_timeout session_expired
        idle_timeout conversation_idle call_limit ended_by_operator server_busy going_away
        internal"""

    assert listed.split() == list(ERROR_CODES)
    assert set(ERROR_CODES) >= RETRYABLE
    assert told.ErrorCode.__args__ == ERROR_CODES
