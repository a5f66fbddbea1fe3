"""Tests of tornado_app/policy/formats.py: formats that a client changes while a call runs."""

import pytest

from tornado_app.errors import Refused
from tornado_app.policy.formats import CallFormats, changed
from tornado_app.protocol.opening import MODEL_FORMAT
from workers.formats import AudioFormat, OpusFormat

WIDE = AudioFormat("pcm16", 48_000, 2)
BEFORE = CallFormats(WIDE, MODEL_FORMAT, "base64")


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({}, BEFORE),
        (
            {"input_format": "pcmu", "input_rate": 8000, "input_channels": 1},
            CallFormats(AudioFormat("pcmu", 8000, 1), MODEL_FORMAT, "base64"),
        ),
        ({"output_format": "pcma"}, CallFormats(WIDE, AudioFormat("pcma", 24_000, 1), "base64")),
        ({"output_rate": 8000}, CallFormats(WIDE, AudioFormat("pcm16", 8000, 1), "base64")),
        ({"output_encoding": "binary"}, CallFormats(WIDE, MODEL_FORMAT, "binary")),
        ({"input_format": "opus"}, CallFormats(OpusFormat(48_000, 2), MODEL_FORMAT, "base64")),
        ({"output_format": "opus"}, CallFormats(WIDE, OpusFormat(24_000, 1), "base64")),
    ],
)
def test_what_is_left_out_stays_as_it_is(changes, after):
    """Each way by itself."""
    assert after == changed(BEFORE, changes, has_opus=True)


@pytest.mark.parametrize(
    ("changes", "has_opus", "field", "words"),
    [
        ({"input_format": "opus"}, False, "input_format", "this server has no Opus"),
        ({"output_format": "opus"}, False, "output_format", "this server has no Opus"),
        ({"input_format": "opus", "input_rate": 44_100}, True, "input_rate", "8000, 12000"),
        ({"output_format": "opus", "output_rate": 7}, True, "output_rate", "is opus"),
        ({"input_format": "opus", "input_channels": 3}, True, "input_channels", "1 or 2 where"),
    ],
)
def test_opus_is_taken_where_it_can_be(changes, has_opus, field, words):
    """By this server, at its own rates, in one channel or two."""
    with pytest.raises(Refused, match=words) as caught:
        changed(BEFORE, changes, has_opus=has_opus)

    assert ("invalid_message", field) == (caught.value.code, caught.value.field)


@pytest.mark.parametrize(
    ("target", "encoding", "passes"),
    [(MODEL_FORMAT, "base64", True), (MODEL_FORMAT, "binary", False), (WIDE, "base64", False)],
)
def test_only_the_models_own_format_goes_through_untouched(target, encoding, passes):
    """In its own spelling."""
    assert passes == CallFormats(WIDE, target, encoding).passes_through
