"""Encodings against the tables of ITU-T G.711, and the way there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers import oracles
from workers.codecs import decode, encode

ALL_CODES = bytes(range(256))
ALL_INT16 = np.arange(-32768, 32768).astype("<i2")

ORACLES = [
    pytest.param("pcmu", oracles.mulaw_decode, oracles.mulaw_encode, id="mulaw"),
    pytest.param("pcma", oracles.alaw_decode, oracles.alaw_encode, id="alaw"),
]


@pytest.mark.parametrize(("encoding", "slow_decode", "slow_encode"), ORACLES)
def test_all_codes_decode_as_the_tables_say(encoding, slow_decode, slow_encode):
    """Each of the 256 codes gives the output value of its interval."""
    expected = [slow_decode(code) for code in range(256)]

    assert expected == (decode(ALL_CODES, encoding) * 32768).tolist()


@pytest.mark.parametrize(("encoding", "slow_decode", "slow_encode"), ORACLES)
def test_encoding_finds_the_interval(encoding, slow_decode, slow_encode):
    """At, before and after every output and decision value the code is that of the tables."""
    outputs = {slow_decode(code) for code in range(256)}
    intervals = oracles.mulaw_intervals() if encoding == "pcmu" else oracles.alaw_intervals()
    edges = {low for low, _ in intervals} | {-low for low, _ in intervals} | {-32768, 32767}
    near = {value + step for value in outputs | edges for step in (-1, 0, 1)}
    linear = sorted(value for value in near if -32768 <= value <= 32767)
    samples = np.array(linear, np.float32) / 32768

    assert bytes(map(slow_encode, linear)) == encode(samples, encoding)


def test_alaw_codes_survive_the_round_trip():
    """Every code decodes to a value that encodes to itself."""
    assert ALL_CODES == encode(decode(ALL_CODES, "pcma"), "pcma")


def test_mulaw_codes_survive_the_round_trip_but_negative_zero():
    """0x7F and 0xFF both decode to 0, which encodes as positive zero, 0xFF."""
    expected = bytes(0xFF if code == 0x7F else code for code in range(256))

    assert expected == encode(decode(ALL_CODES, "pcmu"), "pcmu")


def test_known_codes():
    """Silence, full scale and the extremes are what telephones send."""
    extremes = np.array([0.0, 1.0, -1.0], np.float32)

    assert b"\xff\x80\x00" == encode(extremes, "pcmu")
    assert b"\xd5\xaa\x2a" == encode(extremes, "pcma")


def test_pcm16_is_the_identity_there_and_back():
    """All 65536 values come back as they went."""
    assert ALL_INT16.tobytes() == encode(decode(ALL_INT16.tobytes(), "pcm16"), "pcm16")


def test_pcm16_spans_full_scale():
    """The scale is 32768, so that the lowest value is exactly -1.0."""
    assert [-1.0, 0.0, 32767 / 32768] == decode(b"\0\x80\0\0\xff\x7f", "pcm16").tolist()


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (1.0, 32767),
        (1.5, 32767),
        (-1.0, -32768),
        (-1e6, -32768),
        (0.6 / 32768, 1),
        (0.4 / 32768, 0),
        (-0.6 / 32768, -1),
        (-0.4 / 32768, 0),
    ],
)
def test_pcm16_rounds_and_clips(sample, expected):
    """Values go to the nearest step, and to the last one beyond full scale."""
    encoded = encode(np.array([sample], np.float32), "pcm16")

    assert expected == int.from_bytes(encoded, "little", signed=True)


@given(st.lists(st.floats(-1e6, 1e6, width=32)))
def test_float32_is_the_identity_there_and_back(values):
    """Nothing is clipped or rounded."""
    data = np.array(values, "<f4").tobytes()

    assert data == encode(decode(data, "float32"), "float32")


@pytest.mark.parametrize("encoding", ["pcm16", "float32", "pcmu", "pcma"])
def test_nothing_gives_nothing(encoding):
    """No bytes are no samples, and no samples no bytes."""
    samples = decode(b"", encoding)

    assert (0,) == samples.shape
    assert np.float32 == samples.dtype
    assert b"" == encode(samples, encoding)
